"""The waiting list of a sold-out coupon: joining, leaving, and granting in order when stock returns.

Whatever is released belongs to those who wait first: a claim by anybody else takes only what lies beyond their
number (`coupons.services.claim_writing.stock_beyond_waiting`). Nobody overtakes, whether the granting job runs or not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import IntegrityError, transaction

from config.kernel.locks import busy_when_locked
from coupons.enums import WaitingState
from coupons.errors import Ended, LimitReached, NotEligible, NotSoldOut, NotStarted, Paused, SoldOut, TermsNeeded
from coupons.models import ClaimCounter, Coupon, WaitingEntry
from coupons.selectors.waiting import coupons_waited_for, waiting_entry_of
from coupons.services.claim_refusals import refuse_unless_claimable
from coupons.services.claim_writing import coupon_with_stock, stock_beyond_waiting
from coupons.services.claims import claim_create_for_waiting
from coupons.services.stock import stock_lock
from users.models import User


def waiting_join(*, coupon: Coupon, shopper: User, now: datetime) -> WaitingEntry:
    """Puts a shopper at the end of a coupon's waiting list; who waits already keeps the place.

    Raises:
        NotSoldOut: there is one to be claimed at once.
        LimitReached: the shopper has had as many as one may have.
        NotStarted, Ended, Paused, NotEligible, TermsNeeded: as `coupons.services.claims.claim_create`.
        Busy: the database could not give a lock in time; nothing was changed.
    """
    with busy_when_locked(), transaction.atomic():
        entry = waiting_entry_of(coupon=coupon, shopper=shopper)
        if entry is not None and entry.state == WaitingState.WAITING:
            return entry
        fresh, stock, left = coupon_with_stock(coupon.pk)
        refuse_unless_claimable(coupon=fresh, shopper=shopper, now=now)
        counter = ClaimCounter.objects.filter(coupon=coupon, shopper=shopper).first()
        if counter is not None and counter.claimed >= fresh.limit_per_shopper:
            raise LimitReached(limit=fresh.limit_per_shopper, scope="shopper")
        if stock.is_unlimited or (left and stock_beyond_waiting(coupon_id=coupon.pk)):
            raise NotSoldOut
        try:
            with transaction.atomic():
                return WaitingEntry.objects.create(coupon=coupon, shopper=shopper, joined_at=now)
        except IntegrityError:
            # Another click of the same shopper was quicker.
            return WaitingEntry.objects.waiting(coupon.pk).get(shopper=shopper)


def waiting_leave(*, coupon: Coupon, shopper: User, now: datetime) -> bool:
    """Takes a shopper off a coupon's waiting list; tells whether the shopper was on it."""
    with busy_when_locked(), transaction.atomic():
        left = WaitingEntry.objects.waiting(coupon.pk).filter(shopper=shopper)
        return bool(left.update(state=WaitingState.LEFT, closed_at=now))


def waiting_grant_due(*, now: datetime, progressed: Callable[[int], object] = lambda _entries: None) -> int:
    """Hands returned stock to those who wait for it, in their order; returns how many got one.

    Each grant is a transaction of its own, so that a crash loses and doubles nothing. Whoever may not have the
    coupon any more is passed over, and so is everybody once it has ended.

    Args:
        progressed: called with 1 after each entry that was closed.
    """
    granted = 0
    for coupon in coupons_waited_for():
        while (state := _grant_next(coupon, now)) is not None:
            granted += state == WaitingState.GRANTED
            progressed(1)
    return granted


def _grant_next(coupon: Coupon, now: datetime) -> WaitingState | None:
    """Closes the first entry of a list; returns how, or None when nobody can be granted now."""
    with busy_when_locked(), transaction.atomic():
        # One grant of a coupon at a time, and none while somebody else takes what lies beyond the list.
        stock_lock(coupon_id=coupon.pk)
        entry = WaitingEntry.objects.waiting(coupon.pk).select_for_update(of=("self",)).first()
        if entry is None:
            return None
        try:
            with transaction.atomic():
                entry.claim = claim_create_for_waiting(shopper=entry.shopper, coupon=coupon, now=now)
                entry.state = WaitingState.GRANTED
        except (SoldOut, NotStarted, Paused):
            return None
        except (Ended, LimitReached, NotEligible, TermsNeeded) as refusal:
            # The day's limit says nothing about this shopper: tomorrow it is the same one's turn.
            if refusal.data.get("scope") == "day":
                return None
            entry.state = WaitingState.SKIPPED
        entry.closed_at = now
        entry.save(update_fields=["state", "claim", "closed_at"])
        return WaitingState(entry.state)
