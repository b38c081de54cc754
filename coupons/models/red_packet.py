from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from config.kernel.bilingual import in_active_language
from config.kernel.ids import uuid7
from config.kernel.money import MoneyField
from coupons.enums import CouponStatus, RedPacketSplit, RedPacketStanding, RedPacketState
from coupons.models.claim import Claim
from coupons.models.coupon import Coupon


class RedPacketQuerySet(models.QuerySet["RedPacket"]):
    def open_at(self, now: datetime) -> RedPacketQuerySet:
        """Packets whose shares can be grabbed at this moment, as far as there are any."""
        return self.filter(state=RedPacketState.OPEN, opens_at__lte=now, ends_at__gt=now)

    def known(self) -> RedPacketQuerySet:
        """Packets with what their look depends on: the coupon, and how many shares are taken (`taken_count`)."""
        # The index of what is free is small where the rush has been, and never looks at what was taken.
        free = RedPacketShare.objects.filter(packet=OuterRef("pk"), claim=None).order_by().values("packet")
        free_count = Coalesce(Subquery(free.annotate(count=Count("pk")).values("count")), 0)
        return self.select_related("coupon").annotate(taken_count=F("share_count") - free_count)

    def past_end(self, now: datetime) -> RedPacketQuerySet:
        """Packets whose time is over and whose remainder has not been returned yet."""
        return self.filter(state=RedPacketState.OPEN, ends_at__lte=now)


class RedPacket(models.Model):
    """A sum cut into shares that shoppers grab in `[opens_at, ends_at)`, one each.

    The shares are cut when the packet is made and add up to `total`. A share that was grabbed is a claim of
    `coupon`, a cash coupon, with the share's amount. What nobody grabbed is returned at the end.
    """

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    coupon = models.ForeignKey(
        Coupon, verbose_name=_("cash coupon"), on_delete=models.PROTECT, related_name="red_packets"
    )
    title_zh = models.CharField(_("title in Chinese"), max_length=80, blank=True)
    title_en = models.CharField(_("title in English"), max_length=80)
    split = models.CharField(_("split"), max_length=12, choices=RedPacketSplit)
    total = MoneyField(_("sum"))
    share_count = models.PositiveIntegerField(_("shares"))
    opens_at = models.DateTimeField(_("opens"))
    ends_at = models.DateTimeField(_("ends"))
    state = models.CharField(
        _("state"), max_length=8, choices=RedPacketState, default=RedPacketState.OPEN, editable=False
    )
    returned = MoneyField(_("returned"), default=0, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
    )
    created_at = models.DateTimeField(_("created"), editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, editable=False)

    objects = RedPacketQuerySet.as_manager()

    class Meta:
        verbose_name = _("red packet")
        verbose_name_plural = _("red packets")
        constraints = [
            models.CheckConstraint(condition=Q(split__in=RedPacketSplit.values), name="coupons_packet_split"),
            models.CheckConstraint(condition=Q(state__in=RedPacketState.values), name="coupons_packet_state"),
            models.CheckConstraint(
                condition=Q(share_count__gte=1, total__gte=F("share_count")),
                name="coupons_packet_total",
                violation_error_message=_("Every share needs at least the smallest coin."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("opens_at")),
                name="coupons_packet_window",
                violation_error_message=_("The packet must end after it opens."),
            ),
            models.CheckConstraint(
                condition=Q(returned__gte=0, returned__lte=F("total")), name="coupons_packet_returned"
            ),
        ]
        indexes = [
            models.Index(fields=["ends_at"], condition=Q(state=RedPacketState.OPEN), name="coupons_packet_ending")
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("coupons:red_packet", args=[self.public_id])

    @property
    def title(self) -> str:
        return in_active_language(self.title_zh, self.title_en)

    def standing(self, now: datetime) -> RedPacketStanding:
        """Returns where a packet read by `known` stands at a moment."""
        taken_count: int = self.taken_count  # type: ignore[attr-defined]  # annotated
        if taken_count >= self.share_count:
            return RedPacketStanding.ALL_TAKEN
        if self.state == RedPacketState.CLOSED or now >= self.ends_at or self.coupon.status == CouponStatus.ENDED:
            return RedPacketStanding.OVER
        if self.coupon.status == CouponStatus.PAUSED:
            return RedPacketStanding.PAUSED
        return RedPacketStanding.OPEN if now >= self.opens_at else RedPacketStanding.UPCOMING


class RedPacketShareQuerySet(models.QuerySet["RedPacketShare"]):
    def free(self) -> RedPacketShareQuerySet:
        """Shares that nobody has taken."""
        return self.filter(claim=None)

    def taken(self) -> RedPacketShareQuerySet:
        """Shares that somebody has, the newest first."""
        return self.filter(claim__isnull=False).order_by("-taken_at", "-pk")


class RedPacketShare(models.Model):
    """One cut piece of a red packet; free until `claim` is set. `reserved_for` alone may grab it, if anybody."""

    packet = models.ForeignKey(RedPacket, verbose_name=_("red packet"), on_delete=models.PROTECT, related_name="shares")
    number = models.PositiveIntegerField(_("number"))
    amount = MoneyField(_("amount"))
    reserved_for = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("reserved for"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("shopper"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="red_packet_shares",
    )
    claim = models.OneToOneField(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, null=True, blank=True, related_name="red_packet_share"
    )
    taken_at = models.DateTimeField(_("taken"), null=True, blank=True)

    objects = RedPacketShareQuerySet.as_manager()

    class Meta:
        verbose_name = _("share")
        verbose_name_plural = _("shares")
        ordering = ["packet", "number"]
        constraints = [
            models.UniqueConstraint(fields=["packet", "number"], name="coupons_share_number"),
            models.UniqueConstraint(
                fields=["packet", "shopper"], condition=Q(shopper__isnull=False), name="coupons_share_one_each"
            ),
            models.UniqueConstraint(
                fields=["packet", "reserved_for"],
                condition=Q(reserved_for__isnull=False),
                name="coupons_share_one_reserved",
            ),
            models.CheckConstraint(condition=Q(amount__gte=1), name="coupons_share_amount"),
            models.CheckConstraint(
                condition=Q(shopper=None, claim=None, taken_at=None)
                | Q(shopper__isnull=False, claim__isnull=False, taken_at__isnull=False),
                name="coupons_share_taken",
            ),
            models.CheckConstraint(
                condition=Q(reserved_for=None) | Q(shopper=None) | Q(shopper=F("reserved_for")),
                name="coupons_share_reserved",
            ),
        ]
        indexes = [
            models.Index(fields=["packet"], condition=Q(claim=None), name="coupons_share_free"),
            # An open page asks again and again who took what, and at the end who was the luckiest.
            models.Index(fields=["packet", "-taken_at"], name="coupons_share_board"),
            models.Index(fields=["packet", "-amount"], name="coupons_share_luckiest"),
        ]

    def __str__(self) -> str:
        return f"{self.packet} {self.number}: {self.amount}"
