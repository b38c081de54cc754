"""A share of what the eligible products cost, up to a cap."""

from dataclasses import dataclass

from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.whole_numbers import divide_half_up, require_whole

WHOLE_IN_BASIS_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class PercentOff:
    """``basis_points`` hundredths of a percent off (1250 = 12.5 %), at most ``cap`` minor units."""

    basis_points: int
    cap: int | None = None

    def __post_init__(self) -> None:
        require_whole("basis_points", self.basis_points, at_least=1)
        if self.basis_points > WHOLE_IN_BASIS_POINTS:
            raise ValueError("basis_points must be at most 10000, which is 100 %")
        if self.cap is not None:
            require_whole("cap", self.cap, at_least=1)

    def grant(self, part: EligiblePart) -> Grant:
        """Round the share once, on the total, and spread it; rounding per line would drift."""
        amount = divide_half_up(part.amount * self.basis_points, WHOLE_IN_BASIS_POINTS)
        if self.cap is not None:
            amount = min(amount, self.cap)
        return part.spread(amount)
