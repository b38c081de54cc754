"""Units of a part by price. Equal units stand in one group, so that a quantity costs no memory."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from coupons.pricing.benefits.base import DiscountableLine, EligiblePart, UsedUnits


class UnitGroup(NamedTuple):
    """Units of one line that cost the same now.

    Attributes:
        position: of the line in the part.
        unit_price: in minor units.
        units: how many, at least 1.
        room: what may be taken off one unit before its floor price is reached.
        list_price: of one unit, before any offer.
    """

    position: int
    unit_price: int
    units: int
    room: int
    list_price: int


def all_units(part: EligiblePart) -> list[UnitGroup]:
    """Every unit of the part; a line's amount lies evenly on its units."""
    return [
        group
        for position, line in enumerate(part.lines)
        for group in _even_groups(position, line, line.amount, line.units)
    ]


def free_units(part: EligiblePart) -> list[UnitGroup]:
    """The units that no offer has used up yet, without those that cost nothing any more."""
    return [
        group
        for position, line in enumerate(part.lines)
        for group in _even_groups(position, line, line.free_amount, line.free_units)
        if group.unit_price
    ]


def _even_groups(position: int, line: DiscountableLine, amount: int, units: int) -> Iterator[UnitGroup]:
    if not units:
        return
    unit_price, dearer = divmod(amount, units)
    floor_price, list_price = line.line.floor_price, line.line.unit_price
    if units > dearer:
        yield UnitGroup(position, unit_price, units - dearer, max(0, unit_price - floor_price), list_price)
    if dearer:
        yield UnitGroup(position, unit_price + 1, dearer, max(0, unit_price + 1 - floor_price), list_price)


def cheapest_first(groups: Iterable[UnitGroup]) -> list[UnitGroup]:
    """In ascending order of price; equal prices stay in the order of the lines."""
    return sorted(groups, key=lambda group: (group.unit_price, group.position))


def dearest_first(groups: Iterable[UnitGroup]) -> list[UnitGroup]:
    """In descending order of price; equal prices stay in the order of the lines."""
    return sorted(groups, key=lambda group: (-group.unit_price, group.position))


def first_units(groups: Iterable[UnitGroup], units: int) -> list[UnitGroup]:
    """The first so many units of groups in their order, fewer if there are not as many."""
    taken = []
    for group in groups:
        if not units:
            break
        count = min(units, group.units)
        taken.append(group._replace(units=count))
        units -= count
    return taken


def count_units(groups: Iterable[UnitGroup]) -> int:
    """How many units there are."""
    return sum(group.units for group in groups)


def amounts_by_line(part: EligiblePart, groups: Iterable[UnitGroup]) -> tuple[list[int], list[int]]:
    """What the units cost, and what may be taken off them, for each line of the part."""
    amounts, rooms = [0] * len(part.lines), [0] * len(part.lines)
    for group in groups:
        amounts[group.position] += group.unit_price * group.units
        rooms[group.position] += group.room * group.units
    return amounts, rooms


def use_up(part: EligiblePart, groups: Iterable[UnitGroup]) -> tuple[UsedUnits, ...]:
    """The units as a grant names them."""
    units, amounts = [0] * len(part.lines), [0] * len(part.lines)
    for group in groups:
        units[group.position] += group.units
        amounts[group.position] += group.unit_price * group.units
    return tuple(map(UsedUnits, units, amounts))
