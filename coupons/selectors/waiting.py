"""Who waits for a sold-out coupon, and where."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from coupons.enums import WaitingState
from coupons.models import Coupon, WaitingEntry
from users.models import User


def coupons_waited_for() -> QuerySet[Coupon]:
    """Returns the coupons with a limit that somebody waits for."""
    waiting = WaitingEntry.objects.filter(coupon=OuterRef("pk"), state=WaitingState.WAITING)
    return Coupon.objects.filter(Exists(waiting), stock__is_unlimited=False).order_by("pk")


def waiting_entry_of(*, coupon: Coupon, shopper: User | None) -> WaitingEntry | None:
    """Returns a shopper's latest place on a coupon's waiting list, whatever became of it."""
    if shopper is None:
        return None
    return WaitingEntry.objects.filter(coupon=coupon, shopper=shopper).order_by("-pk").first()


def waiting_position(entry: WaitingEntry) -> int | None:
    """Returns the place in the queue, from 1; None for an entry that does not wait any more."""
    if entry.state != WaitingState.WAITING:
        return None
    before = Q(joined_at__lt=entry.joined_at) | Q(joined_at=entry.joined_at, pk__lt=entry.pk)
    return WaitingEntry.objects.waiting(entry.coupon_id).filter(before).count() + 1
