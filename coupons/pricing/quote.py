"""What a cart costs with the chosen offers, and what became of each of them."""

from dataclasses import dataclass, field
from typing import NamedTuple

from coupons.pricing.benefits.base import Gift
from coupons.pricing.refusal import RefusalCode, RefusalData


class LineDiscount(NamedTuple):
    """What one offer takes off one line, in minor units; never 0."""

    line_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Applied:
    """An offer that applies: what it gives, in all and where.

    Attributes:
        amount: the lines' amounts and ``shipping_amount`` together.
        lines: in the order of the cart.
        shipping_amount: taken off the shipping fee.
        gifts: added for nothing.
    """

    offer_id: str
    coupon_id: str
    amount: int
    lines: tuple[LineDiscount, ...]
    shipping_amount: int = 0
    gifts: tuple[Gift, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """An offer that does not apply: the reason and the data to act on it (see RefusalCode)."""

    offer_id: str
    coupon_id: str
    code: RefusalCode
    data: RefusalData = field(default_factory=dict)


Outcome = Applied | Refused


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """One cart line with its price: ``payable = amount - discount``, all in minor units.

    ``tax`` is contained in ``payable`` where prices include tax, and comes on top elsewhere.
    """

    line_id: str
    sku: str
    quantity: int
    unit_price: int
    amount: int
    discount: int
    payable: int
    tax: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced cart. Money in minor units.

    ``payable = subtotal - discount_total + shipping - shipping_discount``, plus ``tax`` where prices do
    not include it.

    Attributes:
        lines: in the order of the cart.
        outcomes: one per offer, in the order in which the offers were given.
        subtotal: the lines before any offer.
        discount_total: the sum of the lines' discounts.
        shipping: the fee before any offer.
        payable: what the shopper pays.
        shipping_discount: taken off the fee.
        tax: of the lines and of shipping, after discounts.
        shipping_tax: the part of ``tax`` that is on shipping.
        prices_include_tax: whether ``tax`` is contained in the prices.
        gifts: added for nothing, by sku.
    """

    lines: tuple[QuotedLine, ...]
    outcomes: tuple[Outcome, ...]
    subtotal: int
    discount_total: int
    shipping: int
    payable: int
    shipping_discount: int = 0
    tax: int = 0
    shipping_tax: int = 0
    prices_include_tax: bool = True
    gifts: tuple[Gift, ...] = ()

    @property
    def shipping_payable(self) -> int:
        """What is left of the shipping fee."""
        return self.shipping - self.shipping_discount

    @property
    def saved(self) -> int:
        """What all offers took off together; equals the sum of the applied offers' amounts."""
        return self.discount_total + self.shipping_discount

    @property
    def applied(self) -> tuple[Applied, ...]:
        """The offers that apply."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Applied))

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The offers that do not apply."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Refused))
