"""What a cart costs with the chosen offers, and what became of each of them."""

from dataclasses import dataclass, field

from coupons.pricing.refusal import RefusalCode, RefusalData


@dataclass(frozen=True, slots=True)
class LineDiscount:
    """What one offer takes off one line, in minor units; never 0."""

    line_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Applied:
    """An offer that applies: what it takes off, in all and line by line."""

    offer_id: str
    coupon_id: str
    amount: int
    lines: tuple[LineDiscount, ...]


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
    """One cart line with its price: ``payable = amount - discount``, all in minor units."""

    line_id: str
    sku: str
    quantity: int
    unit_price: int
    amount: int
    discount: int
    payable: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced cart. Money in minor units.

    ``discount_total`` is the sum of the lines' discounts and of the applied offers' amounts, and
    ``payable = subtotal - discount_total + shipping``.

    Attributes:
        lines: in the order of the cart.
        outcomes: one per offer, in the order in which the offers were given.
    """

    lines: tuple[QuotedLine, ...]
    outcomes: tuple[Outcome, ...]
    subtotal: int
    discount_total: int
    shipping: int
    payable: int

    @property
    def applied(self) -> tuple[Applied, ...]:
        """The offers that apply."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Applied))

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The offers that do not apply."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Refused))
