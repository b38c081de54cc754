"""A sum off for every so much spent."""

from dataclasses import dataclass

from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.whole_numbers import require_whole, require_whole_or_none


@dataclass(frozen=True, slots=True)
class EveryAmountOff:
    """``amount`` off for every full ``every`` of the amount on the threshold base, at most ``cap``.

    Raises:
        ValueError: on a number under 1.
    """

    every: int
    amount: int
    cap: int | None = None

    def __post_init__(self) -> None:
        require_whole("every", self.every, at_least=1)
        require_whole("amount", self.amount, at_least=1)
        require_whole_or_none("cap", self.cap, at_least=1)

    def grant(self, part: EligiblePart) -> Grant:
        """Count the full steps and spread what they give."""
        amount = part.base_amount // self.every * self.amount
        return part.spread(amount if self.cap is None else min(amount, self.cap))
