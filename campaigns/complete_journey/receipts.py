"""From a receipt to the lines of an order, to the cent. Pure: no database, amounts in minor units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from coupons.pricing.allocation import allocate


@dataclass(frozen=True, slots=True)
class Sale:
    """One product of a receipt. `amount` is what it cost before coupons, `discount` what coupons took off."""

    product_id: int
    quantity: int
    amount: int
    discount: int = 0


@dataclass(slots=True)
class Line:
    """A line of an order: `quantity × unit_price`, less the parts that coupons took off."""

    product_id: int
    unit_price: int
    quantity: int
    # (coupon's claim or None for a coupon that no claim is known of, amount)
    parts: list[tuple[int | None, int]] = field(default_factory=list)

    @property
    def amount(self) -> int:
        return self.unit_price * self.quantity

    @property
    def discount(self) -> int:
        return sum(amount for _, amount in self.parts)

    @property
    def payable(self) -> int:
        return self.amount - self.discount


@dataclass(frozen=True, slots=True)
class CouponLine:
    """A claim whose coupon stands on the receipt apart from its products, with its likely amount."""

    claim: int
    amount: int
    covered: frozenset[int]


@dataclass(slots=True)
class PricedReceipt:
    lines: list[Line]
    # Coupon money beyond the whole receipt: no order goes below zero.
    dropped: int = 0


def price_receipt(
    sales: Iterable[Sale],
    *,
    claims_of_product: dict[int, list[int]] | None = None,
    loose_discount: int = 0,
    coupon_lines: Sequence[CouponLine] = (),
) -> PricedReceipt:
    """Writes a receipt as order lines whose sums are exact.

    An amount that its quantity does not divide becomes two lines a cent apart. A coupon takes off its own
    line first; what exceeds that line, and what coupons took off without naming a product, is spread over
    the rest of the receipt in proportion to what is still to pay.

    Args:
        claims_of_product: the claims redeemed on a product's line; its discount is split evenly over them.
        loose_discount: coupon money that stands on the receipt apart from the products.
        coupon_lines: claims that this money pays for, each up to its amount, its own products first.
    """
    receipt = PricedReceipt(lines=[])
    excess: list[tuple[int | None, int]] = []
    for sale in sales:
        lines = _lines_of(sale)
        receipt.lines += lines
        owners: Sequence[int | None] = (claims_of_product or {}).get(sale.product_id) or (None,)
        for owner, amount in zip(owners, _split_evenly(sale.discount, len(owners)), strict=True):
            left = _take(amount, owner, lines)
            if left:
                excess.append((owner, left))
    for coupon_line in coupon_lines:
        amount = min(coupon_line.amount, loose_discount)
        loose_discount -= amount
        own = [line for line in receipt.lines if line.product_id in coupon_line.covered]
        excess.append((coupon_line.claim, _take(amount, coupon_line.claim, own)))
    excess.append((None, loose_discount))
    for owner, amount in excess:
        receipt.dropped += _take(amount, owner, receipt.lines)
    return receipt


def _lines_of(sale: Sale) -> list[Line]:
    price, dearer = divmod(sale.amount, sale.quantity)
    lines = [Line(sale.product_id, price, sale.quantity - dearer)]
    if dearer:
        lines.append(Line(sale.product_id, price + 1, dearer))
    return lines


def _split_evenly(amount: int, count: int) -> list[int]:
    share, rest = divmod(amount, count)
    return [share + (number < rest) for number in range(count)]


def _take(amount: int, owner: int | None, lines: Sequence[Line]) -> int:
    """Takes an amount off lines in proportion to what they still cost; returns what they could not bear."""
    if not amount:
        return 0
    payable = [line.payable for line in lines]
    taken = min(amount, sum(payable))
    for line, part in zip(lines, allocate(taken, payable, payable), strict=True):
        if part:
            line.parts.append((owner, part))
    return amount - taken
