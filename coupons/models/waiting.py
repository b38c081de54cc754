from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from coupons.enums import WaitingState
from coupons.models.claim import Claim
from coupons.models.coupon import Coupon


class WaitingQuerySet(models.QuerySet["WaitingEntry"]):
    def waiting(self, coupon_id: int) -> WaitingQuerySet:
        """Those who wait for a coupon; whoever came first is first."""
        return self.filter(coupon_id=coupon_id, state=WaitingState.WAITING).order_by("joined_at", "pk")


class WaitingEntry(models.Model):
    """A shopper who waits for a sold-out coupon; those who came first are granted first when stock returns."""

    coupon = models.ForeignKey(
        Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="waiting_entries"
    )
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.CASCADE, related_name="waiting_entries"
    )
    state = models.CharField(_("state"), max_length=8, choices=WaitingState, default=WaitingState.WAITING)
    joined_at = models.DateTimeField(_("joined"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    claim = models.OneToOneField(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, null=True, blank=True, related_name="waited_for"
    )

    objects = WaitingQuerySet.as_manager()

    class Meta:
        verbose_name = _("waiting list entry")
        verbose_name_plural = _("waiting list")
        ordering = ["joined_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=WaitingState.values), name="coupons_waiting_state"),
            models.UniqueConstraint(
                fields=["coupon", "shopper"], condition=Q(state=WaitingState.WAITING), name="coupons_waiting_once"
            ),
            models.CheckConstraint(
                condition=Q(state=WaitingState.GRANTED, claim__isnull=False)
                | (~Q(state=WaitingState.GRANTED) & Q(claim=None)),
                name="coupons_waiting_granted",
            ),
        ]
        indexes = [
            models.Index(
                fields=["coupon", "joined_at", "id"],
                condition=Q(state=WaitingState.WAITING),
                name="coupons_waiting_queue",
            )
        ]

    def __str__(self) -> str:
        return f"{self.coupon} · {self.shopper}"
