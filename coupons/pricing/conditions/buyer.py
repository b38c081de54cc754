"""Who buys: the number of the order, the age of the account, tags."""

from dataclasses import dataclass
from datetime import timedelta

from coupons.pricing.conditions.base import ConditionFacts
from coupons.pricing.refusal import RefusalCode, Unmet
from coupons.pricing.whole_numbers import require_whole, require_whole_or_none


@dataclass(frozen=True, slots=True)
class OrderNumber:
    """This order is the shopper's ``minimum``-th to ``maximum``-th; the first order has number 1."""

    minimum: int = 1
    maximum: int | None = None

    def __post_init__(self) -> None:
        require_whole("minimum", self.minimum, at_least=1)
        require_whole_or_none("maximum", self.maximum, at_least=self.minimum)

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Compare with the orders placed before and not cancelled, plus this one."""
        number = facts.cart.buyer.order_count + 1
        if self.maximum is not None and number > self.maximum:
            return Unmet(
                RefusalCode.TOO_MANY_ORDERS,
                {"maximum_order_number": self.maximum, "order_number": number},
            )
        if number < self.minimum:
            return Unmet(
                RefusalCode.TOO_FEW_ORDERS,
                {
                    "minimum_order_number": self.minimum,
                    "order_number": number,
                    "missing_orders": self.minimum - number,
                },
            )
        return None


@dataclass(frozen=True, slots=True)
class NewShopper:
    """The account is younger than ``days`` times 24 hours; who has none is no new shopper yet."""

    days: int

    def __post_init__(self) -> None:
        require_whole("days", self.days, at_least=1)

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Compare the age of the account."""
        registered_at = facts.cart.buyer.registered_at
        if registered_at is not None and facts.now < registered_at + timedelta(days=self.days):
            return None
        return Unmet(RefusalCode.NOT_A_NEW_SHOPPER, {"days": self.days})


@dataclass(frozen=True, slots=True)
class Audience:
    """The shopper has one of ``any_of`` (or it is empty), and none of ``none_of``."""

    any_of: frozenset[str] = frozenset()
    none_of: frozenset[str] = frozenset()

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Compare the tags; which ones would be needed stays with the shop."""
        tags = facts.cart.buyer.tags
        if (not self.any_of or not self.any_of.isdisjoint(tags)) and self.none_of.isdisjoint(tags):
            return None
        return Unmet(RefusalCode.NOT_IN_AUDIENCE)
