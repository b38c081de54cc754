"""Which shopper gets which coupon under a budget: the multiple-choice knapsack, near the bound of its relaxation.

Each shopper gets at most one of K options; the sum of values is as large as a budget allows. A price on money, the
shadow price, turns it into a choice for each shopper alone: the option with the largest `value - price * cost`, or none
(Sinha and Zoltners 1979; Everett 1963). The right price is found by bisection; what rounding leaves of the budget is
spent by repair. A floor adds a bonus to every option of a segment, as small as fills it. Prices also give a bound that
no allocation can exceed, so every result says how far from the best it may be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analytics.learners.knapsack import NONE, Choice, Matrix, Problem, Rows, choose, cost, sums, total
from analytics.learners.spending import spend_rest, upgrade

MOST_OPTIONS = 127
# Halvings of the price; floats have no more to tell apart.
STEPS = 200
# Shoppers whose choice may still change are copied together when they are fewer than this share.
COMPACTED = 0.5


class NotAllocatable(Exception):
    """The floors cannot be kept: `needed` is what they cost at least, None if too few shoppers may get anything."""

    def __init__(self, needed: float | None) -> None:
        super().__init__("the floors cannot be kept")
        self.needed = needed


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who gets what.

    Attributes:
        choice: the option of each shopper, -1 for none.
        value, spent: sums over the choices.
        shadow_price: what one more unit of budget would bring; 0 when the budget is not used up by the best choices.
        bound: no allocation has a larger value.
        floor_prices: what giving to one more shopper of a segment costs in value, by segment.
    """

    choice: Choice
    value: float
    spent: float
    shadow_price: float
    bound: float
    floor_prices: Mapping[int, float] = field(default_factory=dict)

    @property
    def gap(self) -> float:
        """How far below the bound the value is, as a share of the bound."""
        return max(0.0, self.bound - self.value) / abs(self.bound) if self.bound else 0.0


def allocate(
    values: Matrix,
    costs: Matrix,
    budget: float,
    *,
    excluded: NDArray[np.bool_] | None = None,
    segments: NDArray[np.integer] | None = None,
    floors: Mapping[int, float] | None = None,
    served: NDArray[np.bool_] | None = None,
) -> Allocation:
    """Chooses at most one option for each shopper.

    Args:
        values: shoppers by options; what an option is worth to the shop, in money; `-inf` where it is not open.
            What is worth nothing or less is given only where a floor asks for it.
        costs: of the same shape, what each is expected to cost, in the unit of `budget`; 0 or more.
        budget: what all choices may cost together.
        excluded: shoppers who get nothing, such as those who had enough already.
        segments: the number of each shopper's segment, for `floors`.
        floors: the share of a segment's shoppers, excluded ones aside, that must get something, in [0, 1].
        served: shoppers who got something before: they count towards floors, whether they get more or not.

    Raises:
        ValueError: shapes do not fit, or a number is not one, is negative where it must not be, or infinite.
        NotAllocatable: the floors ask for more than the budget or the open options allow.
    """
    values, costs = _checked(values, costs, budget)
    problem = Problem(values, costs, budget, _open_rows(values, excluded))
    needs = _needs(problem, segments, floors or {}, _served(values, excluded, served))
    if needs:
        return _allocate_with_floors(problem, needs)
    return _allocate_freely(problem)


@dataclass(frozen=True, slots=True)
class _Need:
    """So many of the shoppers at `places` of the problem's rows must get something."""

    segment: int
    places: Rows
    count: int


@dataclass(slots=True)
class _Side:
    """The choices at one price, and what they come to."""

    price: float
    choice: Choice
    cost: float
    floor_prices: dict[int, float] = field(default_factory=dict)


# Without floors


def _allocate_freely(problem: Problem) -> Allocation:
    choice = np.full(len(problem.values), NONE, dtype=np.int8)
    free = choose(problem, problem.rows, 0.0)
    if cost(problem, problem.rows, free) <= problem.budget:
        choice[problem.rows] = free
        return _finished(problem, choice, 0.0)
    low, high, rows, fixed = _bisect(problem, free, choice)
    # The dear side of the last interval is out of budget, the cheap side within: shoppers between them are upgraded.
    choice[rows] = high.choice
    upgrade(problem, choice, rows, low.choice, problem.budget - fixed - high.cost)
    spend_rest(problem, choice, high.price, keeps_given=False)
    return _finished(problem, choice, high.price)


