"""Buy at least so many eligible units, or different products."""

from dataclasses import dataclass

from coupons.pricing.conditions.base import ConditionFacts
from coupons.pricing.refusal import RefusalCode, Unmet
from coupons.pricing.whole_numbers import require_whole


@dataclass(frozen=True, slots=True)
class MinimumQuantity:
    """At least ``quantity`` eligible units; with ``is_distinct``, so many different products."""

    quantity: int
    is_distinct: bool = False

    def __post_init__(self) -> None:
        require_whole("quantity", self.quantity, at_least=1)

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Count, and say how many are missing."""
        counted = len({line.sku for line in facts.eligible_lines}) if self.is_distinct else facts.eligible_quantity
        if counted >= self.quantity:
            return None
        return Unmet(
            RefusalCode.TOO_FEW_PRODUCTS if self.is_distinct else RefusalCode.QUANTITY_NOT_MET,
            {
                "required_quantity": self.quantity,
                "eligible_quantity": counted,
                "missing_quantity": self.quantity - counted,
            },
        )
