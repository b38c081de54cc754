"""Using the claims of an order for good once it was paid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimState, OrderState, RedemptionEntryKind
from coupons.errors import QuoteChanged
from coupons.models import (
    Claim,
    Order,
    OrderLineDiscount,
    OrderShippingDiscount,
    Redemption,
    RedemptionEntry,
)
from coupons.pricing import Quote
from coupons.services.budgets import budgets_debit
from coupons.services.claim_states import claims_move
from coupons.services.orders.pricing import CouponUse, price_again, uses_on
from coupons.services.orders.rests import keep_rests
from coupons.services.orders.rows import take_claims_on, take_order, take_shopper
from users.enums import BehaviourKind
from users.models import BehaviourEvent
from users.services.events import OWN_SENDER


def order_redeem(*, order: Order, now: datetime) -> Order:
    """Uses the locked claims for good once the order was paid, and debits the budgets of its coupons.

    The order is priced again first, with the products and the shopper as they are now. A price that rose is
    refused; one that fell is not changed silently: what was shown at the lock stands. An order whose lock ran out
    can still be paid for as long as nobody released it.

    Raises:
        WrongOrderState: it was redeemed, released or refunded before.
        QuoteChanged: the shopper would pay more than shown at the lock, or lose a gift.
        BudgetExhausted: a budget cannot pay a coupon any more; nothing was debited.
    """
    with busy_when_locked(), transaction.atomic():
        take_shopper(order)
        order = take_order(order, OrderState.LOCKED)
        claims = take_claims_on(order, ClaimState.LOCKED)
        uses = uses_on(order, claims)
        quote = price_again(order=order, uses=uses, now=now)
        if quote.payable > order.payable or _loses_a_gift(order, uses, quote):
            raise QuoteChanged(expected_amount=order.payable, payable_amount=quote.payable)
        redemptions = _write_redemptions(order, uses, now)
        _use(order, claims, redemptions, now)
        order.state = OrderState.REDEEMED
        order.redeemed_at = now
        order.lock_expires_at = None
        order.save(update_fields=["state", "redeemed_at", "lock_expires_at"])
        BehaviourEvent.objects.create(
            sender=OWN_SENDER,
            event_id=f"order:{order.public_id}",
            shopper_id=order.shopper_id,
            kind=BehaviourKind.PURCHASE,
            value=order.payable,
            data={"order": str(order.public_id), "with_coupon": bool(redemptions)},
            occurred_at=now,
            received_at=now,
        )
        budgets_debit(redemptions=redemptions, now=now)
        return order


def _loses_a_gift(order: Order, uses: Sequence[CouponUse], quote: Quote) -> bool:
    """Whether a coupon that was to add a gift does not apply any more; gifts are no part of what is paid."""
    giving = set(order.gifts.values_list("coupon", "claim"))
    applied = {outcome.offer_id for outcome in quote.applied}
    return any(
        (use.coupon.pk, use.claim.pk if use.claim else None) in giving and use.offer.offer_id not in applied
        for use in uses
    )


def _use(order: Order, claims: Sequence[Claim], redemptions: Sequence[Redemption], now: datetime) -> None:
    used = {each.claim_id: each.amount for each in redemptions}
    if claims:
        claims_move(
            claims=claims,
            from_state=ClaimState.LOCKED,
            to_state=ClaimState.REDEEMED,
            reason="order_redeemed",
            now=now,
            order=order,
        )
    keep_rests(claims=claims, used={claim.pk: used[claim.pk] for claim in claims}, now=now)


def _write_redemptions(order: Order, uses: Sequence[CouponUse], now: datetime) -> list[Redemption]:
    amounts = _amounts_of_uses(order)
    redemptions = Redemption.objects.bulk_create(
        Redemption(
            coupon=use.coupon,
            claim=use.claim,
            order=order,
            amount=amounts.get((use.coupon.pk, use.claim.pk if use.claim else None), 0),
            redeemed_at=now,
        )
        for use in uses
    )
    RedemptionEntry.objects.bulk_create(
        RedemptionEntry(
            redemption=redemption, kind=RedemptionEntryKind.REDEEMED, amount=redemption.amount, created_at=now
        )
        for redemption in redemptions
    )
    return redemptions


def _amounts_of_uses(order: Order) -> dict[tuple[int, int | None], int]:
    """What each coupon takes off lines and shipping together."""
    of_lines = OrderLineDiscount.objects.filter(line__order=order)
    of_shipping = OrderShippingDiscount.objects.filter(order=order)
    amounts: dict[tuple[int, int | None], int] = {}
    for discounts in (of_lines, of_shipping):
        for coupon_id, claim_id, amount in discounts.values_list("coupon_id", "claim_id", "amount"):
            amounts[coupon_id, claim_id] = amounts.get((coupon_id, claim_id), 0) + amount
    return amounts
