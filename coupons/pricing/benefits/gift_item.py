"""A product for nothing beside what was bought."""

from dataclasses import dataclass

from coupons.pricing.benefits.base import EligiblePart, Gift, Grant
from coupons.pricing.whole_numbers import require_whole


@dataclass(frozen=True, slots=True)
class GiftItem:
    """``quantity`` units of ``sku`` are added; no money is taken off.

    Raises:
        ValueError: on an empty sku or a quantity under 1.
    """

    sku: str
    quantity: int = 1

    def __post_init__(self) -> None:
        if not self.sku:
            raise ValueError("sku must not be empty")
        require_whole("quantity", self.quantity, at_least=1)

    def grant(self, part: EligiblePart) -> Grant:
        """Give the gift."""
        return Grant((0,) * len(part.lines), gifts=(Gift(self.sku, self.quantity),))