def _bisect(problem: Problem, free: Choice, choice: Choice) -> tuple[_Side, _Side, Rows, float]:
    """Narrows the price down; writes into `choice` who is decided, and returns the two sides of who is not.

    A shopper who chooses the same at both ends of an interval of prices chooses it everywhere between: the best option
    is an upper envelope of straight lines. So each step has fewer shoppers to look at.
    """
    rows, fixed = problem.rows, 0.0
    low = _Side(0.0, free, cost(problem, rows, free))
    high = _first_affordable(problem, free)
    for _ in range(STEPS):
        undecided = low.choice != high.choice
        if not undecided.any():
            break
        if undecided.mean() < COMPACTED:
            decided = ~undecided
            choice[rows[decided]] = high.choice[decided]
            fixed += cost(problem, rows[decided], high.choice[decided])
            rows = rows[undecided]
            for side in (low, high):
                side.choice = side.choice[undecided]
                side.cost = cost(problem, rows, side.choice)
        price = (low.price + high.price) / 2
        if not low.price < price < high.price:
            break
        chosen = choose(problem, rows, price)
        side = _Side(price, chosen, cost(problem, rows, chosen))
        if fixed + side.cost > problem.budget:
            low = side
        else:
            high = side
    return low, high, rows, fixed


def _first_affordable(problem: Problem, free: Choice) -> _Side:
    """Returns a price at which the budget suffices: what the money of the free choices brings, doubled as needed."""
    gained, spent = sums(problem, problem.rows, free)
    price = max(gained / spent, np.finfo(np.float64).tiny)
    while True:
        chosen = choose(problem, problem.rows, price)
        side = _Side(price, chosen, cost(problem, problem.rows, chosen))
        if side.cost <= problem.budget:
            return side
        price *= 2


# With floors


def _allocate_with_floors(problem: Problem, needs: list[_Need]) -> Allocation:
    choice = np.full(len(problem.values), NONE, dtype=np.int8)
    _refuse_dear_floors(problem, needs)
    low = _choose_with_floors(problem, needs, 0.0)
    if low.cost <= problem.budget:
        choice[problem.rows] = low.choice
        return _finished(problem, choice, 0.0, needs, low.floor_prices)
    price = max(float(np.abs(problem.values[np.isfinite(problem.values)]).max()), 1.0) / max(problem.budget, 1.0)
    high = _choose_with_floors(problem, needs, price)
    while high.cost > problem.budget:
        low, price = high, price * 2
        if not math.isfinite(price):
            raise NotAllocatable(high.cost)
        high = _choose_with_floors(problem, needs, price)
    for _ in range(STEPS):
        price = (low.price + high.price) / 2
        if not low.price < price < high.price or high.price - low.price <= 1e-12 * high.price:
            break
        side = _choose_with_floors(problem, needs, price)
        if side.cost > problem.budget:
            low = side
        else:
            high = side
    choice[problem.rows] = high.choice
    # Upgrades give more to shoppers and take from nobody, so that floors stay kept.
    upgrade(problem, choice, problem.rows, low.choice, problem.budget - high.cost)
    spend_rest(problem, choice, high.price, keeps_given=True)
    return _finished(problem, choice, high.price, needs, high.floor_prices)


def _choose_with_floors(problem: Problem, needs: list[_Need], price: float) -> _Side:
    """Returns the choices at a price, with the smallest bonus in each segment that fills its floor."""
    best = np.empty(len(problem.rows))
    chosen = choose(problem, problem.rows, price, best=best, forced=True)
    given = best > 0
    bonuses: dict[int, float] = {}
    for need in needs:
        of_segment = best[need.places]
        if int((of_segment > 0).sum()) < need.count:
            # Exactly so many: those for whom giving costs least.
            picked = np.argpartition(-of_segment, need.count - 1)[: need.count]
            given[need.places[picked]] = True
            bonuses[need.segment] = float(-of_segment[picked].min())
    chosen = np.where(given, chosen, NONE).astype(np.int8)
    return _Side(price, chosen, cost(problem, problem.rows, chosen), bonuses)


