"""The long way of a claim: every rule asked and every row written step by step, in one transaction."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.db.models import F

from config.kernel.clock import shop_date
from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimChannel, ClaimState, WaitingState
from coupons.errors import CodeInvalid, Ended, SoldOut
from coupons.fitting import ChosenTerms
from coupons.models import Claim, ClaimCounter, ClaimEntry, Code, CodeUse, Coupon, Stock, WaitingEntry
from coupons.services.claim_refusals import (
    limit_of_day_reached,
    limit_of_shopper_reached,
    refuse_unless_fitting,
    refuse_unless_handed_out,
    refuse_unless_in_audience,
    refuse_unless_open,
    refuse_unless_won,
)
from coupons.services.gate import Passage, tell_gate_of_claim
from coupons.services.release_batches import release_batches_open
from coupons.services.stock import stock_lock, stock_take_one
from users.models import User

# Counts one more claim for a shopper unless a limit forbids it; the row lock it takes makes a second
# request of the same shopper wait and check again. A day that comes late (another worker's transaction
# began before midnight) counts for the newer day.
COUNT_UNLESS_FORBIDDEN = """
    ON CONFLICT (coupon_id, shopper_id) DO UPDATE SET
        claimed = counter.claimed + 1,
        claimed_on_day = CASE WHEN counter.day >= excluded.day THEN counter.claimed_on_day + 1 ELSE 1 END,
        day = CASE WHEN counter.day >= excluded.day THEN counter.day ELSE excluded.day END
    WHERE counter.claimed < %(limit)s
      AND (counter.day < excluded.day OR counter.claimed_on_day < %(limit_on_day)s)
    RETURNING claimed
"""
COUNT_CLAIM = (
    """
    INSERT INTO coupons_claimcounter AS counter (coupon_id, shopper_id, claimed, day, claimed_on_day)
    VALUES (%(coupon)s, %(shopper)s, 1, %(day)s, 1)
    """  # noqa: S608
    + COUNT_UNLESS_FORBIDDEN
)

COUNT_DAY = """
    INSERT INTO coupons_dailyclaimcount AS counter (coupon_id, day, claimed)
    VALUES (%(coupon)s, %(day)s, 1)
    ON CONFLICT (coupon_id, day) DO UPDATE SET claimed = counter.claimed + 1
    WHERE counter.claimed < %(limit)s
    RETURNING claimed
"""

# The query that a whole rush runs, most of it only to hear "sold out". Written out, because Django would take
# three times as long to compose it as PostgreSQL takes to answer.
READ_COUPON = """
    SELECT coupon.*, stock.is_unlimited, stock.bucket_count,
        EXISTS (SELECT 1 FROM coupons_envelope WHERE coupon_id = coupon.id) AS has_envelope,
        EXISTS (
            SELECT 1 FROM coupons_waitingentry WHERE coupon_id = coupon.id AND state = 'waiting'
        ) AS is_waited_for,
        (SELECT SUM(remaining) FROM coupons_stockbucket WHERE coupon_id = coupon.id) AS stock_left
    FROM coupons_coupon AS coupon JOIN coupons_stock AS stock ON stock.coupon_id = coupon.id
    WHERE coupon.id = %s
