"""Handing out: the one core by which a coupon becomes a shopper's claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from config.kernel.clock import shop_date, start_of_shop_day
from config.kernel.errors import DomainError
from config.kernel.idempotency import Answer, Attempt, answer_known, run_once
from config.kernel.locks import busy_when_locked
from coupons.codes import normalize_code
from coupons.enums import (
    AudienceKind,
    ClaimChannel,
    ClaimState,
    CouponState,
    CouponStatus,
    Handout,
    OrderState,
    WaitingState,
)
from coupons.errors import (
    CodeInvalid,
    Ended,
    LimitReached,
    NotEligible,
    NotStarted,
    Paused,
    SoldOut,
    TermsFixed,
    TermsNeeded,
)
from coupons.fitting import ChosenTerms, refuse_outside
from coupons.models import Claim, ClaimCounter, ClaimEntry, Code, CodeUse, Coupon, Order, Stock, WaitingEntry
from coupons.selectors.shelf import shelf
from coupons.services.gate import Passage, gate_enter, tell_gate_of_claim
from coupons.services.grant_at_once import grant_at_once, plain_claim
from coupons.services.release_batches import release_batches_open
from coupons.services.stock import stock_lock, stock_take_one
from users.models import Tag, User

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


def claim_create(
    *, shopper: User, coupon: Coupon, channel: ClaimChannel, now: datetime, terms: ChosenTerms | None = None
) -> Claim:
    """Hands one claim of a coupon to a shopper.

    A hot coupon's gate is asked first: it refuses what the database would refuse. The rest is one short transaction;
    after its commit the claim survives any crash. Faces wrap it in `config.kernel.idempotency.run_once`. Locks are
    taken in the order shopper, day, stock.

    Args:
        coupon: which one; its state is read anew inside the transaction.
        now: the database's time.
        terms: what the shopper chose, for a coupon with an envelope and no other.

    Raises:
        TermsNeeded, TermsFixed, OutsideLimits: the terms do not fit the coupon.
        NotStarted, Ended, Paused: the coupon is not open.
        NotEligible: the coupon is not meant for this shopper, or only with a code.
        LimitReached: this shopper's or this day's limit is used up.
        SoldOut: no stock is left.
        ClaimInFlight: claims of this shopper that are being worked on fill the limit.
        Busy: the database could not give a lock in time, or too many ask it at once; nothing was changed.
    """
    known = shelf.get(coupon.public_id)
    with _passage(shopper, known, now, terms) as passage:
        claim = _plain_claim(shopper, known, channel, now, terms, passage)
        if claim is not None and grant_at_once(claim):
            passage.granted(claim)
            return claim
        return _claim(shopper=shopper, coupon_id=known.pk, channel=channel, now=now, passage=passage, terms=terms)


def claim_create_once(
    *,
    attempt: Attempt,
    shopper: User,
    coupon: Coupon,
    channel: ClaimChannel,
    now: datetime,
    answer: Callable[[Claim], Answer],
    terms: ChosenTerms | None = None,
) -> Answer:
    """Hands one claim of a coupon to a shopper, at most once under the key of an attempt.

    Args:
        answer: what a claim is answered; may be asked about a claim that is not written yet, and more than once.
        The others as for `claim_create`.

    Raises:
        The errors of `claim_create` and of `config.kernel.idempotency.run_once`.
    """
    known = shelf.get(coupon.public_id)
    try:
        passage = _passage(shopper, known, now, terms)
    except DomainError:
        # Whoever retries a claim that was made hears of it, also when everything is gone meanwhile.
        answered = answer_known(attempt)
        if answered is None:
            raise
        return answered
    with passage:
        claim = _plain_claim(shopper, known, channel, now, terms, passage)
        if claim is not None:
            answered = answer(claim)
            if grant_at_once(claim, attempt=attempt, answer=answered):
                passage.granted(claim)
                return answered

        def claim_the_long_way() -> Answer:
            return answer(
                _claim(shopper=shopper, coupon_id=known.pk, channel=channel, now=now, passage=passage, terms=terms)
            )

        return run_once(attempt=attempt, action=claim_the_long_way)


def _passage(shopper: User, coupon: Coupon, now: datetime, terms: ChosenTerms | None) -> Passage:
    return Passage() if terms is not None else gate_enter(coupon=coupon, shopper=shopper, now=now)


def _plain_claim(
    shopper: User, coupon: Coupon, channel: ClaimChannel, now: datetime, terms: ChosenTerms | None, passage: Passage
) -> Claim | None:
    # The long way looks at the stock, which is the word that the gate wants.
    if terms is not None or passage.is_word_wanted:
        return None
    return plain_claim(shopper=shopper, coupon=coupon, channel=channel, now=now)


def claim_create_by_code(*, shopper: User, text: str, channel: ClaimChannel, now: datetime) -> Claim:
    """Turns a code into a claim of its coupon.

    Raises:
        CodeInvalid: there is no such code, it is used up, or its coupon was never published; all read the same.
        The errors of `claim_create`, when the code is right.
    """
    normal = normalize_code(text)
    code = Code.objects.filter(normal=normal).select_related("coupon").first() if normal else None
    # A used-up code is as wrong as an unknown one, whatever else its coupon would say.
    if code is None or code.is_used_up or code.coupon.state(now) == CouponState.DRAFT:
        raise CodeInvalid
    return _claim(shopper=shopper, coupon_id=code.coupon_id, channel=channel, now=now, passage=Passage(), code=code)


def claim_create_by_lot(*, shopper: User, coupon: Coupon, now: datetime) -> Claim:
    """Hands a coupon to the winner of a lottery.

    Neither the claim window nor whom the coupon is meant for is asked again: both were when the shopper entered.

    Raises:
        The errors of `claim_create` besides; the claim counts like any other.
    """
    return _claim(shopper=shopper, coupon_id=coupon.pk, channel=ClaimChannel.LOTTERY, now=now, passage=Passage())


def claim_create_for_waiting(*, shopper: User, coupon: Coupon, now: datetime) -> Claim:
    """Hands a claim to the shopper whose turn on the waiting list it is; `coupons.services.waiting` knows whose.

    Raises:
        The errors of `claim_create`.
    """
    return _claim(shopper=shopper, coupon_id=coupon.pk, channel=ClaimChannel.WAITING_LIST, now=now, passage=Passage())


def refuse_unless_claimable(*, coupon: Coupon, shopper: User, now: datetime) -> None:
    """Refuses whom a coupon, read by `coupon_with_stock`, is not open to, whatever limits and stock say.

    Raises:
        The errors of `claim_create` but `LimitReached` and `SoldOut`.
    """
    _refuse_unless_open(coupon, now)
    _refuse_unless_handed_out(coupon, with_code=False)
    refuse_unless_in_audience(coupon, shopper, now)
    _refuse_unless_fitting(coupon, None)


def refuse_unless_handing_out(*, coupon: Coupon, channel: ClaimChannel, now: datetime) -> None:
    """Refuses a coupon that nobody gets by a channel now; what is only granted is granted by that channel alone.

    Raises:
        NotStarted, Ended, Paused, NotEligible: as `claim_create`.
    """
    _refuse_unless_open(coupon, now)
    if not (channel == ClaimChannel.GRANT and coupon.handout == Handout.GRANT):
        _refuse_unless_handed_out(coupon, with_code=False)


def limit_of_shopper_reached(*, coupon: Coupon, claimed: int, now: datetime) -> LimitReached:
    """Returns the refusal of a shopper whose own limit is used up, who has claimed so many of the coupon."""
    if claimed >= coupon.limit_per_shopper:
        return LimitReached(limit=coupon.limit_per_shopper, scope="shopper")
    return LimitReached(limit=coupon.limit_per_shopper_per_day, scope="shopper_day", resets_at=_tomorrow(now))


def limit_of_day_reached(*, coupon: Coupon, now: datetime) -> LimitReached:
    """Returns the refusal of everybody who comes after the day's last claim."""
    return LimitReached(limit=coupon.limit_per_day, scope="day", resets_at=_tomorrow(now))


