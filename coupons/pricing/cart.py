"""What a shopper wants to buy, and who it is. All money is in minor units of the shop's currency."""

from dataclasses import dataclass
from datetime import datetime

from coupons.pricing.whole_numbers import require_whole


@dataclass(frozen=True, slots=True)
class CartLine:
    """A quantity of one product.

    Args:
        line_id: the caller's name for the line, unique in its cart.
        sku: the product.
        categories: every category that the product counts as, ancestors included.
        unit_price: price of one unit before any offer, in minor units.
        quantity: whole units, at least 1.
        floor_price: the least that one unit may cost after all offers, in minor units.
        tax_rate: in basis points; 2000 is 20 %.

    Raises:
        ValueError: on an empty ``line_id``, a negative amount or a quantity under 1.
    """

    line_id: str
    sku: str
    categories: frozenset[str]
    unit_price: int
    quantity: int
    floor_price: int = 0
    tax_rate: int = 0

    def __post_init__(self) -> None:
        if not self.line_id:
            raise ValueError("line_id must not be empty")
        require_whole("unit_price", self.unit_price, at_least=0)
        require_whole("quantity", self.quantity, at_least=1)
        require_whole("floor_price", self.floor_price, at_least=0)
        require_whole("tax_rate", self.tax_rate, at_least=0)

    @property
    def amount(self) -> int:
        """Price of the whole line before any offer, in minor units."""
        return self.unit_price * self.quantity

    @property
    def floor_amount(self) -> int:
        """The least that the whole line may cost after all offers, in minor units."""
        return self.floor_price * self.quantity


@dataclass(frozen=True, slots=True)
class Buyer:
    """Facts about the shopper, by which conditions judge. The default is an unknown visitor.

    Args:
        order_count: orders placed before this one and not cancelled.
        registered_at: when the account was made, aware; None without an account.
        tags: the shopper's labels.

    Raises:
        ValueError: on a negative count or a naive moment.
    """

    order_count: int = 0
    registered_at: datetime | None = None
    tags: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        require_whole("order_count", self.order_count, at_least=0)
        if self.registered_at is not None and self.registered_at.utcoffset() is None:
            raise ValueError("registered_at must be aware of its time zone")


UNKNOWN_BUYER = Buyer()


@dataclass(frozen=True, slots=True)
class Cart:
    """Lines in the shopper's order, the shipping fee, and what else conditions may look at.

    Args:
        lines: what is bought.
        shipping: the fee in minor units.
        shipping_tax_rate: in basis points.
        prices_include_tax: whether unit prices and the shipping fee contain their tax; otherwise it
            is added to what is paid.
        buyer: who buys.
        channel: where, such as ``web``.
        region: where to.

    Raises:
        ValueError: on two lines with one ``line_id`` or a negative number.
    """

    lines: tuple[CartLine, ...]
    shipping: int = 0
    shipping_tax_rate: int = 0
    prices_include_tax: bool = True
    buyer: Buyer = UNKNOWN_BUYER
    channel: str = ""
    region: str = ""

    def __post_init__(self) -> None:
        require_whole("shipping", self.shipping, at_least=0)
        require_whole("shipping_tax_rate", self.shipping_tax_rate, at_least=0)
        if len({line.line_id for line in self.lines}) != len(self.lines):
            raise ValueError("every line of a cart needs its own line_id")

    @property
    def subtotal(self) -> int:
        """Price of all lines before any offer and without shipping, in minor units."""
        return sum(line.amount for line in self.lines)
