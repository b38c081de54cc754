"""Buy some, get some."""

from dataclasses import dataclass

from coupons.pricing.benefits.base import DiscountableLine, EligiblePart, Grant, ReachingBenefit, spread
from coupons.pricing.benefits.units import (
    UnitGroup,
    amounts_by_line,
    cheapest_first,
    count_units,
    first_units,
    free_units,
    use_up,
)
from coupons.pricing.scope import Scope
from coupons.pricing.whole_numbers import (
    WHOLE_IN_BASIS_POINTS,
    require_share,
    require_whole,
    require_whole_or_none,
    share_of,
)


@dataclass(frozen=True, slots=True)
class BuyXGetY(ReachingBenefit):
    """Of every ``buy + get`` free units the ``get`` cheapest are free or cheaper; all of them are used up.

    Only full sets count. Over all sets together the cheapest units are given and the next cheapest are
    the bought ones, so that dear units stay free for other offers.

    Args:
        buy: units to buy for each set.
        get: units given for each set.
        basis_points: how much cheaper these are; 10000 is free.
        maximum_sets: at most so many sets.
        get_scope: the products that are given; None gives of those that are bought.

    Raises:
        ValueError: on a number out of its range.
    """

    buy: int
    get: int
    basis_points: int = WHOLE_IN_BASIS_POINTS
    maximum_sets: int | None = None
    get_scope: Scope | None = None

    def __post_init__(self) -> None:
        require_whole("buy", self.buy, at_least=1)
        require_whole("get", self.get, at_least=1)
        require_share("basis_points", self.basis_points)
        require_whole_or_none("maximum_sets", self.maximum_sets, at_least=1)

    def grant(self, part: EligiblePart) -> Grant:
        """Form as many sets as possible, and take the share off what they give, rounded once."""
        groups = cheapest_first(free_units(part))
        sides = [(line.is_counted, self._gives(line)) for line in part.lines]
        buyable = [group for group in groups if sides[group.position][0]]
        givable = [group for group in groups if sides[group.position][1]]
        both = [group for group in groups if all(sides[group.position])]
        sets = self._count_sets(count_units(buyable), count_units(givable), count_units(both))
        if sets == 0:
            return part.nothing()

        given = _choose_given(
            givable,
            units=sets * self.get,
            # As many units must remain to be bought.
            of_buyable=count_units(buyable) - sets * self.buy,
            is_buyable=[is_buyable for is_buyable, _ in sides],
        )
        bought = first_units(_without(buyable, given), sets * self.buy)
        amounts, rooms = amounts_by_line(part, given)
        line_amounts = spread(share_of(sum(amounts), self.basis_points), amounts, rooms).line_amounts
        return Grant(line_amounts, used_units=use_up(part, [*given, *bought]))

    def _gives(self, line: DiscountableLine) -> bool:
        return line.is_counted if self.get_scope is None else self.get_scope.covers(line.line)

    def _count_sets(self, buyable: int, givable: int, both: int) -> int:
        sets = min(
            buyable // self.buy,
            givable // self.get,
            (buyable + givable - both) // (self.buy + self.get),
        )
        return sets if self.maximum_sets is None else min(sets, self.maximum_sets)


def _choose_given(givable: list[UnitGroup], *, units: int, of_buyable: int, is_buyable: list[bool]) -> list[UnitGroup]:
    """The cheapest ``units`` of which at most ``of_buyable`` could also be bought."""
    given = []
    for group in givable:
        count = min(units, group.units)
        if is_buyable[group.position]:
            count = min(count, of_buyable)
            of_buyable -= count
        if count:
            given.append(group._replace(units=count))
            units -= count
    return given


def _without(groups: list[UnitGroup], taken: list[UnitGroup]) -> list[UnitGroup]:
    """What is left of groups after some of their units were taken."""
    counts = {(group.position, group.unit_price): group.units for group in taken}
    left = []
    for group in groups:
        units = group.units - counts.get((group.position, group.unit_price), 0)
        if units:
            left.append(group._replace(units=units))
    return left
