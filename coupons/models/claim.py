from __future__ import annotations

from copy import copy
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from config.kernel.append_only import AppendOnlyModel
from config.kernel.ids import uuid7
from config.kernel.money import MoneyField
from coupons.enums import ClaimChannel, ClaimState
from coupons.models.coupon import Coupon

# Claims that came from another claim, and with the shares of red packets those that no limit counts.
DERIVED = [ClaimChannel.GIFT, ClaimChannel.REST]
WITHOUT_ORDINAL = [*DERIVED, ClaimChannel.RED_PACKET]
ON_AN_ORDER = [ClaimState.LOCKED, ClaimState.REDEEMED]


class ClaimQuerySet(models.QuerySet["Claim"]):
    def of(self, shopper_id: int) -> ClaimQuerySet:
        return self.filter(shopper_id=shopper_id)

    def usable(self, now: datetime) -> ClaimQuerySet:
        """Claims that can go on an order now; one that expired since the last sweep is not among them."""
        return self.filter(state=ClaimState.AVAILABLE, usable_from__lte=now, expires_at__gt=now)

    def past_expiry(self, now: datetime) -> ClaimQuerySet:
        """Available claims whose time is over: the work of the expiry job."""
        return self.filter(state=ClaimState.AVAILABLE, expires_at__lte=now)


class Claim(models.Model):
    """One coupon held by one shopper. `state` changes only through `coupons.services.claim_states`.

    `ordinal` counts the shopper's claims of this coupon from 1: with its unique constraint it stands
    behind the limit per shopper. A claim that came from another one, as a gift or as the rest of a share, is
    counted with its `source` and has none; neither has a share of a red packet, of which each shopper gets one.

    `amount_off` and `minimum_spend` are terms of this claim alone where its coupon leaves them open: a share's
    money, or what the shopper chose within the coupon's envelope.
    """

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="claims")
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.PROTECT, related_name="claims"
    )
    ordinal = models.PositiveIntegerField(_("number"), null=True)
    state = models.CharField(_("state"), max_length=12, choices=ClaimState, default=ClaimState.AVAILABLE)
    channel = models.CharField(_("channel"), max_length=12, choices=ClaimChannel)
    amount_off = MoneyField(_("amount off"), null=True, blank=True)
    minimum_spend = MoneyField(_("minimum spend"), null=True, blank=True)
    source = models.ForeignKey(
        "self", verbose_name=_("from claim"), on_delete=models.PROTECT, null=True, blank=True, related_name="derived"
    )
    # How many hands the claim went through as a gift.
    gift_depth = models.PositiveSmallIntegerField(_("times given"), default=0)
    claimed_at = models.DateTimeField(_("claimed"))
    usable_from = models.DateTimeField(_("usable from"))
    expires_at = models.DateTimeField(_("expires"))
    order = models.ForeignKey(
        "coupons.Order", verbose_name=_("order"), on_delete=models.PROTECT, null=True, blank=True, related_name="claims"
    )

    objects = ClaimQuerySet.as_manager()

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        constraints = [
            models.UniqueConstraint(fields=["coupon", "shopper", "ordinal"], name="coupons_claim_ordinal"),
            models.CheckConstraint(condition=Q(state__in=ClaimState.values), name="coupons_claim_state"),
            models.CheckConstraint(
                condition=Q(ordinal__isnull=True, channel__in=WITHOUT_ORDINAL)
                | (Q(ordinal__isnull=False, ordinal__gte=1) & ~Q(channel__in=WITHOUT_ORDINAL)),
                name="coupons_claim_counted",
            ),
            models.CheckConstraint(
                condition=Q(source__isnull=False, channel__in=DERIVED)
                | (Q(source__isnull=True) & ~Q(channel__in=DERIVED)),
                name="coupons_claim_source",
            ),
            models.CheckConstraint(
                condition=(Q(amount_off=None) | Q(amount_off__gt=0))
                & (Q(minimum_spend=None) | Q(minimum_spend__gte=0)),
                name="coupons_claim_terms",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ON_AN_ORDER, order__isnull=False)
                | (~Q(state__in=ON_AN_ORDER) & Q(order__isnull=True)),
                name="coupons_claim_order",
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("usable_from")), name="coupons_claim_window"),
        ]
        indexes = [
            models.Index(fields=["shopper", "-claimed_at"], name="coupons_claim_wallet"),
            # The dashboard counts what was claimed in a period.
            models.Index(fields=["claimed_at"], name="coupons_claim_time"),
            # The expiry job and the reminders read only what is still available, in order of its end.
            models.Index(fields=["expires_at"], condition=Q(state=ClaimState.AVAILABLE), name="coupons_claim_expiring"),
        ]

    def __str__(self) -> str:
        return f"{self.coupon} · {self.shopper}"

    @property
    def has_own_terms(self) -> bool:
        """Whether it holds terms that its coupon leaves open."""
        return self.amount_off is not None or self.minimum_spend is not None

    @property
    def coupon_as_held(self) -> Coupon:
        """The coupon with the terms of this claim in place of its own; only to be read, never saved."""
        held = copy(self.coupon)
        # What a shopper could have chosen no longer matters.
        held._state.fields_cache["envelope"] = None
        if self.amount_off is not None:
            held.amount_off = self.amount_off
        if self.minimum_spend is not None:
            held.minimum_spend = self.minimum_spend
        return held

    def state_at(self, now: datetime) -> ClaimState:
        """Returns the state as a shopper should see it: expired from its end on, before any job has run."""
        if self.state == ClaimState.AVAILABLE and now >= self.expires_at:
            return ClaimState.EXPIRED
        return ClaimState(self.state)


class ClaimEntry(AppendOnlyModel):
    """One move of a claim: its ledger. A claim's state is the `to_state` of its last entry."""

    claim = models.ForeignKey(Claim, verbose_name=_("claim"), on_delete=models.PROTECT, related_name="entries")
    from_state = models.CharField(_("from"), max_length=12, choices=ClaimState, blank=True)
    to_state = models.CharField(_("to"), max_length=12, choices=ClaimState)
    order = models.ForeignKey(
        "coupons.Order", verbose_name=_("order"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(_("reason"), max_length=40)
    data = models.JSONField(_("details"), default=dict, blank=True)
    created_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("claim entry")
        verbose_name_plural = _("claim entries")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(to_state__in=ClaimState.values), name="coupons_claim_entry_state")
        ]

    def __str__(self) -> str:
        return f"{self.from_state or '·'} → {self.to_state}"


class ClaimCounter(models.Model):
    """How many claims of a coupon a shopper has made, in all and on one day.

    One conditional upsert on this row enforces both limits; it counts claims ever made, so that using or
    losing one never makes room for another.
    """

    coupon = models.ForeignKey(Coupon, on_delete=models.CASCADE, related_name="claim_counters")
    shopper = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    claimed = models.PositiveIntegerField()
    day = models.DateField()
    claimed_on_day = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["coupon", "shopper"], name="coupons_claim_counter_once")]

    def __str__(self) -> str:
        return f"{self.coupon_id}/{self.shopper_id}: {self.claimed}"
