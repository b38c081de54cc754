from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from coupons.models.coupon import Coupon


class AllocationQuerySet(models.QuerySet["Allocation"]):
    def active(self, now: datetime) -> AllocationQuerySet:
        """Those that open their coupon at this moment."""
        return self.filter(until__gt=now)


class Allocation(models.Model):
    """A coupon set aside for a shopper by a decision: one whose audience is allocated shoppers is open to no other.

    Written by whoever decides, read by the claim core. `explanation` says what the decision rested on.
    """

    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.CASCADE, related_name="allocations")
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.CASCADE, related_name="allocations"
    )
    until = models.DateTimeField(_("until"))
    computed_at = models.DateTimeField(_("decided"))
    explanation = models.JSONField(_("explanation"), default=dict, blank=True)

    objects = AllocationQuerySet.as_manager()

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        constraints = [
            models.UniqueConstraint(fields=["coupon", "shopper"], name="coupons_allocation_once"),
            models.CheckConstraint(condition=Q(until__gt=F("computed_at")), name="coupons_allocation_window"),
        ]

    def __str__(self) -> str:
        return f"{self.coupon} → {self.shopper}"