"""

NO_LIMIT = 2**31 - 1


def grant_step_by_step(
    *,
    shopper: User,
    coupon_id: int,
    channel: ClaimChannel,
    now: datetime,
    passage: Passage,
    code: Code | None = None,
    terms: ChosenTerms | None = None,
) -> Claim:
    """Hands one claim of a coupon to a shopper, whatever `coupons.services.grant_at_once` leaves.

    Tries once more after a sold-out claim has opened a batch whose time has come, before its job did.

    Args:
        passage: through the gate; the caller leaves it.
        code: what the claim is made with, found and not used up yet.
        The others as for `coupons.services.claims.claim_create`.

    Raises:
        CodeInvalid: the code was used up meanwhile.
        The errors of `coupons.services.claims.claim_create`.
    """
    grant = partial(
        _grant,
        shopper=shopper,
        coupon_id=coupon_id,
        channel=channel,
        now=now,
        passage=passage,
        code=code,
        terms=terms,
    )
    try:
        return grant()
    except SoldOut:
        if not release_batches_open(coupon_id=coupon_id, now=now):
            raise
    return grant()


def coupon_with_stock(coupon_id: int) -> tuple[Coupon, Stock, int]:
    """Returns a coupon, how its stock is kept, and how much of it is left (0 without a limit too)."""
    (coupon,) = Coupon.objects.raw(READ_COUPON, [coupon_id])
    beside = vars(coupon)
    stock = Stock(coupon_id=coupon_id, is_unlimited=bool(beside["is_unlimited"]), bucket_count=beside["bucket_count"])
    return coupon, stock, beside["stock_left"] or 0


def stock_beyond_waiting(*, coupon_id: int) -> int:
    """Returns what is left when everybody on the waiting list has got one, and keeps it so until the commit.

    Granting and releasing take the same lock, so that nobody who comes later overtakes those who wait. It is taken
    before all others of a claim.
    """
    stock = stock_lock(coupon_id=coupon_id)
    return max(0, (stock.remaining() or 0) - WaitingEntry.objects.waiting(coupon_id).count())


def _grant(
    *,
    shopper: User,
    coupon_id: int,
    channel: ClaimChannel,
    now: datetime,
    passage: Passage,
    code: Code | None,
    terms: ChosenTerms | None,
) -> Claim:
    with busy_when_locked(), transaction.atomic():
        # Read inside the transaction: one that begins after a pause was committed sees the pause.
        coupon, stock, left = coupon_with_stock(coupon_id)
        is_sold_out = not stock.is_unlimited and not left
        passage.database_said(coupon, is_sold_out=is_sold_out, has_envelope=bool(vars(coupon)["has_envelope"]), now=now)
        if channel == ClaimChannel.LOTTERY:
            refuse_unless_won(coupon, shopper)
        else:
            refuse_unless_open(coupon, now)
            refuse_unless_handed_out(coupon, with_code=code is not None)
            refuse_unless_in_audience(coupon, shopper, now)
        refuse_unless_fitting(coupon, terms)
        # A look without locks that spares most of a sold-out rush the rest; zero here is zero in truth.
        if is_sold_out:
            raise SoldOut
        is_overtaking = bool(vars(coupon)["is_waited_for"]) and channel != ClaimChannel.WAITING_LIST
        if is_overtaking and not stock_beyond_waiting(coupon_id=coupon_id):
            raise SoldOut
        if code is not None:
            _use_code(code)
        ordinal = _count_claim(coupon, shopper, now)
        _count_day(coupon, now)
        claim = _write_claim(coupon, shopper, ordinal, channel, now, code, terms)
        if is_overtaking:
            WaitingEntry.objects.waiting(coupon_id).filter(shopper=shopper).update(
                state=WaitingState.GRANTED, claim=claim, closed_at=now
            )
        # Last, so that the row which everybody wants is held no longer than the commit takes.
        stock_take_one(coupon_id=coupon.pk, stock=stock)
        tell_gate_of_claim(coupon=coupon, stock=stock, claim=claim)
        return claim


def _use_code(code: Code) -> None:
    if code.maximum_uses is None:
        return
    if not Code.objects.filter(pk=code.pk, used__lt=code.maximum_uses).update(used=F("used") + 1):
        raise CodeInvalid


def _count_claim(coupon: Coupon, shopper: User, now: datetime) -> int:
    today = shop_date(now)
    limit_on_day = coupon.limit_per_shopper_per_day or NO_LIMIT
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT_CLAIM,
            {
                "coupon": coupon.pk,
                "shopper": shopper.pk,
                "day": today,
                "limit": coupon.limit_per_shopper,
                "limit_on_day": limit_on_day,
            },
        )
        row = cursor.fetchone()
    if row is not None:
        return int(row[0])
    counter = ClaimCounter.objects.get(coupon=coupon, shopper=shopper)
    raise limit_of_shopper_reached(coupon=coupon, claimed=counter.claimed, now=now)


def _count_day(coupon: Coupon, now: datetime) -> None:
    if coupon.limit_per_day is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(COUNT_DAY, {"coupon": coupon.pk, "day": shop_date(now), "limit": coupon.limit_per_day})
        if cursor.fetchone() is None:
            raise limit_of_day_reached(coupon=coupon, now=now)


def _write_claim(
    coupon: Coupon,
    shopper: User,
    ordinal: int,
    channel: ClaimChannel,
    now: datetime,
    code: Code | None,
    terms: ChosenTerms | None,
) -> Claim:
    usable_from, expires_at = coupon.usable_window(now)
    if terms is not None:
        expires_at = min(expires_at, usable_from + terms.lasts)
    if expires_at <= max(usable_from, now):
        raise Ended
    claim = Claim.objects.create(
        coupon=coupon,
        shopper=shopper,
        ordinal=ordinal,
        channel=channel,
        claimed_at=now,
        usable_from=usable_from,
        expires_at=expires_at,
        amount_off=None if terms is None else terms.amount_off,
        minimum_spend=None if terms is None else terms.minimum_spend,
    )
    ClaimEntry.objects.create(claim=claim, to_state=ClaimState.AVAILABLE, reason="claimed", created_at=now)
    if code is not None:
        CodeUse.objects.create(claim=claim, code=code)
    return claim