def _opening_due_batches(claim: Callable[..., Claim]) -> Callable[..., Claim]:
    """Tries once more after a sold-out claim has opened a batch whose time has come, before its job did."""

    @wraps(claim)
    def claim_from_batches(*, coupon_id: int, now: datetime, **details: Any) -> Claim:
        try:
            return claim(coupon_id=coupon_id, now=now, **details)
        except SoldOut:
            if not release_batches_open(coupon_id=coupon_id, now=now):
                raise
        return claim(coupon_id=coupon_id, now=now, **details)

    return claim_from_batches


@_opening_due_batches
def _claim(
    *,
    shopper: User,
    coupon_id: int,
    channel: ClaimChannel,
    now: datetime,
    passage: Passage,
    code: Code | None = None,
    terms: ChosenTerms | None = None,
) -> Claim:
    with busy_when_locked(), transaction.atomic():
        # Read inside the transaction: one that begins after a pause was committed sees the pause.
        coupon, stock, left = coupon_with_stock(coupon_id)
        is_sold_out = not stock.is_unlimited and not left
        passage.database_said(coupon, is_sold_out=is_sold_out, has_envelope=bool(vars(coupon)["has_envelope"]), now=now)
        if channel == ClaimChannel.LOTTERY:
            _refuse_unless_won(coupon, shopper)
        else:
            _refuse_unless_open(coupon, now)
            _refuse_unless_handed_out(coupon, with_code=code is not None)
            refuse_unless_in_audience(coupon, shopper, now)
        _refuse_unless_fitting(coupon, terms)
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


