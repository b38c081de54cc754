"""Lotteries: announced with a committed seed, entered by shoppers, drawn so that anybody can draw again."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from config.kernel.errors import Busy, DomainError
from config.kernel.locks import busy_when_locked
from coupons.draws import entries_commitment, seed_commitment, winning_tickets
from coupons.enums import CouponStatus, Handout, LotteryState
from coupons.errors import (
    EntriesChanged,
    LimitReached,
    LotteryCalledOff,
    LotteryEnded,
    LotteryNotStarted,
    LotteryPaused,
    LotteryStillOpen,
    NotForLottery,
    NothingToUse,
    StockTooSmall,
    TooManyWinners,
    WindowOver,
)
from coupons.models import Coupon, Lottery, LotteryEntry, Stock
from coupons.selectors.lotteries import entry_held, may_still_win, stock_free, tickets_of
from coupons.services.claim_refusals import refuse_unless_in_audience
from coupons.services.claims import claim_create_by_lot
from users.models import SEALED_FIELDS, Tag, User

MAXIMUM_WINNERS = 100_000
SEED_BYTES = 32
WRITTEN_AT_ONCE = 1_000

# A share of the row is held until the entry is committed: many enter beside each other, and fixing the list waits for
# each of them.
HOLD_OPEN = """
    SELECT id, coupon_id, state, opens_at, closes_at, entries_commitment, weight_tag, weight
    FROM coupons_lottery WHERE id = %s
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotteryPlan:
    """What a marketer asks of a lottery.

    Attributes:
        coupon: what is won: published, handed out by lot, with stock for all winners.
        opens_at, closes_at: when shoppers can enter, `[opens_at, closes_at)`.
        weight_tag, weight: who carries this tag on entering has so many lots; without a tag all have one.
    """

    coupon: Coupon
    title_en: str
    title_zh: str = ""
    opens_at: datetime
    closes_at: datetime
    winner_count: int
    weight_tag: str = ""
    weight: int = 1


def lottery_create(*, plan: LotteryPlan, now: datetime) -> Lottery:
    """Announces a lottery: from now on its rules stand, and the SHA-256 of its secret seed is public.

    Raises:
        The errors of `refuse_unless_possible`.
    """
    with busy_when_locked(), transaction.atomic():
        # The lock makes two lotteries that are announced at once count their winners one after the other.
        Stock.objects.select_for_update().filter(coupon=plan.coupon).first()
        refuse_unless_possible(plan=plan, now=now)
        seed = secrets.token_hex(SEED_BYTES)
        return Lottery.objects.create(
            coupon=plan.coupon,
            title_zh=plan.title_zh,
            title_en=plan.title_en,
            opens_at=plan.opens_at,
            closes_at=plan.closes_at,
            winner_count=plan.winner_count,
            weight_tag=plan.weight_tag,
            weight=plan.weight if plan.weight_tag else 1,
            seed=seed,
            seed_commitment=seed_commitment(seed),
        )


def refuse_unless_possible(*, plan: LotteryPlan, now: datetime) -> None:
    """Refuses a plan that could not be kept.

    Raises:
        WindowOver: it would close before it opens, or has closed.
        NotForLottery: the coupon cannot be handed out by lot.
        NothingToUse: the coupon could no longer be used after the draw.
        TooManyWinners, StockTooSmall: more winners than a lottery can have, or than there is stock that no other
            lottery has promised.
    """
    if plan.closes_at <= max(plan.opens_at, now):
        raise WindowOver
    if plan.winner_count > MAXIMUM_WINNERS:
        raise TooManyWinners(limit=MAXIMUM_WINNERS)
    coupon = Coupon.objects.select_related("envelope", "stock").get(pk=plan.coupon.pk)
    if coupon.handout != Handout.LOTTERY or coupon.status != CouponStatus.PUBLISHED or coupon.is_fitted:
        raise NotForLottery
    usable_from, expires_at = coupon.usable_window(plan.closes_at)
    if expires_at <= usable_from:
        raise NothingToUse
    free = stock_free(coupon=coupon, now=now)
    if free is not None and plan.winner_count > free:
        raise StockTooSmall(remaining=free)


