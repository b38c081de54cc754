"""A fixed sum off the eligible products."""

from dataclasses import dataclass

from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.whole_numbers import require_whole


@dataclass(frozen=True, slots=True)
class AmountOff:
    """``amount`` minor units off the whole eligible part, never below its floors."""

    amount: int

    def __post_init__(self) -> None:
        require_whole("amount", self.amount, at_least=1)

    def grant(self, part: EligiblePart) -> Grant:
        """Take the amount, or what the part has room for, in proportion to its lines."""
        return part.spread(self.amount)
