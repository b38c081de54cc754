from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from coupons.models.coupon import Coupon


class AllocationEdition(models.Model):
    """One decision on a coupon as a whole: written bit by bit, and in force from one moment to the next.

    At most one of a coupon is; one that is not is either being written or on its way out.
    """

    coupon = models.ForeignKey(
        Coupon, verbose_name=_("coupon"), on_delete=models.CASCADE, related_name="allocation_editions"
    )
    is_in_force = models.BooleanField(_("in force"), default=False)
    computed_at = models.DateTimeField(_("decided"))

    class Meta:
        verbose_name = _("edition of allocations")
        verbose_name_plural = _("editions of allocations")
        constraints = [
            models.UniqueConstraint(
                fields=["coupon"], condition=Q(is_in_force=True), name="coupons_allocation_in_force_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.coupon} {self.computed_at:%Y-%m-%d %H:%M}"


class AllocationQuerySet(models.QuerySet["Allocation"]):
    def active(self, now: datetime) -> AllocationQuerySet:
        """Those that open their coupon at this moment."""
        return self.in_force().filter(until__gt=now)

    def in_force(self) -> AllocationQuerySet:
        """Those of the last decision; what is being written, or is on its way out, decides nothing."""
        return self.filter(edition__is_in_force=True)


class Allocation(models.Model):
    """A coupon set aside for a shopper by a decision: one whose audience is allocated shoppers is open to no other.

    Written by whoever decides, read by the claim core. `explanation` says what the decision rested on.
    """

    edition = models.ForeignKey(AllocationEdition, on_delete=models.CASCADE, related_name="allocations", db_index=False)
    # The edition's, so that the claim core finds a shopper's allocation by one index.
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
            models.UniqueConstraint(fields=["edition", "shopper"], name="coupons_allocation_once"),
            models.CheckConstraint(condition=Q(until__gt=F("computed_at")), name="coupons_allocation_window"),
        ]

    def __str__(self) -> str:
        return f"{self.coupon} → {self.shopper}"
