from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from coupons.models import Coupon


class CouponScore(models.Model):
    """What a coupon of a live or coming campaign is worth to one shopper, as the nightly run sees it.

    `probability` is calibrated: of a hundred pairs with 0.07 seven are used. `value` orders a shopper's coupons; it is
    in minor units, and not rounded, since most of them are worth less than one.
    """

    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.CASCADE, related_name="coupon_scores"
    )
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.CASCADE, related_name="+")
    probability = models.FloatField(_("probability of use"))
    value = models.FloatField(_("value score"))
    computed_at = models.DateTimeField(_("computed"))

    class Meta:
        verbose_name = _("coupon score")
        verbose_name_plural = _("coupon scores")
        constraints = [
            models.UniqueConstraint(fields=["shopper", "coupon"], name="campaigns_coupon_score_once"),
            models.CheckConstraint(
                condition=Q(probability__gte=0, probability__lte=1, value__gte=0), name="campaigns_coupon_score_range"
            ),
        ]
        indexes = [
            models.Index(fields=["shopper", "-value"], name="campaigns_coupon_score_best"),
            # The run takes away what it did not renew.
            models.Index(fields=["computed_at"], name="campaigns_coupon_score_time"),
        ]

    def __str__(self) -> str:
        return f"{self.shopper_id} → {self.coupon_id}: {self.probability:.4f}"
