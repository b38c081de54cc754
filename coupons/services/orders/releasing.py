"""Giving the claims of an unpaid order back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimState, OrderState
from coupons.models import Order
from coupons.services.claim_states import claims_move
from coupons.services.orders.rows import take_claims_on, take_order, take_overdue_orders


def order_release(*, order: Order, now: datetime) -> Order:
    """Gives the claims of an unpaid order back.

    Raises:
        WrongOrderState: it is not awaiting payment.
    """
    with busy_when_locked(), transaction.atomic():
        order = take_order(order, OrderState.LOCKED)
        return release_locked_order(order=order, reason="order_released", now=now)


def release_overdue(*, shopper_id: int, claim_ids: Sequence[UUID], now: datetime) -> None:
    """Releases what a shopper forgot to pay in time, as far as it still holds one of these claims.

    Whoever needs a claim calls this first, in its own transaction, and so need not wait for the job.
    """
    for order in take_overdue_orders(shopper_id=shopper_id, claim_ids=claim_ids, now=now):
        if order.is_overdue(now):
            release_locked_order(order=order, reason="lock_expired", now=now)


def release_locked_order(*, order: Order, reason: str, now: datetime) -> Order:
    """Releases an order that the caller has locked and found awaiting payment, in the caller's transaction."""
    claims = take_claims_on(order, ClaimState.LOCKED)
    if claims:
        claims_move(
            claims=claims,
            from_state=ClaimState.LOCKED,
            to_state=ClaimState.AVAILABLE,
            reason=reason,
            now=now,
            order=order,
        )
    order.state = OrderState.RELEASED
    order.lock_expires_at = None
    order.closed_at = now
    order.save(update_fields=["state", "lock_expires_at", "closed_at"])
    return order
