"""Certain products must be in the cart, or must not."""

from dataclasses import dataclass

from coupons.pricing.conditions.base import ConditionFacts
from coupons.pricing.refusal import RefusalCode, Unmet
from coupons.pricing.scope import Scope
from coupons.pricing.whole_numbers import require_whole


@dataclass(frozen=True, slots=True)
class Contains:
    """The cart holds at least ``quantity`` units of ``scope``, whether the offer covers them or not."""

    scope: Scope
    quantity: int = 1

    def __post_init__(self) -> None:
        require_whole("quantity", self.quantity, at_least=1)

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Count the units, and say how many are missing."""
        counted = sum(line.quantity for line in facts.cart.lines if self.scope.covers(line))
        if counted >= self.quantity:
            return None
        return Unmet(
            RefusalCode.REQUIRED_PRODUCT_MISSING,
            {"required_quantity": self.quantity, "missing_quantity": self.quantity - counted},
        )


@dataclass(frozen=True, slots=True)
class ContainsWorth:
    """The cart holds products of ``scope`` worth at least ``amount`` minor units at list prices.

    For a threshold on other products than those that the offer covers, such as the whole order for a
    coupon on jackets.
    """

    scope: Scope
    amount: int

    def __post_init__(self) -> None:
        require_whole("amount", self.amount, at_least=1)

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Add list prices up, and say how much is missing."""
        worth = sum(line.amount for line in facts.cart.lines if self.scope.covers(line))
        if worth >= self.amount:
            return None
        return Unmet(
            RefusalCode.REQUIRED_SPEND_MISSING,
            {"required_amount": self.amount, "eligible_amount": worth, "missing_amount": self.amount - worth},
        )


@dataclass(frozen=True, slots=True)
class ContainsNone:
    """The cart holds nothing of ``scope``."""

    scope: Scope

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Name the first product, in order of skus, that stands in the way."""
        found = [line.sku for line in facts.cart.lines if self.scope.covers(line)]
        return Unmet(RefusalCode.FORBIDDEN_PRODUCT_PRESENT, {"sku": min(found)}) if found else None
