"""Placing an order that awaits payment, with the claims that it holds meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimState
from coupons.errors import QuoteChanged, ReferenceTaken
from coupons.models import Claim, Order
from coupons.offers import CartItem
from coupons.pricing import Quote
from coupons.services.claim_states import claims_move, refusal_of
from coupons.services.gifts import return_overdue_gifts
from coupons.services.orders.pricing import price_order
from coupons.services.orders.releasing import release_overdue
from coupons.services.orders.rows import take_claims
from coupons.services.orders.writing import amounts_of, write_parts
from users.models import User


def order_lock(
    *,
    shopper: User,
    reference: str,
    items: Sequence[CartItem],
    claim_ids: Sequence[UUID],
    shipping: int = 0,
    channel: str = "",
    region: str = "",
    expected_payable: int | None = None,
    now: datetime,
) -> Order:
    """Prices a cart under lock and holds the chosen claims for it until it is paid or the lock ends.

    Automatic promotions are on the order when they apply and simply absent when they do not.

    Args:
        reference: the shop's own order number, unique.
        claim_ids: every one must apply; a coupon that does nothing is refused rather than spent.
        shipping: the shop's shipping fee in minor units.
        channel: where the order is placed, such as `web`.
        region: where it goes.
        expected_payable: what the shopper was shown, in minor units.

    Raises:
        NotFound: a claim is not the shopper's.
        ClaimNotUsable, ClaimLocked, AlreadyRedeemed: a claim is not available any more.
        CouponRefused: a chosen coupon does not apply to the cart.
        BudgetExhausted: the budget of a chosen coupon cannot pay what it takes off.
        QuoteChanged: the shopper would pay more than shown.
        ReferenceTaken: there is an order with this reference.
        ProductUnknown, CartTooLarge, Invalid: the cart is wrong.
    """
    with busy_when_locked(), transaction.atomic():
        taken = Order.objects.filter(reference=reference).first()
        if taken is not None:
            raise _reference_taken(taken, shopper)
        release_overdue(shopper_id=shopper.pk, claim_ids=claim_ids, now=now)
        return_overdue_gifts(claim_ids=claim_ids, now=now)
        claims = take_claims(shopper=shopper, claim_ids=claim_ids)
        refuse_unless_available(claims)
        priced = price_order(
            shopper=shopper, items=items, claims=claims, shipping=shipping, channel=channel, region=region, now=now
        )
        refuse_above(expected_payable, priced.quote)
        order = _create(
            reference=reference,
            shopper=shopper,
            channel=channel,
            region=region,
            placed_at=now,
            lock_expires_at=now + settings.ORDER_LOCK_LASTS,
            **amounts_of(priced.quote),
        )
        write_parts(order, priced)
        hold(claims, order, reason="order_locked", now=now)
        return order


def refuse_unless_available(claims: Sequence[Claim]) -> None:
    """Raises what says why the first claim that is not available cannot go on an order."""
    for claim in claims:
        if claim.state != ClaimState.AVAILABLE:
            raise refusal_of(claim)


def refuse_above(expected_payable: int | None, quote: Quote) -> None:
    """Raises `QuoteChanged` when the shopper would pay more than shown; None was not shown anything."""
    if expected_payable is not None and quote.payable > expected_payable:
        raise QuoteChanged(expected_amount=expected_payable, payable_amount=quote.payable)


def hold(claims: Sequence[Claim], order: Order, *, reason: str, now: datetime) -> None:
    """Puts available claims on an order."""
    if claims:
        claims_move(
            claims=claims,
            from_state=ClaimState.AVAILABLE,
            to_state=ClaimState.LOCKED,
            reason=reason,
            now=now,
            order=order,
        )


def _create(*, reference: str, shopper: User, **columns: object) -> Order:
    try:
        # A savepoint: the transaction must survive the loss of a race for the reference.
        with transaction.atomic():
            return Order.objects.create(reference=reference, shopper=shopper, **columns)
    except IntegrityError as error:
        raise _reference_taken(Order.objects.get(reference=reference), shopper) from error


def _reference_taken(order: Order, shopper: User) -> ReferenceTaken:
    # Somebody else's order is not named.
    return ReferenceTaken(order=str(order.public_id)) if order.shopper_id == shopper.pk else ReferenceTaken()
