from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _

from config.kernel.append_only import AppendOnlyModel
from coupons.enums import StockMovementKind
from coupons.models.coupon import Coupon


class Stock(models.Model):
    """How many claims of a coupon may be handed out.

    `released` is the sum of the coupon's stock movements. What is left of it lies in `StockBucket` rows,
    several for a hot coupon so that shoppers do not queue for one row. `reserve` is held back. Without a
    limit (`is_unlimited`) there are no buckets.
    """

    coupon = models.OneToOneField(Coupon, on_delete=models.CASCADE, related_name="stock", primary_key=True)
    is_unlimited = models.BooleanField(_("unlimited"), default=False)
    released = models.PositiveBigIntegerField(_("released"), default=0)
    reserve = models.PositiveBigIntegerField(_("reserve"), default=0)
    bucket_count = models.PositiveSmallIntegerField(_("buckets"), default=1)

    class Meta:
        verbose_name = _("stock")
        verbose_name_plural = _("stock")
        constraints = [
            models.CheckConstraint(
                condition=Q(bucket_count__gte=1) & Q(bucket_count__lte=64), name="coupons_stock_bucket_count"
            ),
            models.CheckConstraint(
                condition=Q(is_unlimited=False) | Q(released=0, reserve=0), name="coupons_stock_unlimited"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.coupon}: {self.remaining()}"

    def remaining(self) -> int | None:
        """Returns how many claims may still be handed out; None without a limit."""
        if self.is_unlimited:
            return None
        return StockBucket.objects.filter(coupon_id=self.coupon_id).aggregate(left=Sum("remaining"))["left"] or 0


class StockBucket(models.Model):
    """A part of a coupon's remaining stock; taken from under a row lock, never below zero."""

    coupon = models.ForeignKey(Coupon, on_delete=models.CASCADE, related_name="stock_buckets")
    number = models.PositiveSmallIntegerField(_("number"))
    remaining = models.PositiveBigIntegerField(_("remaining"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["coupon", "number"], name="coupons_bucket_number"),
            models.CheckConstraint(condition=Q(remaining__gte=0), name="coupons_bucket_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.coupon_id}/{self.number}: {self.remaining}"


class StockMovement(AppendOnlyModel):
    """One change of a coupon's released stock: its ledger."""

    coupon = models.ForeignKey(
        Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="stock_movements"
    )
    kind = models.CharField(_("kind"), max_length=16, choices=StockMovementKind)
    quantity = models.BigIntegerField(_("quantity"))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("who"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=StockMovementKind.WITHDRAWN, quantity__lt=0)
                | (~Q(kind=StockMovementKind.WITHDRAWN) & Q(quantity__gt=0)),
                name="coupons_movement_sign",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.quantity:+}"


class DailyClaimCount(models.Model):
    """How many claims of a coupon a shop day has seen; kept only where a daily limit is set."""

    coupon = models.ForeignKey(Coupon, on_delete=models.CASCADE, related_name="daily_claim_counts")
    day = models.DateField(_("day"))
    claimed = models.PositiveIntegerField(_("claimed"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["coupon", "day"], name="coupons_daily_count_once")]

    def __str__(self) -> str:
        return f"{self.coupon_id} {self.day}: {self.claimed}"
