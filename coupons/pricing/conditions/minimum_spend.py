"""Spend at least so much on eligible products."""

from dataclasses import dataclass

from coupons.pricing.conditions.base import ConditionFacts
from coupons.pricing.refusal import RefusalCode, Unmet
from coupons.pricing.whole_numbers import require_whole


@dataclass(frozen=True, slots=True)
class MinimumSpend:
    """The eligible amount must reach ``amount`` minor units; reaching it exactly is enough."""

    amount: int

    def __post_init__(self) -> None:
        require_whole("amount", self.amount, at_least=1)

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Compare with the eligible amount; say how much is missing."""
        if facts.eligible_amount >= self.amount:
            return None
        return Unmet(
            RefusalCode.THRESHOLD_NOT_MET,
            {
                "required_amount": self.amount,
                "eligible_amount": facts.eligible_amount,
                "missing_amount": self.amount - facts.eligible_amount,
            },
        )
