from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from coupons.models.coupon import Coupon


class ReleaseBatchQuerySet(models.QuerySet["ReleaseBatch"]):
    def due(self, now: datetime) -> ReleaseBatchQuerySet:
        """Batches to be opened now: their time has come, their coupon is live and has a limit."""
        return self.filter(
            opened_at=None,
            opens_at__lte=now,
            coupon__in=Coupon.objects.live(now).filter(stock__is_unlimited=False),
        )


class ReleaseBatch(models.Model):
    """A slice of stock that opens at a set time, once."""

    coupon = models.ForeignKey(
        Coupon, verbose_name=_("coupon"), on_delete=models.CASCADE, related_name="release_batches"
    )
    opens_at = models.DateTimeField(_("opens"))
    quantity = models.PositiveIntegerField(_("quantity"))
    opened_at = models.DateTimeField(_("opened"), null=True, blank=True, editable=False)

    objects = ReleaseBatchQuerySet.as_manager()

    class Meta:
        verbose_name = _("release batch")
        verbose_name_plural = _("release batches")
        ordering = ["coupon", "opens_at"]
        constraints = [
            models.UniqueConstraint(fields=["coupon", "opens_at"], name="coupons_release_batch_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="coupons_release_batch_quantity"),
        ]
        indexes = [models.Index(fields=["opens_at"], condition=Q(opened_at=None), name="coupons_release_batch_due")]

    def __str__(self) -> str:
        return f"{self.coupon}: {self.quantity}"
