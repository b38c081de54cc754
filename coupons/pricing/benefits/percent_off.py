"""A share of what the eligible products cost, up to a cap."""

from dataclasses import dataclass

from coupons.pricing.benefits.application import Application, apply_discount
from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.whole_numbers import require_share, require_whole_or_none, share_of


@dataclass(frozen=True, slots=True)
class PercentOff:
    """``basis_points`` hundredths of a percent off (1250 = 12.5 %), at most ``cap`` minor units.

    Half a unit rounds up: once on the total, or with another application once per line or unit.

    Args:
        basis_points: 1 to 10000.
        cap: the most to take off in all.
        application: what the share is taken of.
        maximum_units: at most so many units are discounted, the cheapest first.
        maximum_units_per_line: the same for every line.
        of_list_price: take the share of the price before any offer rather than of what is left, so
            that 10 % and 20 % are 30 %.

    Raises:
        ValueError: on a number out of its range.
    """

    basis_points: int
    cap: int | None = None
    application: Application = Application.WHOLE
    maximum_units: int | None = None
    maximum_units_per_line: int | None = None
    of_list_price: bool = False

    def __post_init__(self) -> None:
        require_share("basis_points", self.basis_points)
        require_whole_or_none("cap", self.cap, at_least=1)
        require_whole_or_none("maximum_units", self.maximum_units, at_least=1)
        require_whole_or_none("maximum_units_per_line", self.maximum_units_per_line, at_least=1)
        object.__setattr__(self, "application", Application(self.application))

    def grant(self, part: EligiblePart) -> Grant:
        """Take the share; rounding a whole order per line would drift."""
        return apply_discount(
            part,
            self._share,
            application=self.application,
            maximum_units=self.maximum_units,
            maximum_units_per_line=self.maximum_units_per_line,
            cap=self.cap,
        )

    def _share(self, now: int, before: int) -> int:
        return share_of(before if self.of_list_price else now, self.basis_points)