def stock_beyond_waiting(*, coupon_id: int) -> int:
    """Returns what is left when everybody on the waiting list has got one, and keeps it so until the commit.

    Granting and releasing take the same lock, so that nobody who comes later overtakes those who wait. It is taken
    before all others of a claim.
    """
    stock = stock_lock(coupon_id=coupon_id)
    return max(0, (stock.remaining() or 0) - WaitingEntry.objects.waiting(coupon_id).count())


def coupon_with_stock(coupon_id: int) -> tuple[Coupon, Stock, int]:
    """Returns a coupon, how its stock is kept, and how much of it is left (0 without a limit too)."""
    (coupon,) = Coupon.objects.raw(READ_COUPON, [coupon_id])
    beside = vars(coupon)
    stock = Stock(coupon_id=coupon_id, is_unlimited=bool(beside["is_unlimited"]), bucket_count=beside["bucket_count"])
    return coupon, stock, beside["stock_left"] or 0


def _refuse_unless_open(coupon: Coupon, now: datetime) -> None:
    match coupon.state(now):
        case CouponState.LIVE:
            return
        case CouponState.SCHEDULED:
            raise NotStarted(starts_at=coupon.claim_starts_at)
        case CouponState.PAUSED:
            raise Paused
        case _:
            raise Ended


def _refuse_unless_won(coupon: Coupon, shopper: User) -> None:
    if coupon.handout != Handout.LOTTERY:
        raise NotEligible(reason="not_claimable")
    if coupon.status == CouponStatus.PAUSED:
        raise Paused
    if coupon.status != CouponStatus.PUBLISHED:
        raise Ended
    if not shopper.is_active:
        raise NotEligible(reason="account_closed")


def refuse_unless_in_audience(coupon: Coupon, shopper: User, now: datetime) -> None:
    """Refuses a shopper whom a coupon is not meant for.

    Raises:
        NotEligible: with `reason`.
    """
    if not shopper.is_active:
        raise NotEligible(reason="account_closed")
    if coupon.audience == AudienceKind.NEW_SHOPPERS and has_ordered(shopper):
        raise NotEligible(reason="new_shoppers_only")
    if (
        coupon.audience == AudienceKind.TAGGED
        and not Tag.objects.active(now).filter(shopper=shopper, name=coupon.audience_tag).exists()
    ):
        raise NotEligible(reason="tag_needed")


def _refuse_unless_handed_out(coupon: Coupon, *, with_code: bool) -> None:
    match Handout(coupon.handout):
        case Handout.SHOWCASE:
            return
        case Handout.CODE:
            if not with_code:
                raise NotEligible(reason="code_needed")
        case _:
            raise NotEligible(reason="not_claimable")


def _refuse_unless_fitting(coupon: Coupon, terms: ChosenTerms | None) -> None:
    has_envelope = bool(vars(coupon)["has_envelope"])
    if terms is None:
        if has_envelope:
            raise TermsNeeded(parameter="terms")
        return
    if not has_envelope:
        raise TermsFixed(parameter="terms")
    refuse_outside(coupon.envelope, terms)


def has_ordered(shopper: User) -> bool:
    """Tells whether a shopper has an order that was paid and not given back."""
    return Order.objects.filter(shopper=shopper, state=OrderState.REDEEMED).exists()


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


def _tomorrow(now: datetime) -> datetime:
    return start_of_shop_day(shop_date(now) + timedelta(days=1))


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