def lottery_enter(*, lottery: Lottery, shopper: User, now: datetime) -> LotteryEntry:
    """Enters a shopper into a lottery; who has entered already gets the same entry again, also after the draw.

    One short transaction. The weight is settled here: by the tags that the shopper carries at this moment.

    Args:
        lottery: which one; its state is read anew inside the transaction.
        now: the database's time.

    Raises:
        LotteryNotStarted, LotteryEnded, LotteryPaused: the lottery takes no entries now.
        NotEligible: the coupon is not meant for this shopper.
        LimitReached: the shopper may not hold one more of the coupon.
        Busy: the database could not give a lock in time; nothing was changed.
    """
    with busy_when_locked(), transaction.atomic():
        held = entry_held(lottery=lottery, shopper=shopper)
        if held is not None:
            return held
        try:
            with transaction.atomic():
                return _enter(lottery.pk, shopper, now)
        except (DomainError, IntegrityError):
            # Another attempt of the same shopper may have been quicker.
            held = entry_held(lottery=lottery, shopper=shopper)
            if held is None:
                raise
            return held


def lottery_seal(*, lottery: Lottery, now: datetime) -> Lottery:
    """Fixes the ordered list of entries and publishes it with its SHA-256; once done, nothing more happens.

    Raises:
        LotteryStillOpen: the entries have not closed yet.
    """
    with busy_when_locked(), transaction.atomic():
        # Waits for whoever is entering at this moment; from then on nobody can.
        lottery = _lock(lottery)
        if lottery.entries_commitment:
            return lottery
        if now < lottery.closes_at:
            raise LotteryStillOpen(closes_at=lottery.closes_at)
        lottery.entries_commitment = entries_commitment(tickets_of(lottery))
        lottery.save(update_fields=["entries_commitment"])
        return lottery


def lottery_draw(*, lottery: Lottery, now: datetime) -> Lottery:
    """Draws the winners from the fixed list, publishes the seed, and hands each winner a claim.

    Three steps, each whole or not at all: the list, the winners, one transaction for each claim. After a crash, or
    beside another call, it goes on with what is left, and the same winners come out.

    Raises:
        LotteryStillOpen: the entries have not closed yet.
        LotteryCalledOff: the coupon was ended before the draw.
        EntriesChanged: somebody changed the entries after their list was fixed.
    """
    lottery = _draw(lottery_seal(lottery=lottery, now=now), now)
    prizes_hand_out(lottery=lottery, now=now)
    return lottery


def prizes_hand_out(*, lottery: Lottery, now: datetime) -> int:
    """Hands the winners of a drawn lottery the claims that they have not got yet; returns how many did.

    Who cannot have one now, as the coupon is paused or out of stock, a limit is reached or the account is closed,
    keeps the rank and is passed over; nobody else moves up.
    """
    owed = LotteryEntry.objects.owed(now).filter(lottery=lottery).values_list("pk", flat=True)
    return sum(_hand_out(entry_id, now) for entry_id in list(owed))


def draw_lotteries(*, now: datetime, progressed: Callable[[int], object] = lambda _lotteries: None) -> int:
    """Draws lotteries that are due, and fixes the lists of those that have just closed; returns how many were drawn.

    A list is fixed in one run and drawn from in the next, so that its hash stands on the page before the seed does.
    Prizes still owed from earlier draws are tried again.

    Args:
        progressed: called with 1 after each lottery that was looked at.
    """
    due = Lottery.objects.due(now).order_by("closes_at", "pk")
    owing = Lottery.objects.filter(pk__in=LotteryEntry.objects.owed(now).order_by().values("lottery"))
    sealed, closed, owing_prizes = (
        list(due.exclude(entries_commitment="")),
        list(due.filter(entries_commitment="")),
        list(owing),
    )
    drawn = 0
    for lottery in sealed:
        drawn += _without_stopping(lottery_draw, lottery, now)
        progressed(1)
    for lottery in closed:
        _without_stopping(lottery_seal, lottery, now)
        progressed(1)
    for lottery in owing_prizes:
        prizes_hand_out(lottery=lottery, now=now)
        progressed(1)
    return drawn


