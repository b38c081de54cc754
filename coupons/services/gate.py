"""Claims of a hot coupon pass the gate before they cost the database anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache, partial
from threading import BoundedSemaphore
from types import TracebackType
from typing import Self
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from config.kernel.clock import shop_date, start_of_shop_day
from config.kernel.counters import NO_TURN, busy, count
from config.kernel.errors import Busy
from coupons.counters import gate_answers
from coupons.enums import AudienceKind, CouponState, Handout
from coupons.errors import ClaimInFlight, LimitReached, NotStarted, SoldOut
from coupons.gate import Entry, Gate, GateAway, Word, is_configured
from coupons.models import Claim, Coupon, Stock
from users.models import User

# How long a claim waits for its turn while the gate is away, in seconds.
TURN_SECONDS = 1.0


class Passage:
    """What one claim tells the gate on its way through the database; leave it when the claim is over.

    This one is of a claim that came by no gate, and tells nothing.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(error)

    @property
    def is_word_wanted(self) -> bool:
        """Whether the gate asks for a word of the database, which only a look at the stock can give."""
        return False

    def database_said(self, coupon: Coupon, *, is_sold_out: bool, has_envelope: bool, now: datetime) -> None:
        """Brings the gate the word of the database, if it wants one or nothing is left.

        Args:
            is_sold_out: whether no unit is left; what is kept for a waiting list is left.
        """

    def granted(self, claim: Claim) -> None:
        """Notes that a claim was written; the gate hears of it when it is committed."""

    def _leave(self, error: BaseException | None) -> None:
        """Ends the passage; `error` is what the claim was refused with."""


class GatePassage(Passage):
    """Of a claim that the gate has let through."""

    def __init__(self, gate: Gate, entry: Entry, *, shopper: User, now: datetime) -> None:
        self._gate = gate
        self._entry = entry
        self._shopper = shopper.pk
        self._now = now
        self._ordinal: int | None = None

    def _leave(self, error: BaseException | None) -> None:
        # Also when all went well: until the caller's transaction has committed, the shopper's counter in the
        # database makes a second claim wait, and after a rollback no place is left behind.
        with suppress(GateAway):
            if isinstance(error, LimitReached):
                self._limit_reached(error)
            if self._ordinal is not None and error is None:
                self._gate.leave_with_claim(shopper=self._shopper, token=self._entry.token, claimed=self._ordinal)
            else:
                self._gate.leave(shopper=self._shopper, token=self._entry.token)

    @property
    def is_word_wanted(self) -> bool:
        return self._entry.is_word_wanted

    def database_said(self, coupon: Coupon, *, is_sold_out: bool, has_envelope: bool, now: datetime) -> None:
        if self._entry.is_word_wanted or is_sold_out:
            word = word_of(coupon, is_sold_out=is_sold_out, has_envelope=has_envelope, now=now)
            with suppress(GateAway):
                self._gate.confirm(word, epoch=self._entry.epoch)

    def granted(self, claim: Claim) -> None:
        if connection.in_atomic_block:
            transaction.on_commit(partial(_tell_of_claim, self._gate, claim))
        else:
            self._ordinal = claim.ordinal

    def _limit_reached(self, refusal: LimitReached) -> None:
        limit, scope = refusal.data["limit"], refusal.data["scope"]
        if scope == "shopper":
            self._gate.note_claimed(shopper=self._shopper, claimed=limit)
        else:
            whose = self._shopper if scope == "shopper_day" else None
            self._gate.note_full(shopper=whose, day=shop_date(self._now), limit=limit)


class PassageInTurn(Passage):
    """Of a claim that came while the gate was away; others wait until it leaves."""

    def __init__(self, turns: BoundedSemaphore) -> None:
        self._turns = turns

    def _leave(self, error: BaseException | None) -> None:
        self._turns.release()


