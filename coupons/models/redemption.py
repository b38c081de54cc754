from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from config.kernel.append_only import AppendOnlyModel
from config.kernel.money import MoneyField
from coupons.enums import RedemptionEntryKind
from coupons.models.claim import Claim
from coupons.models.coupon import Coupon
from coupons.models.order import Order


class Redemption(models.Model):
    """A coupon used on an order, with what it took off and how much of that was given back.

    `claim` is None for an automatic promotion, which nobody holds.
    """

    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="redemptions")
    claim = models.ForeignKey(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, null=True, blank=True, related_name="redemptions"
    )
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="redemptions")
    amount = MoneyField(_("discount"))
    refunded = MoneyField(_("given back"), default=0)
    redeemed_at = models.DateTimeField(_("redeemed"))

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [
            models.UniqueConstraint(fields=["claim", "order"], name="coupons_redemption_once"),
            models.UniqueConstraint(
                fields=["coupon", "order"], condition=Q(claim=None), name="coupons_redemption_automatic_once"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0, refunded__gte=0, refunded__lte=F("amount")),
                name="coupons_redemption_amounts",
            ),
        ]
        indexes = [models.Index(fields=["redeemed_at"], name="coupons_redemption_time")]

    def __str__(self) -> str:
        return f"{self.coupon} · {self.order}"


class RedemptionEntry(AppendOnlyModel):
    """One movement of discount money: positive when redeemed, negative when given back."""

    redemption = models.ForeignKey(Redemption, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(_("kind"), max_length=12, choices=RedemptionEntryKind)
    amount = MoneyField(_("amount"))
    created_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("redemption entry")
        verbose_name_plural = _("redemption entries")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=RedemptionEntryKind.REDEEMED, amount__gte=0)
                | Q(kind=RedemptionEntryKind.REFUNDED, amount__lte=0),
                name="coupons_redemption_entry_sign",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"
