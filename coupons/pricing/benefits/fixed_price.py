"""A price per unit, as in a flash sale or a group buy."""

from dataclasses import dataclass

from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.benefits.units import cheapest_first, first_units, free_units, use_up
from coupons.pricing.whole_numbers import require_whole, require_whole_or_none


@dataclass(frozen=True, slots=True)
class FixedPrice:
    """Every free unit is lowered to ``unit_price`` minor units, none is raised; lowered units are used up.

    Args:
        unit_price: what a unit costs then, at least its floor price.
        maximum_units: at most so many units are lowered, the cheapest first.

    Raises:
        ValueError: on a negative price or a limit under 1.
    """

    unit_price: int
    maximum_units: int | None = None

    def __post_init__(self) -> None:
        require_whole("unit_price", self.unit_price, at_least=0)
        require_whole_or_none("maximum_units", self.maximum_units, at_least=1)

    def grant(self, part: EligiblePart) -> Grant:
        """Lower the units that cost more."""
        dearer = [group for group in free_units(part) if group.room and group.unit_price > self.unit_price]
        if self.maximum_units is not None:
            dearer = first_units(cheapest_first(dearer), self.maximum_units)
        amounts = [0] * len(part.lines)
        for group in dearer:
            amounts[group.position] += min(group.room, group.unit_price - self.unit_price) * group.units
        return Grant(tuple(amounts), used_units=use_up(part, dearer))