def gate_enter(*, coupon: Coupon, shopper: User, now: datetime) -> Passage:
    """Lets a claim on to the database, unless the gate knows that it would be refused there.

    A cold coupon has no gate. While Redis is away, so many claims of hot coupons as `CLAIMS_WITHOUT_GATE` says are in
    the database at a time, in each process.

    Args:
        coupon: with its stock, as it was read some time ago.
        now: the database's time.

    Returns:
        A context to be in for as long as the claim takes.

    Raises:
        NotStarted, SoldOut, LimitReached: as the database would say.
        ClaimInFlight: claims of this shopper that are being worked on fill the limit.
        Busy: the gate is away, and too many are in the database already.
    """
    stock: Stock | None = getattr(coupon, "stock", None)
    # A closed account has to hear that first.
    if stock is None or stock.bucket_count == 1 or not is_configured() or not shopper.is_active:
        return Passage()
    gate = Gate(coupon.public_id)
    try:
        entry = gate.enter(shopper=shopper.pk, now=now, day=shop_date(now))
    except GateAway:
        count(gate_answers, "away")
        return turn_without_gate()
    count(gate_answers, entry.outcome)
    _refuse(entry, now)
    return GatePassage(gate, entry, shopper=shopper, now=now)


def tell_gate_of_claim(*, coupon: Coupon, stock: Stock, claim: Claim) -> None:
    """Lets the gate know of a claim as soon as it is committed."""
    if stock.bucket_count > 1 and is_configured() and claim.ordinal is not None:
        transaction.on_commit(partial(_tell_of_claim, Gate(coupon.public_id), claim))


def tell_gate_of_claims(*, coupon: Coupon, stock: Stock, claimed: Mapping[int, int]) -> None:
    """Lets the gate know of many claims as soon as they are committed.

    Args:
        claimed: how many claims each shopper has made.
    """
    if stock.bucket_count > 1 and is_configured() and claimed:
        transaction.on_commit(partial(_tell, partial(Gate(coupon.public_id).raise_claims, dict(claimed))))


def tell_gate_of_stock(*, public_id: UUID, stock: Stock) -> None:
    """Makes the gate ask anew what is left, before a change of stock is committed and after.

    Call it inside the transaction of the change. From now until its commit nobody hears "sold out" from the gate.
    """
    if stock.bucket_count > 1 and is_configured():
        gate = Gate(public_id)
        _tell(gate.stock_changes)
        transaction.on_commit(partial(_tell, gate.stock_changed))


def word_of(coupon: Coupon, *, is_sold_out: bool, has_envelope: bool, now: datetime) -> Word:
    """Returns what the gate should know of a coupon that was just read."""
    return Word(
        is_plain=(
            coupon.state(now) in (CouponState.LIVE, CouponState.SCHEDULED)
            and coupon.handout == Handout.SHOWCASE
            and coupon.audience == AudienceKind.EVERYONE
            and not has_envelope
        ),
        opens_at=coupon.claim_starts_at,
        is_sold_out=is_sold_out,
        limit=coupon.limit_per_shopper,
        limit_on_day=coupon.limit_per_shopper_per_day,
        limit_per_day=coupon.limit_per_day,
    )


def _refuse(entry: Entry, now: datetime) -> None:
    match entry.outcome:
        case "enter":
            return
        case "not_started":
            raise NotStarted(starts_at=entry.opens_at)
        case "sold_out":
            raise SoldOut
        case "shopper":
            raise LimitReached(limit=entry.number, scope="shopper")
        case "in_flight":
            raise ClaimInFlight(retry_after=max(1, -(-entry.number // 1000)))
        case scope:
            tomorrow = start_of_shop_day(shop_date(now) + timedelta(days=1))
            raise LimitReached(limit=entry.number, scope=scope, resets_at=tomorrow)


def turn_without_gate() -> Passage:
    """Waits for a turn at the database while the gate is away; the passage gives it back.

    Raises:
        Busy: nobody gave one back in time.
    """
    turns = _turns(settings.CLAIMS_WITHOUT_GATE)
    if not turns.acquire(timeout=TURN_SECONDS):
        count(busy, NO_TURN)
        raise Busy
    return PassageInTurn(turns)


@cache
def _turns(count: int) -> BoundedSemaphore:
    return BoundedSemaphore(count)


def _tell_of_claim(gate: Gate, claim: Claim) -> None:
    _tell(partial(gate.note_claimed, shopper=claim.shopper_id, claimed=claim.ordinal or 0))


def _tell(note: Callable[[], object]) -> None:
    with suppress(GateAway):
        note()
