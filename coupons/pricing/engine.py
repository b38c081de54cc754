"""Pricing a cart. ``docs/pricing.md`` is the specification, case by case."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from coupons.pricing.benefits.base import Gift
from coupons.pricing.cart import Cart, CartLine
from coupons.pricing.offer import Offer
from coupons.pricing.quote import Applied, LineDiscount, Outcome, Quote, QuotedLine, Refused
from coupons.pricing.refusal import RefusalCode
from coupons.pricing.running_order import RunningOrder
from coupons.pricing.selection import Selection, Step
from coupons.pricing.tax import tax_of


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
    given = tuple(offers)
    unique = {offer.offer_id: offer for offer in reversed(given)}
    order, settled = _Pricing(cart, now).settle(unique.values())
    return _quote(cart, order, _outcomes_as_given(given, settled))


def evaluate_each(cart: Cart, offers: Iterable[Offer], now: datetime) -> tuple[Outcome, ...]:
    """What every offer would do as the only one on the cart, in the order of the offers.

    Raises:
        ValueError: when ``now`` is naive.
    """
    pricing = _Pricing(cart, now)
    return tuple(pricing.settle((offer,))[1][offer.offer_id] for offer in offers)


class _Pricing:
    """A cart at list prices, on which any number of sets of offers can be settled."""

    def __init__(self, cart: Cart, now: datetime) -> None:
        if now.utcoffset() is None:
            raise ValueError("now must be aware of its time zone")
        self._now = now
        self._in_sku_order = RunningOrder.at_list_price(sorted_by_sku(cart))
        self._in_cart_order = RunningOrder.at_list_price(cart)

    def settle(self, offers: Iterable[Offer]) -> tuple[RunningOrder, dict[str, Outcome]]:
        """Apply the offers; return the order afterwards and every offer's outcome. Their ids must differ."""
        selection = Selection(self._in_sku_order.snapshot(), self._now)
        selection.run(offers)
        order, steps = selection.order, selection.steps
        if self._in_sku_order.lines != self._in_cart_order.lines:
            order, steps = _retake_in_cart_order(self._in_cart_order.snapshot(), selection)
        return order, selection.outcomes | {step.offer.offer_id: step.applied for step in steps}


def sorted_by_sku(cart: Cart) -> Cart:
    """The lines in an order of their own, so that how a cart was filled cannot change its price.

    Lines with equal keys are interchangeable: every offer sees them alike.
    """
    return replace(
        cart,
        lines=tuple(
            sorted(
                cart.lines,
                key=lambda line: (
                    line.sku,
                    sorted(line.categories),
                    line.unit_price,
                    line.quantity,
                    line.floor_price,
                    line.tax_rate,
                ),
            )
        ),
    )


def _retake_in_cart_order(order: RunningOrder, selection: Selection) -> tuple[RunningOrder, list[Step]]:
    """Repeat on ``order`` what was applied, with ties going to the earlier line of the cart.

    Where offers cover different products, moving a cent between lines could change what a later
    offer takes, or the tax. The price must not depend on it, so the ties by sku stand then.
    """
    cart, steps = order.cart, []
    for _, steps_of_phase in groupby(selection.steps, key=lambda step: step.offer.phase):
        order.start_phase()
        for step in steps_of_phase:
            offer = step.offer
            grant = offer.benefit.grant(order.part(offer))
            if grant.amount != step.applied.amount or grant.is_nothing:
                return selection.order, _in_order_of(cart, selection.steps)
            steps.append(Step(offer, order.take(offer, grant)))
    if _line_tax(order) != _line_tax(selection.order):
        return selection.order, _in_order_of(cart, selection.steps)
    return order, steps


def _in_order_of(cart: Cart, steps: list[Step]) -> list[Step]:
    return [Step(step.offer, _with_lines_in_cart_order(cart, step.applied)) for step in steps]


def _with_lines_in_cart_order(cart: Cart, applied: Applied) -> Applied:
    amounts = {discount.line_id: discount.amount for discount in applied.lines}
    lines = tuple(LineDiscount(line.line_id, amounts[line.line_id]) for line in cart.lines if line.line_id in amounts)
    return replace(applied, lines=lines)


def _line_tax(order: RunningOrder) -> int:
    is_included = order.cart.prices_include_tax
    lines = zip(order.lines, order.amounts, strict=True)
    return sum([tax_of(amount, line.tax_rate, included=is_included) for line, amount in lines if line.tax_rate])


def _outcomes_as_given(given: tuple[Offer, ...], settled: dict[str, Outcome]) -> tuple[Outcome, ...]:
    outcomes: list[Outcome] = []
    seen: set[str] = set()
    for offer in given:
        if offer.offer_id in seen:
            outcomes.append(Refused(offer.offer_id, offer.coupon_id, RefusalCode.DUPLICATE_OFFER))
            continue
        seen.add(offer.offer_id)
        outcomes.append(settled[offer.offer_id])
    return tuple(outcomes)


def _quote(cart: Cart, order: RunningOrder, outcomes: tuple[Outcome, ...]) -> Quote:
    payable_by_line = {line.line_id: amount for line, amount in zip(order.lines, order.amounts, strict=True)}
    lines = tuple([_quoted_line(line, payable_by_line[line.line_id], cart.prices_include_tax) for line in cart.lines])
    shipping_tax = tax_of(order.shipping, cart.shipping_tax_rate, included=cart.prices_include_tax)
    tax = sum([line.tax for line in lines]) + shipping_tax
    discount_total = sum([line.discount for line in lines])
    return Quote(
        lines=lines,
        outcomes=outcomes,
        subtotal=cart.subtotal,
        discount_total=discount_total,
        shipping=cart.shipping,
        payable=cart.subtotal - discount_total + order.shipping + (0 if cart.prices_include_tax else tax),
        shipping_discount=cart.shipping - order.shipping,
        tax=tax,
        shipping_tax=shipping_tax,
        prices_include_tax=cart.prices_include_tax,
        gifts=_gifts(outcomes),
    )


def _quoted_line(line: CartLine, payable: int, includes_tax: bool) -> QuotedLine:
    amount = line.amount
    return QuotedLine(
        line_id=line.line_id,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount=amount,
        discount=amount - payable,
        payable=payable,
        tax=tax_of(payable, line.tax_rate, included=includes_tax) if line.tax_rate else 0,
    )


def _gifts(outcomes: tuple[Outcome, ...]) -> tuple[Gift, ...]:
    quantities: dict[str, int] = {}
    for outcome in outcomes:
        if isinstance(outcome, Applied):
            for gift in outcome.gifts:
                quantities[gift.sku] = quantities.get(gift.sku, 0) + gift.quantity
    return tuple(Gift(sku, quantities[sku]) for sku in sorted(quantities))
