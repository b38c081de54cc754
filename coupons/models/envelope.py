from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from config.kernel.money import MoneyField
from coupons.models.coupon import Coupon


class Envelope(models.Model):
    """The limits within which a shopper fits a coupon to taste: amount, minimum spend and days of validity.

    An amount needs a minimum spend of at least so many times itself: `factor_shortest` for the shortest validity,
    `factor_longest` for the longest, and in a straight line between them. A coupon that is used more often, because
    it lasts longer, thereby gives a smaller share of what is spent.
    """

    coupon = models.OneToOneField(Coupon, on_delete=models.CASCADE, related_name="envelope", primary_key=True)
    amount_minimum = MoneyField(_("smallest amount"))
    amount_maximum = MoneyField(_("largest amount"))
    amount_step = MoneyField(_("step"))
    days_minimum = models.PositiveSmallIntegerField(_("fewest days"), default=1)
    days_maximum = models.PositiveSmallIntegerField(_("most days"), default=14)
    factor_shortest = models.DecimalField(
        _("times the amount, fewest days"), max_digits=6, decimal_places=2, default=Decimal(4)
    )
    factor_longest = models.DecimalField(
        _("times the amount, most days"), max_digits=6, decimal_places=2, default=Decimal(8)
    )
    spend_maximum = MoneyField(_("largest minimum spend"))

    class Meta:
        verbose_name = _("fit-your-own limits")
        verbose_name_plural = _("fit-your-own limits")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minimum__gte=1, amount_maximum__gte=F("amount_minimum"), amount_step__gte=1),
                name="coupons_envelope_amounts",
                violation_error_message=_("The largest amount lies below the smallest, or the step is 0."),
            ),
            models.CheckConstraint(
                condition=Q(days_minimum__gte=1, days_maximum__gte=F("days_minimum")),
                name="coupons_envelope_days",
                violation_error_message=_("The most days lie below the fewest."),
            ),
            models.CheckConstraint(
                condition=Q(factor_shortest__gte=1, factor_longest__gte=F("factor_shortest")),
                name="coupons_envelope_factors",
                violation_error_message=_("A longer validity needs a factor at least as large; no factor is below 1."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.coupon}: {self.amount_minimum}–{self.amount_maximum}"
