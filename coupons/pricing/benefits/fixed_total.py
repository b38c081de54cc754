"""A price for everything eligible together."""

from dataclasses import dataclass

from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.whole_numbers import require_whole


@dataclass(frozen=True, slots=True)
class FixedTotal:
    """The eligible products together cost ``total`` minor units, or what they cost if that is less.

    Raises:
        ValueError: on a negative total.
    """

    total: int

    def __post_init__(self) -> None:
        require_whole("total", self.total, at_least=0)

    def grant(self, part: EligiblePart) -> Grant:
        """Take off what is above the total."""
        return part.spread(max(0, part.amount - self.total))
