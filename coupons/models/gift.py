from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from config.kernel.ids import uuid7
from coupons.enums import GiftState
from coupons.models.claim import Claim


class GiftQuerySet(models.QuerySet["Gift"]):
    def past_expiry(self, now: datetime) -> GiftQuerySet:
        """Offers whose time is over and whose claim has not gone back yet."""
        return self.filter(state=GiftState.OFFERED, expires_at__lte=now)


class Gift(models.Model):
    """A claim offered to whoever holds the link, until `expires_at`. Only a checksum of the link's secret is kept.

    While it is offered the claim is `gifting`; accepted, it is `gifted` and `received` is the recipient's new claim.
    """

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    claim = models.ForeignKey(Claim, verbose_name=_("claim"), on_delete=models.PROTECT, related_name="gifts")
    giver = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("giver"), on_delete=models.PROTECT, related_name="gifts_given"
    )
    checksum = models.CharField(max_length=64, unique=True)
    message = models.CharField(_("message"), max_length=140, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=GiftState, default=GiftState.OFFERED)
    offered_at = models.DateTimeField(_("offered"))
    expires_at = models.DateTimeField(_("expires"))
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("recipient"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="gifts_received",
    )
    received = models.OneToOneField(
        Claim,
        verbose_name=_("received claim"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="received_as",
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    objects = GiftQuerySet.as_manager()

    class Meta:
        verbose_name = _("gift to a friend")
        verbose_name_plural = _("gifts to friends")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=GiftState.values), name="coupons_gift_state"),
            models.UniqueConstraint(
                fields=["claim"], condition=Q(state=GiftState.OFFERED), name="coupons_gift_one_offer"
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("offered_at")), name="coupons_gift_window"),
            models.CheckConstraint(
                condition=Q(state=GiftState.ACCEPTED, recipient__isnull=False, received__isnull=False)
                | (~Q(state=GiftState.ACCEPTED) & Q(recipient=None, received=None)),
                name="coupons_gift_received",
            ),
            models.CheckConstraint(
                condition=Q(recipient=None) | ~Q(recipient=F("giver")), name="coupons_gift_not_to_oneself"
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state=GiftState.OFFERED), name="coupons_gift_expiring"),
            models.Index(fields=["giver", "offered_at"], name="coupons_gift_giver"),
        ]

    def __str__(self) -> str:
        return f"{self.claim} → {self.recipient or '…'}"

    def state_at(self, now: datetime) -> GiftState:
        """Returns the state as it should be shown: expired from its end on, before any job has run."""
        if self.state == GiftState.OFFERED and now >= self.expires_at:
            return GiftState.EXPIRED
        return GiftState(self.state)
