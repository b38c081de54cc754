"""What an amount or a percentage is taken off: everything together, each line, each unit, the cheapest unit."""

from collections.abc import Callable
from enum import StrEnum

from coupons.pricing.benefits.base import EligiblePart, Grant, at_most, spread
from coupons.pricing.benefits.units import (
    UnitGroup,
    all_units,
    amounts_by_line,
    cheapest_first,
    first_units,
)


class Application(StrEnum):
    """What an amount or a percentage is taken off."""

    WHOLE = "whole"
    EACH_LINE = "each_line"
    EACH_UNIT = "each_unit"
    CHEAPEST_UNIT = "cheapest_unit"


# What to take off something that costs `amount` now and cost `list_amount` before any offer.
Discount = Callable[[int, int], int]


def apply_discount(
    part: EligiblePart,
    discount: Discount,
    *,
    application: Application,
    maximum_units: int | None = None,
    maximum_units_per_line: int | None = None,
    cap: int | None = None,
) -> Grant:
    """Take a discount off the whole part, every line, every unit or the cheapest unit.

    With a limit of units only the cheapest are discounted; units at their floor are passed over.

    Args:
        part: what the offer covers.
        discount: computed once for each thing that it is taken off.
        application: which things these are.
        maximum_units: at most so many units in all.
        maximum_units_per_line: at most so many units of each line.
        cap: the most to take off in all, in minor units.
    """
    limit = 1 if application is Application.CHEAPEST_UNIT else maximum_units
    if application is Application.EACH_UNIT:
        amounts = [0] * len(part.lines)
        for group in _choose_units(part, limit, maximum_units_per_line):
            amounts[group.position] += min(discount(group.unit_price, group.list_price), group.room) * group.units
        return Grant(at_most(cap, amounts))

    if limit is None and maximum_units_per_line is None:
        now = [line.amount for line in part.lines]
        rooms = [line.room for line in part.lines]
        before = [line.list_amount for line in part.lines]
    else:
        chosen = _choose_units(part, limit, maximum_units_per_line)
        now, rooms = amounts_by_line(part, chosen)
        before = [0] * len(part.lines)
        for group in chosen:
            before[group.position] += group.list_price * group.units
    if application is Application.EACH_LINE:
        return Grant(at_most(cap, map(min, map(discount, now, before), rooms)))
    amount = discount(sum(now), sum(before))
    return spread(amount if cap is None else min(amount, cap), now, rooms)


def _choose_units(part: EligiblePart, limit: int | None, limit_per_line: int | None) -> list[UnitGroup]:
    groups = [group for group in all_units(part) if group.room]
    if limit_per_line is not None:
        by_line: dict[int, list[UnitGroup]] = {}
        for group in groups:
            by_line.setdefault(group.position, []).append(group)
        groups = [group for of_line in by_line.values() for group in first_units(of_line, limit_per_line)]
    if limit is not None:
        groups = first_units(cheapest_first(groups), limit)
    return groups
