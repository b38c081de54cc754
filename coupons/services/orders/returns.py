"""What a paid order costs with the units that its shopper keeps: the arithmetic of a partial refund.

`docs/pricing.md` is the specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings

from coupons.enums import RefundPolicy
from coupons.models import Claim, Order, OrderLine
from coupons.offers import cart_of
from coupons.pricing import (
    Audience,
    Cart,
    Condition,
    NewShopper,
    Offer,
    OrderNumber,
    QuotedLine,
    price_cart,
)
from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.whole_numbers import divide_half_up
from coupons.services.orders.pricing import CouponUse, items_on, uses_on

# A coupon on an order: its primary key and that of its claim, None for an automatic promotion.
Use = tuple[int, int | None]

# Whoever bought was judged when the order was paid; the order itself has counted since.
OF_THE_BUYER = (Audience, NewShopper, OrderNumber)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the kept units cost, and what each coupon still takes off; in minor units.

    Attributes:
        lines: with added tax, by the number of the line.
        shipping: with added tax.
        discounts: on lines and shipping together.
    """

    lines: dict[int, int] = field(default_factory=dict)
    shipping: int = 0
    discounts: dict[Use, int] = field(default_factory=dict)


NOTHING_KEPT = Kept()


def shipping_paid(order: Order, lines: Iterable[OrderLine]) -> int:
    """Returns what was paid for shipping, its added tax included."""
    return order.shipping - order.shipping_discount + order.tax - sum(line.tax for line in lines)


def price_kept(order: Order, lines: Sequence[OrderLine], claims: Sequence[Claim]) -> Kept:
    """Prices the units that were not returned.

    Args:
        lines: with `returned` as it will be, and their discounts prefetched.
        claims: that the order has used.
    """
    if not any(line.left for line in lines):
        return NOTHING_KEPT
    uses = {(use.coupon.pk, use.claim.pk if use.claim else None): use for use in uses_on(order, claims)}
    if any(use.coupon.refund_policy == RefundPolicy.RECALCULATE for use in uses.values()):
        return _priced_again(order, lines, uses)
    return _shared_out(order, lines)


def _shared_out(order: Order, lines: Sequence[OrderLine]) -> Kept:
    """Each unit takes its share of what was paid for its line with it.

    Shares are cut from the whole line and rounded once, so that returning units one by one adds up to the cent.
    """
    paid = {line.number: line.payable + line.tax for line in lines}
    return Kept(
        lines={line.number: paid[line.number] - _returned_share(paid[line.number], line) for line in lines},
        shipping=shipping_paid(order, lines),
        discounts=_sum_by_use(
            [
                *((use, amount - _returned_share(amount, line)) for line, use, amount in _line_discounts(lines)),
                *_shipping_discounts(order),
            ]
        ),
    )


def _priced_again(order: Order, lines: Sequence[OrderLine], uses: dict[Use, CouponUse]) -> Kept:
    """The recalculating coupons are priced anew on what is kept; the others keep their share of each unit."""
    offers = {use: _offer_now(order, lines, use, known) for use, known in uses.items()}
    quote = price_cart(_kept_cart(order, lines), offers.values(), order.placed_at)
    quoted = {int(line.line_id): line for line in quote.lines}
    by_offer = {outcome.offer_id: outcome.amount for outcome in quote.applied}
    paid = shipping_paid(order, lines)
    shipping_tax = order.tax - sum(line.tax for line in lines)
    shipping = quote.shipping_payable
    return Kept(
        lines={
            line.number: quoted[line.number].payable + _added_tax(line, quoted[line.number])
            for line in lines
            if line.number in quoted
        },
        # Shipping that was paid goes back with the last unit only.
        shipping=max(
            paid, shipping + _tax_at_rate_of(shipping, order.shipping - order.shipping_discount, shipping_tax)
        ),
        discounts={use: by_offer.get(offer.offer_id, 0) for use, offer in offers.items()},
    )


def _kept_cart(order: Order, lines: Sequence[OrderLine]) -> Cart:
    kept = {line.number: line.left for line in lines}
    items = [replace(item, quantity=kept[int(item.line_id)]) for item in items_on(order) if kept[int(item.line_id)]]
    cart = cart_of(items, shipping=order.shipping, channel=order.channel, region=order.region)
    # A floor that rose since makes nothing dearer that was sold below it.
    sold_at = {str(line.number): line.payable // line.quantity for line in lines}
    return replace(
        cart,
        lines=tuple(replace(line, floor_price=min(line.floor_price, sold_at[line.line_id])) for line in cart.lines),
    )


def _offer_now(order: Order, lines: Sequence[OrderLine], use: Use, known: CouponUse) -> Offer:
    offer = known.held_at(order.placed_at).offer
    if known.coupon.refund_policy == RefundPolicy.RECALCULATE:
        return replace(offer, conditions=tuple(_without_buyer(offer.conditions)))
    kept = {
        str(line.number): divide_half_up(amount * line.left, line.quantity)
        for line, each, amount in _line_discounts(lines)
        if each == use
    }
    shipping = sum(amount for each, amount in _shipping_discounts(order) if each == use)
    return Offer(
        offer_id=offer.offer_id,
        coupon_id=offer.coupon_id,
        benefit=HeldDiscount(kept, shipping),
        phase=offer.phase,
        priority=offer.priority,
        expires_at=offer.expires_at,
    )


@dataclass(frozen=True, slots=True)
class HeldDiscount:
    """What was given once and stays given: so much off each line and off shipping, as far as there is room."""

    line_amounts: dict[str, int]
    shipping_amount: int

    def grant(self, part: EligiblePart) -> Grant:
        """Take the amounts off."""
        return Grant(
            tuple(min(line.room, self.line_amounts.get(line.line.line_id, 0)) for line in part.lines),
            min(part.shipping, self.shipping_amount),
        )


def _without_buyer(conditions: Iterable[Condition]) -> Iterable[Condition]:
    return (condition for condition in conditions if not isinstance(condition, OF_THE_BUYER))


def _returned_share(amount: int, line: OrderLine) -> int:
    return divide_half_up(amount * line.returned, line.quantity)


def _added_tax(line: OrderLine, kept: QuotedLine) -> int:
    """Added tax at the rate of the order; at the product's where the line cost nothing, so that no rate is known."""
    if line.payable:
        return _tax_at_rate_of(kept.payable, line.payable, line.tax)
    return 0 if settings.SHOP_PRICES_INCLUDE_TAX else kept.tax


def _tax_at_rate_of(payable: int, payable_before: int, tax_before: int) -> int:
    return divide_half_up(tax_before * payable, payable_before) if payable_before else 0


def _line_discounts(lines: Iterable[OrderLine]) -> Iterable[tuple[OrderLine, Use, int]]:
    for line in lines:
        for discount in line.discounts.all():
            yield line, (discount.coupon_id, discount.claim_id), discount.amount


def _shipping_discounts(order: Order) -> Iterable[tuple[Use, int]]:
    for discount in order.shipping_discounts.all():
        yield (discount.coupon_id, discount.claim_id), discount.amount


def _sum_by_use(amounts: Iterable[tuple[Use, int]]) -> dict[Use, int]:
    sums: dict[Use, int] = {}
    for use, amount in amounts:
        sums[use] = sums.get(use, 0) + amount
    return sums
