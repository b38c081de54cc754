"""A fixed sum off the eligible products."""

from dataclasses import dataclass

from coupons.pricing.benefits.application import Application, apply_discount
from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.whole_numbers import require_whole, require_whole_or_none


@dataclass(frozen=True, slots=True)
class AmountOff:
    """``amount`` minor units off, never below the floors.

    Args:
        amount: off everything together, each line, each unit or the cheapest unit.
        application: which of these.
        maximum_units: at most so many units are discounted, the cheapest first.
        maximum_units_per_line: the same for every line.

    Raises:
        ValueError: on a number under 1.
    """

    amount: int
    application: Application = Application.WHOLE
    maximum_units: int | None = None
    maximum_units_per_line: int | None = None

    def __post_init__(self) -> None:
        require_whole("amount", self.amount, at_least=1)
        require_whole_or_none("maximum_units", self.maximum_units, at_least=1)
        require_whole_or_none("maximum_units_per_line", self.maximum_units_per_line, at_least=1)
        object.__setattr__(self, "application", Application(self.application))

    def grant(self, part: EligiblePart) -> Grant:
        """Take the amount, or what there is room for; a whole sum lies in proportion on its lines."""
        return apply_discount(
            part,
            lambda _now, _before: self.amount,
            application=self.application,
            maximum_units=self.maximum_units,
            maximum_units_per_line=self.maximum_units_per_line,
        )
