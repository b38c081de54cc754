"""Pricing a cart. ``docs/pricing.md`` is the specification, case by case."""

from collections.abc import Iterable
from datetime import datetime

from coupons.pricing.cart import Cart, CartLine
from coupons.pricing.offer import Offer
from coupons.pricing.quote import Applied, LineDiscount, Outcome, Quote, QuotedLine, Refused
from coupons.pricing.refusal import RefusalCode
from coupons.pricing.running_order import RunningOrder
from coupons.pricing.selection import Selection, Step


def price_cart(cart: Cart, offers: Iterable[Offer], now: datetime) -> Quote:
    """Price a cart with the offers that its shopper chose.

    Pure: the same arguments give the same quote, and neither the order of the offers nor the order
    of the cart's lines changes what is paid.

    Args:
        cart: lines and shipping fee in minor units.
        offers: in any order; a second offer of one ``offer_id`` is refused as a duplicate.
        now: the moment of the quote, aware.

    Returns:
        The quote: lines in the order of the cart, outcomes in the order of the offers.

    Raises:
        ValueError: when ``now`` is naive.
    """
    if now.utcoffset() is None:
        raise ValueError("now must be aware of its time zone")
    given = tuple(offers)
    unique = {offer.offer_id: offer for offer in reversed(given)}

    selection = Selection(RunningOrder.at_list_price(_in_sku_order(cart)), now)
    selection.run(unique.values())
    order, steps = _retake_in_cart_order(cart, selection)

    settled = selection.outcomes | {step.offer.offer_id: step.applied for step in steps}
    return _quote(cart, order, _outcomes_as_given(cart, given, settled))


def evaluate_each(cart: Cart, offers: Iterable[Offer], now: datetime) -> tuple[Outcome, ...]:
    """What every offer would do as the only one on the cart, in the order of the offers."""
    return tuple(price_cart(cart, (offer,), now).outcomes[0] for offer in offers)


def _in_sku_order(cart: Cart) -> tuple[CartLine, ...]:
    """The lines in an order of their own, so that how a cart was filled cannot change its price.

    Lines with equal keys are interchangeable: every offer sees them alike.
    """
    return tuple(
        sorted(
            cart.lines,
            key=lambda line: (
                line.sku,
                sorted(line.categories),
                line.unit_price,
                line.quantity,
                line.floor_price,
            ),
        )
    )


def _retake_in_cart_order(cart: Cart, selection: Selection) -> tuple[RunningOrder, list[Step]]:
    """Repeat what was applied, with ties going to the earlier line of the cart.

    Where offers cover different products, moving a cent between lines could change what a later
    offer takes. The price must not depend on it, so the ties by sku stand then.
    """
    order = RunningOrder.at_list_price(cart.lines)
    steps = []
    for step in selection.steps:
        offer = step.offer
        grant = offer.benefit.grant(order.part(order.covered_by(offer)))
        if grant.amount != step.applied.amount:
            return selection.order, selection.steps
        steps.append(Step(offer, order.take(offer, grant)))
    return order, steps


def _outcomes_as_given(cart: Cart, given: tuple[Offer, ...], settled: dict[str, Outcome]) -> tuple[Outcome, ...]:
    outcomes: list[Outcome] = []
    seen: set[str] = set()
    for offer in given:
        if offer.offer_id in seen:
            outcomes.append(Refused(offer.offer_id, offer.coupon_id, RefusalCode.DUPLICATE_OFFER))
            continue
        seen.add(offer.offer_id)
        outcome = settled[offer.offer_id]
        if isinstance(outcome, Applied):
            outcome = _with_lines_in_cart_order(cart, outcome)
        outcomes.append(outcome)
    return tuple(outcomes)


def _with_lines_in_cart_order(cart: Cart, applied: Applied) -> Applied:
    amounts = {discount.line_id: discount.amount for discount in applied.lines}
    lines = tuple(LineDiscount(line.line_id, amounts[line.line_id]) for line in cart.lines if line.line_id in amounts)
    return Applied(applied.offer_id, applied.coupon_id, applied.amount, lines)


def _quote(cart: Cart, order: RunningOrder, outcomes: tuple[Outcome, ...]) -> Quote:
    payable_by_line = {line.line_id: amount for line, amount in zip(order.lines, order.amounts, strict=True)}
    lines = tuple(
        QuotedLine(
            line_id=line.line_id,
            sku=line.sku,
            quantity=line.quantity,
            unit_price=line.unit_price,
            amount=line.amount,
            discount=line.amount - payable_by_line[line.line_id],
            payable=payable_by_line[line.line_id],
        )
        for line in cart.lines
    )
    discount_total = sum(line.discount for line in lines)
    return Quote(
        lines=lines,
        outcomes=outcomes,
        subtotal=cart.subtotal,
        discount_total=discount_total,
        shipping=cart.shipping,
        payable=cart.subtotal - discount_total + cart.shipping,
    )