def _refuse_dear_floors(problem: Problem, needs: list[_Need]) -> None:
    if any(need.count > len(need.places) for need in needs):
        raise NotAllocatable(None)
    is_open = np.isfinite(problem.values[problem.rows])
    cheapest = np.where(is_open, problem.costs[problem.rows], np.inf).min(axis=1)
    needed = math.fsum(float(np.partition(cheapest[need.places], need.count - 1)[: need.count].sum()) for need in needs)
    if needed > problem.budget:
        raise NotAllocatable(needed)


def _needs(
    problem: Problem, segments: NDArray[np.integer] | None, floors: Mapping[int, float], served: NDArray[np.bool_]
) -> list[_Need]:
    if not floors:
        return []
    if segments is None or len(segments) != len(problem.values):
        raise ValueError("floors need the segment of every shopper")
    if not all(0 <= share <= 1 for share in floors.values()):
        raise ValueError("a floor is a share in [0, 1]")
    of_rows = np.where(served[problem.rows], NONE, segments[problem.rows])
    of_served = segments[served]
    needs = []
    for segment, share in sorted(floors.items()):
        places = np.nonzero(of_rows == segment)[0]
        before = int((of_served == segment).sum())
        count = math.ceil(share * (len(places) + before) - 1e-9) - before
        if count > 0:
            needs.append(_Need(segment, places, count))
    return needs


def _finished(
    problem: Problem,
    choice: Choice,
    price: float,
    needs: list[_Need] | None = None,
    floor_prices: Mapping[int, float] | None = None,
) -> Allocation:
    value, spent = sums(problem, problem.rows, choice[problem.rows])
    prices = dict(floor_prices or {})
    return Allocation(
        choice=choice,
        value=value,
        spent=spent,
        shadow_price=price,
        bound=_bound(problem, price, needs or [], prices),
        floor_prices=prices,
    )


def _bound(problem: Problem, price: float, needs: list[_Need], floor_prices: Mapping[int, float]) -> float:
    """Returns the dual function at these prices: at least the value of every allocation that is allowed."""
    best = np.empty(len(problem.rows))
    choose(problem, problem.rows, price, best=best, forced=True)
    promised = 0.0
    for need in needs:
        bonus = floor_prices.get(need.segment, 0.0)
        best[need.places] += bonus
        promised += bonus * need.count
    return price * problem.budget + total(np.maximum(best, 0.0)) - promised


# What is asked for


def _open_rows(values: Matrix, excluded: NDArray[np.bool_] | None) -> Rows:
    is_open = (values > -np.inf).any(axis=1) if len(values) else np.zeros(0, dtype=np.bool_)
    if excluded is not None:
        if len(excluded) != len(values):
            raise ValueError("excluded must have one entry a shopper")
        is_open &= ~excluded
    return np.nonzero(is_open)[0]


def _served(values: Matrix, excluded: NDArray[np.bool_] | None, served: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    if served is None:
        return np.zeros(len(values), dtype=np.bool_)
    if len(served) != len(values):
        raise ValueError("served must have one entry a shopper")
    return served if excluded is None else served & ~excluded


def _checked(values: Matrix, costs: Matrix, budget: float) -> tuple[Matrix, Matrix]:
    values, costs = np.asarray(values, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    if values.ndim != 2 or values.shape != costs.shape or not 1 <= values.shape[1] <= MOST_OPTIONS:
        raise ValueError("values and costs must be of one shape: shoppers by options")
    if not (math.isfinite(budget) and budget >= 0):
        raise ValueError("the budget must be a number of 0 or more")
    if not (np.isfinite(costs).all() and (costs >= 0).all()):
        raise ValueError("costs must be numbers of 0 or more")
    if np.isnan(values).any() or np.isposinf(values).any():
        raise ValueError("values must be numbers, or -inf")
    return values, costs
