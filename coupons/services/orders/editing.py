"""Changing an order that awaits payment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimState, OrderState
from coupons.errors import WrongOrderState
from coupons.models import Order
from coupons.offers import CartItem
from coupons.services.claim_states import claims_move
from coupons.services.gifts import return_overdue_gifts
from coupons.services.orders.locking import hold, refuse_above, refuse_unless_available
from coupons.services.orders.pricing import price_order
from coupons.services.orders.releasing import release_locked_order
from coupons.services.orders.rows import take_claims, take_overdue_orders
from coupons.services.orders.writing import amounts_of, clear_parts, write_parts


def order_edit(
    *,
    order: Order,
    items: Sequence[CartItem],
    claim_ids: Sequence[UUID],
    shipping: int = 0,
    channel: str = "",
    region: str = "",
    expected_payable: int | None = None,
    now: datetime,
) -> Order:
    """Replaces cart and claims of an unpaid order and prices it anew; its lock starts again.

    Claims that it no longer has are available at once, those that it keeps stay held without a gap, even past
    their end.

    Args:
        claim_ids: all the claims that it shall have.
        shipping: the shop's shipping fee in minor units.
        expected_payable: what the shopper was shown, in minor units.

    Raises:
        WrongOrderState: it is not awaiting payment.
        Everything that `order_lock` raises but `ReferenceTaken`; the order then stays as it was.
    """
    with busy_when_locked(), transaction.atomic():
        order = _take(order, claim_ids, now)
        return_overdue_gifts(claim_ids=claim_ids, now=now)
        claims = take_claims(shopper=order.shopper, claim_ids=claim_ids, order=order)
        dropped = [claim for claim in claims if claim.public_id not in claim_ids]
        added = [claim for claim in claims if claim.order_id != order.pk]
        refuse_unless_available(added)
        priced = price_order(
            shopper=order.shopper,
            items=items,
            claims=[claim for claim in claims if claim not in dropped],
            shipping=shipping,
            channel=channel,
            region=region,
            now=now,
        )
        refuse_above(expected_payable, priced.quote)
        clear_parts(order)
        columns = {
            "channel": channel,
            "region": region,
            "placed_at": now,
            "lock_expires_at": now + settings.ORDER_LOCK_LASTS,
            **amounts_of(priced.quote),
        }
        for name, value in columns.items():
            setattr(order, name, value)
        order.save(update_fields=list(columns))
        write_parts(order, priced)
        if dropped:
            claims_move(
                claims=dropped,
                from_state=ClaimState.LOCKED,
                to_state=ClaimState.AVAILABLE,
                reason="order_edited",
                now=now,
                order=order,
            )
        hold(added, order, reason="order_edited", now=now)
        return order


def _take(order: Order, claim_ids: Sequence[UUID], now: datetime) -> Order:
    """Locks the order, and releases others that hold the claims although their time is over."""
    rows = take_overdue_orders(shopper_id=order.shopper_id, claim_ids=claim_ids, now=now, beside=order)
    (taken,) = [row for row in rows if row.pk == order.pk]
    if taken.state != OrderState.LOCKED:
        raise WrongOrderState(state=taken.state)
    for overdue in rows:
        if overdue.pk != order.pk and overdue.is_overdue(now):
            release_locked_order(order=overdue, reason="lock_expired", now=now)
    return taken
