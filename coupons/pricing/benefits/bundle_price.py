"""Any so many for a price."""

from collections.abc import Iterator
from dataclasses import dataclass

from coupons.pricing.benefits.base import EligiblePart, Grant, spread
from coupons.pricing.benefits.units import UnitGroup, amounts_by_line, dearest_first, free_units, use_up
from coupons.pricing.whole_numbers import require_whole, require_whole_or_none


@dataclass(frozen=True, slots=True)
class BundlePrice:
    """Any ``quantity`` free units for ``price`` minor units; the units of a set are used up.

    The dearest units form sets first. A set that costs no more as it is gives nothing.

    Args:
        quantity: units in a set.
        price: of a set.
        maximum_sets: at most so many sets.

    Raises:
        ValueError: on a negative price, or another number under 1.
    """

    quantity: int
    price: int
    maximum_sets: int | None = None

    def __post_init__(self) -> None:
        require_whole("quantity", self.quantity, at_least=1)
        require_whole("price", self.price, at_least=0)
        require_whole_or_none("maximum_sets", self.maximum_sets, at_least=1)

    def grant(self, part: EligiblePart) -> Grant:
        """Form sets from the dearest units down, and spread what they save over their lines."""
        saved, bundled, sets = 0, [], 0
        for groups, possible in _sets(dearest_first(free_units(part)), self.quantity):
            times = possible if self.maximum_sets is None else min(possible, self.maximum_sets - sets)
            surplus = sum(group.unit_price * group.units for group in groups) - self.price
            if surplus <= 0 or times == 0:
                break
            saved += min(surplus, sum(group.room * group.units for group in groups)) * times
            bundled += [group._replace(units=group.units * times) for group in groups]
            sets += times
        amounts, rooms = amounts_by_line(part, bundled)
        return Grant(spread(saved, amounts, rooms).line_amounts, used_units=use_up(part, bundled))


def _sets(groups: list[UnitGroup], quantity: int) -> Iterator[tuple[list[UnitGroup], int]]:
    """Sets of units in their order, and how many of each kind follow one another."""
    begun: list[UnitGroup] = []
    missing = quantity
    for group in groups:
        units = group.units
        if begun:
            joined = min(missing, units)
            begun.append(group._replace(units=joined))
            missing -= joined
            units -= joined
            if missing:
                continue
            yield begun, 1
            begun, missing = [], quantity
        if units >= quantity:
            yield [group._replace(units=quantity)], units // quantity
            units %= quantity
        if units:
            begun, missing = [group._replace(units=units)], quantity - units