def _without_stopping(step: Callable[..., Lottery], lottery: Lottery, now: datetime) -> bool:
    """Takes a step of one lottery; a refusal is for the operator to read and does not hold up the others."""
    try:
        step(lottery=lottery, now=now)
    except Busy:
        raise
    except DomainError as error:
        logger.error("lottery %s: %s", lottery.public_id, error.code)
        return False
    return True


# Entering


def _enter(lottery_id: int, shopper: User, now: datetime) -> LotteryEntry:
    lottery = _hold_open(lottery_id)
    _refuse_unless_open(lottery, now)
    refuse_unless_in_audience(lottery.coupon, shopper, now)
    if not may_still_win(coupon=lottery.coupon, shopper=shopper, now=now):
        raise LimitReached(limit=lottery.coupon.limit_per_shopper, scope="shopper")
    return LotteryEntry.objects.create(
        lottery=lottery, shopper=shopper, weight=_weight(lottery, shopper, now), entered_at=now
    )


def _hold_open(lottery_id: int) -> Lottery:
    # SQLite has one writer, who needs no lock.
    lock = "FOR SHARE" if connection.features.has_select_for_update else ""
    (lottery,) = Lottery.objects.raw(HOLD_OPEN + lock, [lottery_id])
    return lottery


def _refuse_unless_open(lottery: Lottery, now: datetime) -> None:
    if lottery.state != LotteryState.OPEN or lottery.entries_commitment or now >= lottery.closes_at:
        raise LotteryEnded
    if now < lottery.opens_at:
        raise LotteryNotStarted(starts_at=lottery.opens_at)
    if lottery.coupon.status == CouponStatus.PAUSED:
        raise LotteryPaused
    if lottery.coupon.status != CouponStatus.PUBLISHED:
        raise LotteryEnded


def _weight(lottery: Lottery, shopper: User, now: datetime) -> int:
    if not lottery.weight_tag:
        return 1
    is_tagged = Tag.objects.active(now).filter(shopper=shopper, name=lottery.weight_tag).exists()
    return lottery.weight if is_tagged else 1


# Drawing


def _lock(lottery: Lottery) -> Lottery:
    return Lottery.objects.select_for_update().get(pk=lottery.pk)


def _draw(lottery: Lottery, now: datetime) -> Lottery:
    with busy_when_locked(), transaction.atomic():
        lottery = _lock(lottery)
        if lottery.state == LotteryState.DRAWN:
            return lottery
        if lottery.coupon.status == CouponStatus.ENDED:
            raise LotteryCalledOff
        if entries_commitment(tickets_of(lottery)) != lottery.entries_commitment:
            raise EntriesChanged
        winners = winning_tickets(
            seed=lottery.seed,
            commitment=lottery.entries_commitment,
            tickets=tickets_of(lottery),
            count=lottery.winner_count,
        )
        _write_ranks(winners)
        lottery.state = LotteryState.DRAWN
        lottery.drawn_at = now
        lottery.save(update_fields=["state", "drawn_at"])
        return lottery


def _write_ranks(winners: list[str]) -> None:
    rank_of = {number: rank for rank, number in enumerate(winners, start=1)}
    for start in range(0, len(winners), WRITTEN_AT_ONCE):
        entries = list(LotteryEntry.objects.filter(ticket__in=winners[start : start + WRITTEN_AT_ONCE]))
        for entry in entries:
            entry.rank = rank_of[str(entry.ticket)]
        LotteryEntry.objects.bulk_update(entries, ["rank"])


def _hand_out(entry_id: int, now: datetime) -> bool:
    with busy_when_locked(), transaction.atomic():
        winners = LotteryEntry.objects.select_related("shopper", "lottery__coupon").defer(
            "lottery__seed", *(f"shopper__{name}" for name in SEALED_FIELDS)
        )
        entry = winners.select_for_update(of=("self",)).get(pk=entry_id)
        if entry.claim_id is not None:
            return False
        try:
            with transaction.atomic():
                entry.claim = claim_create_by_lot(shopper=entry.shopper, coupon=entry.lottery.coupon, now=now)
        except Busy:
            raise
        except DomainError:
            return False
        entry.save(update_fields=["claim"])
        return True
