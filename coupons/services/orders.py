"""The life of an order with coupons: lock, redeem, release, refund; each all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from config.kernel.errors import NotFound
from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimState, OrderState, RedemptionEntryKind
from coupons.errors import CouponRefused, QuoteChanged, ReferenceTaken, WrongOrderState
from coupons.models import Claim, Order, OrderLine, OrderLineDiscount, Redemption, RedemptionEntry
from coupons.offers import CartItem, PricedItem, cart_of, offer_of, read_items
from coupons.pricing import Applied, Quote, Refused, price_cart
from coupons.services.claim_states import claims_move, refusal_of
from coupons.services.quotes import claims_with_offers
from users.enums import BehaviourKind
from users.models import BehaviourEvent, User

EVENT_SENDER = "quan"


def order_lock(
    *,
    shopper: User,
    reference: str,
    items: Sequence[CartItem],
    claim_ids: Sequence[UUID],
    shipping: int = 0,
    expected_payable: int | None = None,
    now: datetime,
) -> Order:
    """Prices a cart under lock and holds the chosen claims for it until it is paid or the lock ends.

    Args:
        reference: the shop's own order number, unique.
        claim_ids: every one must apply; a coupon that does nothing is refused rather than spent.
        expected_payable: what the shopper was shown, in minor units.

    Raises:
        NotFound: a claim is not the shopper's.
        ClaimNotUsable, ClaimLocked, AlreadyRedeemed: a claim is not available any more.
        CouponRefused: a chosen coupon does not apply to the cart.
        QuoteChanged: the shopper would pay more than shown.
        ReferenceTaken: there is an order with this reference.
        ProductUnknown, CartTooLarge, Invalid: the cart is wrong.
    """
    with busy_when_locked(), transaction.atomic():
        taken = Order.objects.filter(reference=reference).first()
        if taken is not None:
            raise _reference_taken(taken, shopper)
        _release_overdue(shopper, claim_ids, now)
        claims = _lock_claims(shopper, claim_ids)
        priced = read_items(items)
        quote = price_cart(cart_of(priced, shipping=shipping), [offer_of(claim) for claim in claims], now)
        _refuse_unless_all_apply(quote, claims)
        if expected_payable is not None and quote.payable > expected_payable:
            raise QuoteChanged(expected_amount=expected_payable, payable_amount=quote.payable)
        order = _write_order(shopper, reference, quote, now)
        _write_lines(order, priced, quote, claims)
        if claims:
            claims_move(
                claims=claims,
                from_state=ClaimState.AVAILABLE,
                to_state=ClaimState.LOCKED,
                reason="order_locked",
                now=now,
                order=order,
            )
        return order


def order_redeem(*, order: Order, now: datetime) -> Order:
    """Uses the locked claims for good once the order was paid.

    Raises:
        WrongOrderState: it was redeemed, released or refunded before.
    """
    with busy_when_locked(), transaction.atomic():
        order = _lock_order(order, OrderState.LOCKED)
        claims = list(order.claims.order_by("pk"))
        if claims:
            claims_move(
                claims=claims,
                from_state=ClaimState.LOCKED,
                to_state=ClaimState.REDEEMED,
                reason="order_redeemed",
                now=now,
                order=order,
            )
            _write_redemptions(order, claims, now)
        order.state = OrderState.REDEEMED
        order.redeemed_at = now
        order.lock_expires_at = None
        order.save(update_fields=["state", "redeemed_at", "lock_expires_at"])
        BehaviourEvent.objects.create(
            sender=EVENT_SENDER,
            event_id=f"order:{order.public_id}",
            shopper_id=order.shopper_id,
            kind=BehaviourKind.PURCHASE,
            value=order.payable,
            data={"order": str(order.public_id), "with_coupon": bool(claims)},
            occurred_at=now,
            received_at=now,
        )
        return order


def order_release(*, order: Order, now: datetime) -> Order:
    """Gives the claims of an unpaid order back.

    Raises:
        WrongOrderState: it is not awaiting payment.
    """
    with busy_when_locked(), transaction.atomic():
        order = _lock_order(order, OrderState.LOCKED)
        return release_locked_order(order=order, reason="order_released", now=now)


def release_locked_order(*, order: Order, reason: str, now: datetime) -> Order:
    """Releases an order that the caller has locked and found awaiting payment, in the caller's transaction."""
    claims = list(order.claims.order_by("pk"))
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


def order_refund(*, order: Order, now: datetime) -> Order:
    """Refunds a paid order in full and gives its claims back, each exactly once.

    A claim whose time ran out meanwhile stays usable for `CLAIM_GRACE_EXTENSION` from now.

    Raises:
        WrongOrderState: it is not paid, or was refunded before.
    """
    with busy_when_locked(), transaction.atomic():
        order = _lock_order(order, OrderState.REDEEMED)
        claims = list(order.claims.order_by("pk"))
        if claims:
            claims_move(
                claims=claims,
                from_state=ClaimState.REDEEMED,
                to_state=ClaimState.AVAILABLE,
                reason="order_refunded",
                now=now,
                order=order,
            )
            _extend_expired(claims, now)
            _write_refunds(order, now)
        order.state = OrderState.REFUNDED
        order.refunded = order.payable
        order.closed_at = now
        order.save(update_fields=["state", "refunded", "closed_at"])
        return order


