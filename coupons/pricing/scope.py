"""Which products an offer or a condition means."""

from dataclasses import dataclass

from coupons.pricing.cart import CartLine
from coupons.pricing.whole_numbers import require_whole_or_none


@dataclass(frozen=True, slots=True)
class Scope:
    """A choice of products.

    A line is in when its sku or one of its categories is included, or when nothing is named to be
    included; when neither its sku nor any of its categories is excluded; and when its list price per
    unit lies in the range, both ends included.

    Raises:
        ValueError: on a negative price, or a lowest price above the highest.
    """

    include_skus: frozenset[str] = frozenset()
    include_categories: frozenset[str] = frozenset()
    exclude_skus: frozenset[str] = frozenset()
    exclude_categories: frozenset[str] = frozenset()
    minimum_unit_price: int | None = None
    maximum_unit_price: int | None = None

    def __post_init__(self) -> None:
        lowest, highest = self.minimum_unit_price, self.maximum_unit_price
        require_whole_or_none("minimum_unit_price", lowest, at_least=0)
        require_whole_or_none("maximum_unit_price", highest, at_least=0)
        if lowest is not None and highest is not None and lowest > highest:
            raise ValueError("minimum_unit_price must not be above maximum_unit_price")

    def covers(self, line: CartLine) -> bool:
        """Whether the line is in the scope."""
        if line.sku in self.exclude_skus or not self.exclude_categories.isdisjoint(line.categories):
            return False
        if self.minimum_unit_price is not None and line.unit_price < self.minimum_unit_price:
            return False
        if self.maximum_unit_price is not None and line.unit_price > self.maximum_unit_price:
            return False
        if not self.include_skus and not self.include_categories:
            return True
        return line.sku in self.include_skus or not self.include_categories.isdisjoint(line.categories)


EVERYTHING = Scope()
