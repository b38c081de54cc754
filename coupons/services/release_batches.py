"""Opening the slices of stock whose time has come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from config.kernel.locks import busy_when_locked
from coupons.models import ReleaseBatch
from coupons.services.stock import stock_lock, stock_open_batch


def release_batches_open(*, coupon_id: int, now: datetime) -> int:
    """Opens the due batches of one coupon, each exactly once and with its ledger line; returns how many.

    Raises:
        Busy: the database could not give a lock in time; nothing was changed.
    """
    due = ReleaseBatch.objects.due(now).filter(coupon_id=coupon_id).order_by("opens_at", "pk")
    if not due.exists():
        return 0
    with busy_when_locked(), transaction.atomic():
        # Under the lock of the stock a second opener waits, and finds nothing due any more.
        stock = stock_lock(coupon_id=coupon_id)
        batches = list(due.all())
        for batch in batches:
            stock_open_batch(stock=stock, batch=batch, now=now)
    return len(batches)


def release_batches_open_due(*, now: datetime, progressed: Callable[[int], object] = lambda _batches: None) -> int:
    """Opens the due batches of all coupons; returns how many.

    Args:
        progressed: called with the number of batches after each coupon.
    """
    opened = 0
    for coupon_id in ReleaseBatch.objects.due(now).order_by("coupon").values_list("coupon", flat=True).distinct():
        count = release_batches_open(coupon_id=coupon_id, now=now)
        opened += count
        progressed(count)
    return opened