def _lock_order(order: Order, state: OrderState) -> Order:
    order = Order.objects.select_for_update().get(pk=order.pk)
    if order.state != state:
        raise WrongOrderState(state=order.state)
    return order


def _reference_taken(order: Order, shopper: User) -> ReferenceTaken:
    # Somebody else's order is not named.
    return ReferenceTaken(order=str(order.public_id)) if order.shopper_id == shopper.pk else ReferenceTaken()


def _release_overdue(shopper: User, claim_ids: Sequence[UUID], now: datetime) -> None:
    overdue = Order.objects.filter(
        claims__public_id__in=claim_ids, shopper=shopper, state=OrderState.LOCKED, lock_expires_at__lte=now
    )
    for order in Order.objects.select_for_update().filter(pk__in=overdue.values("pk")).order_by("pk"):
        if order.state == OrderState.LOCKED:
            release_locked_order(order=order, reason="lock_expired", now=now)


def _lock_claims(shopper: User, claim_ids: Sequence[UUID]) -> list[Claim]:
    claims = list(
        Claim.objects.select_for_update(of=("self",))
        .filter(public_id__in=claim_ids, shopper=shopper)
        .select_related("coupon")
        .prefetch_related(*claims_with_offers())
        .order_by("pk")
    )
    if len(claims) != len(set(claim_ids)):
        raise NotFound
    for claim in claims:
        if claim.state != ClaimState.AVAILABLE:
            raise refusal_of(claim)
    return claims


def _refuse_unless_all_apply(quote: Quote, claims: list[Claim]) -> None:
    for outcome in quote.outcomes:
        if isinstance(outcome, Refused):
            raise CouponRefused(claim=outcome.offer_id, reason=outcome.code, **outcome.data)


def _write_order(shopper: User, reference: str, quote: Quote, now: datetime) -> Order:
    try:
        # A savepoint: the transaction must survive the loss of a race for the reference.
        with transaction.atomic():
            return Order.objects.create(
                reference=reference,
                shopper=shopper,
                subtotal=quote.subtotal,
                discount=quote.discount_total,
                shipping=quote.shipping,
                payable=quote.payable,
                placed_at=now,
                lock_expires_at=now + settings.ORDER_LOCK_LASTS,
            )
    except IntegrityError as error:
        raise _reference_taken(Order.objects.get(reference=reference), shopper) from error


def _write_lines(order: Order, items: Sequence[PricedItem], quote: Quote, claims: list[Claim]) -> None:
    priced = {line.line_id: line for line in quote.lines}
    lines = {
        item.line_id: OrderLine(
            order=order,
            number=number,
            product=item.product,
            unit_price=item.unit_price,
            quantity=item.quantity,
            discount=priced[item.line_id].discount,
            payable=priced[item.line_id].payable,
        )
        for number, item in enumerate(items, start=1)
    }
    OrderLine.objects.bulk_create(lines.values())
    by_offer = {str(claim.public_id): claim for claim in claims}
    OrderLineDiscount.objects.bulk_create(
        OrderLineDiscount(
            line=lines[part.line_id],
            coupon=by_offer[outcome.offer_id].coupon,
            claim=by_offer[outcome.offer_id],
            amount=part.amount,
        )
        for outcome in quote.outcomes
        if isinstance(outcome, Applied)
        for part in outcome.lines
    )


def _write_redemptions(order: Order, claims: list[Claim], now: datetime) -> None:
    amounts = dict.fromkeys((claim.pk for claim in claims), 0)
    for claim_id, amount in OrderLineDiscount.objects.filter(line__order=order).values_list("claim_id", "amount"):
        if claim_id is not None:
            amounts[claim_id] += amount
    redemptions = Redemption.objects.bulk_create(
        Redemption(coupon_id=claim.coupon_id, claim=claim, order=order, amount=amounts[claim.pk], redeemed_at=now)
        for claim in claims
    )
    RedemptionEntry.objects.bulk_create(
        RedemptionEntry(
            redemption=redemption, kind=RedemptionEntryKind.REDEEMED, amount=redemption.amount, created_at=now
        )
        for redemption in redemptions
    )


def _write_refunds(order: Order, now: datetime) -> None:
    redemptions = list(Redemption.objects.select_for_update().filter(order=order).order_by("pk"))
    entries = []
    for redemption in redemptions:
        back = redemption.amount - redemption.refunded
        redemption.refunded = redemption.amount
        entries.append(
            RedemptionEntry(redemption=redemption, kind=RedemptionEntryKind.REFUNDED, amount=-back, created_at=now)
        )
    Redemption.objects.bulk_update(redemptions, ["refunded"])
    RedemptionEntry.objects.bulk_create(entries)


def _extend_expired(claims: list[Claim], now: datetime) -> None:
    grace_ends_at = now + settings.CLAIM_GRACE_EXTENSION
    late = [claim.pk for claim in claims if claim.expires_at <= now]
    Claim.objects.filter(pk__in=late).update(expires_at=grace_ends_at)
