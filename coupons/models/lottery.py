from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from config.kernel.bilingual import in_active_language
from config.kernel.fields import EncryptedTextField
from config.kernel.ids import uuid7
from coupons.enums import CouponStatus, LotteryStanding, LotteryState
from coupons.models.claim import Claim
from coupons.models.coupon import Coupon

# For so long a prize that could not be handed out, as its coupon is paused or out of stock, is tried again.
PRIZE_KEPT = timedelta(days=7)


class LotteryQuerySet(models.QuerySet["Lottery"]):
    def open_at(self, now: datetime) -> LotteryQuerySet:
        """Lotteries that can be entered at this moment, as far as their coupon runs."""
        return self.filter(state=LotteryState.OPEN, opens_at__lte=now, closes_at__gt=now)

    def due(self, now: datetime) -> LotteryQuerySet:
        """Lotteries whose entries are closed and whose draw is still to come."""
        return self.filter(state=LotteryState.OPEN, closes_at__lte=now).exclude(coupon__status=CouponStatus.ENDED)

    def known(self) -> LotteryQuerySet:
        """Lotteries with what their look depends on: the coupon, and how many entered (`entry_count`)."""
        entries = LotteryEntry.objects.filter(lottery=OuterRef("pk")).order_by().values("lottery")
        count = Coalesce(Subquery(entries.annotate(count=Count("pk")).values("count")), 0)
        return self.select_related("coupon").annotate(entry_count=count)


class Lottery(models.Model):
    """Claims of a coupon drawn by lot among those who entered in `[opens_at, closes_at)`.

    The draw is settled before it can be known: `seed_commitment` is the SHA-256 of a secret seed and stands on the
    page from the beginning; `entries_commitment` is that of the ordered list of entries, fixed when they close.
    Winners follow from the two alone (`coupons.draws`). With the seed published afterwards, anybody can draw again.
    """

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="lotteries")
    title_zh = models.CharField(_("title in Chinese"), max_length=80, blank=True)
    title_en = models.CharField(_("title in English"), max_length=80)
    opens_at = models.DateTimeField(_("opens"))
    closes_at = models.DateTimeField(_("closes"))
    winner_count = models.PositiveIntegerField(_("winners"))
    # A tag that doubles, triples … the chances of who carries it; published with the rules.
    weight_tag = models.CharField(_("tag with more weight"), max_length=64, blank=True)
    weight = models.PositiveSmallIntegerField(_("weight of the tag"), default=1)
    state = models.CharField(_("state"), max_length=8, choices=LotteryState, default=LotteryState.OPEN, editable=False)
    seed = EncryptedTextField(editable=False)
    seed_commitment = models.CharField(_("commitment to the seed"), max_length=64, editable=False)
    entries_commitment = models.CharField(_("commitment to the entries"), max_length=64, blank=True, editable=False)
    drawn_at = models.DateTimeField(_("drawn"), null=True, blank=True, editable=False)

    objects = LotteryQuerySet.as_manager()

    class Meta:
        verbose_name = _("lottery")
        verbose_name_plural = _("lotteries")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=LotteryState.values), name="coupons_lottery_state"),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")),
                name="coupons_lottery_window",
                violation_error_message=_("A lottery must close after it opens."),
            ),
            models.CheckConstraint(
                condition=Q(winner_count__gte=1, weight__gte=1, weight__lte=100),
                name="coupons_lottery_numbers",
                violation_error_message=_("There is at least one winner, and a weight lies between 1 and 100."),
            ),
            models.CheckConstraint(
                condition=Q(state=LotteryState.DRAWN, drawn_at__isnull=False) & ~Q(entries_commitment="")
                | Q(state=LotteryState.OPEN, drawn_at=None),
                name="coupons_lottery_drawn",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("coupons:lottery", args=[self.public_id])

    @property
    def title(self) -> str:
        return in_active_language(self.title_zh, self.title_en)

    def standing(self, now: datetime) -> LotteryStanding:
        """Returns where the lottery stands at a moment; `coupon` should be read with it."""
        if self.state == LotteryState.DRAWN:
            return LotteryStanding.DRAWN
        if self.coupon.status == CouponStatus.ENDED:
            return LotteryStanding.CALLED_OFF
        if now >= self.closes_at or self.entries_commitment:
            return LotteryStanding.CLOSED
        if self.coupon.status == CouponStatus.PAUSED:
            return LotteryStanding.PAUSED
        return LotteryStanding.OPEN if now >= self.opens_at else LotteryStanding.UPCOMING


class LotteryEntryQuerySet(models.QuerySet["LotteryEntry"]):
    def winners(self) -> LotteryEntryQuerySet:
        """Entries that won, the first winner first."""
        return self.filter(rank__isnull=False).order_by("rank")

    def owed(self, now: datetime) -> LotteryEntryQuerySet:
        """Winners whose claim is still to come, as long as a prize is kept for them."""
        return self.winners().filter(claim=None, lottery__drawn_at__gt=now - PRIZE_KEPT)


class LotteryEntry(models.Model):
    """One shopper's entry.

    `ticket` is its public number; `rank` is its place among the winners, 1 being the first; who did not
    win has none.
    """

    lottery = models.ForeignKey(Lottery, verbose_name=_("lottery"), on_delete=models.PROTECT, related_name="entries")
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.PROTECT, related_name="lottery_entries"
    )
    ticket = models.UUIDField(_("ticket"), default=uuid7, unique=True, editable=False)
    weight = models.PositiveSmallIntegerField(_("weight"), default=1)
    entered_at = models.DateTimeField(_("entered"))
    rank = models.PositiveIntegerField(_("rank"), null=True, blank=True)
    claim = models.OneToOneField(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, null=True, blank=True, related_name="lottery_entry"
    )

    objects = LotteryEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("lottery entry")
        verbose_name_plural = _("lottery entries")
        constraints = [
            models.UniqueConstraint(fields=["lottery", "shopper"], name="coupons_lottery_entry_once"),
            models.UniqueConstraint(
                fields=["lottery", "rank"], condition=Q(rank__isnull=False), name="coupons_lottery_rank_once"
            ),
            models.CheckConstraint(condition=Q(weight__gte=1), name="coupons_lottery_entry_weight"),
            models.CheckConstraint(condition=Q(claim=None) | Q(rank__isnull=False), name="coupons_lottery_entry_won"),
        ]

    def __str__(self) -> str:
        return f"{self.lottery} · {self.ticket}"
