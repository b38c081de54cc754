"""Money in the wallet, such as a share of a red packet."""

from dataclasses import dataclass

from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.whole_numbers import require_whole


@dataclass(frozen=True, slots=True)
class Cash:
    """``amount`` minor units to spend on the eligible products; shipping and floor prices stay.

    What an order does not need is the difference between ``amount`` and what was applied.

    Raises:
        ValueError: on an amount under 1.
    """

    amount: int

    def __post_init__(self) -> None:
        require_whole("amount", self.amount, at_least=1)

    def grant(self, part: EligiblePart) -> Grant:
        """Spend the amount, or what there is room for."""
        return part.spread(self.amount)
