"""What time does to claims and locks, in bulk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimState, OrderState
from coupons.models import Claim, Order
from coupons.services.claim_states import claims_move
from coupons.services.orders import release_locked_order

BATCH_SIZE = 1000


def expire_claims(
    *, now: datetime, batch_size: int = BATCH_SIZE, progressed: Callable[[int], object] = lambda _claims: None
) -> int:
    """Expires every available claim whose time is over; returns how many.

    Batches of one transaction each. A claim that is being locked at the same moment is passed over: whoever
    moves it first wins, and the next run sees what became of it.

    Args:
        progressed: called with the number of claims after each batch.
    """
    expired = 0
    while batch := _expire_batch(now, batch_size):
        expired += batch
        progressed(batch)
    return expired


def _expire_batch(now: datetime, batch_size: int) -> int:
    with busy_when_locked(), transaction.atomic():
        claims = list(
            Claim.objects.past_expiry(now).select_for_update(skip_locked=True).order_by("expires_at", "pk")[:batch_size]
        )
        if claims:
            claims_move(
                claims=claims,
                from_state=ClaimState.AVAILABLE,
                to_state=ClaimState.EXPIRED,
                reason="expired",
                now=now,
            )
        return len(claims)


def release_expired_locks(*, now: datetime, progressed: Callable[[int], object] = lambda _orders: None) -> int:
    """Releases orders that were not paid in time, so that their claims can be used again; returns how many.

    Args:
        progressed: called with 1 after each order that was looked at.
    """
    released = 0
    overdue = Order.objects.filter(state=OrderState.LOCKED, lock_expires_at__lte=now).order_by("pk")
    for order_id in overdue.values_list("pk", flat=True):
        with busy_when_locked(), transaction.atomic():
            # Passed over when it is being paid at this moment; was it paid, released or edited meanwhile, it is
            # not overdue any more.
            order = Order.objects.select_for_update(skip_locked=True).filter(pk=order_id).first()
            if order is not None and order.is_overdue(now):
                release_locked_order(order=order, reason="lock_expired", now=now)
                released += 1
        progressed(1)
    return released
