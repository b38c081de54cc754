from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.kernel.money import MoneyField
from coupons.models.coupon import Coupon


class Tier(models.Model):
    """One step of a tiered coupon: from `minimum_spend` money or `minimum_quantity` units on, so much off."""

    coupon = models.ForeignKey(Coupon, on_delete=models.CASCADE, related_name="tiers")
    minimum_spend = MoneyField(_("from amount"), null=True, blank=True)
    minimum_quantity = models.PositiveIntegerField(_("from units"), null=True, blank=True)
    amount_off = MoneyField(_("amount off"), null=True, blank=True)
    percent_off = models.DecimalField(
        _("percent off"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        ordering = ["coupon", "minimum_spend", "minimum_quantity"]
        constraints = [
            models.CheckConstraint(
                condition=Q(minimum_quantity=None, minimum_spend__isnull=False, minimum_spend__gte=0)
                | Q(minimum_spend=None, minimum_quantity__isnull=False, minimum_quantity__gte=1),
                name="coupons_tier_minimum",
                violation_error_message=_("Say from which amount or from how many units the tier counts."),
            ),
            models.CheckConstraint(
                condition=Q(percent_off=None, amount_off__isnull=False, amount_off__gt=0)
                | Q(amount_off=None, percent_off__isnull=False, percent_off__gt=0, percent_off__lte=100),
                name="coupons_tier_benefit",
                violation_error_message=_("A tier takes off either an amount or a percentage."),
            ),
            models.UniqueConstraint(
                fields=["coupon", "minimum_spend"],
                condition=Q(minimum_spend__isnull=False),
                name="coupons_tier_spend_once",
            ),
            models.UniqueConstraint(
                fields=["coupon", "minimum_quantity"],
                condition=Q(minimum_quantity__isnull=False),
                name="coupons_tier_quantity_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.coupon}: {self.minimum_spend if self.minimum_quantity is None else self.minimum_quantity}"
