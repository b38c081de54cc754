"""The knapsack against every possibility on small instances, and what it must never do on any."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from analytics.evaluation.knapsack_case import greedy_value, make_case
from analytics.learners.allocation import Allocation, NotAllocatable, allocate

SLACK = 1 + 1e-12


def best_by_trying(
    values: np.ndarray, costs: np.ndarray, budget: float, *, needed: dict[int, int] | None = None, segments=None
) -> float:
    """The largest value over all choices, by trying each; -inf if none is allowed."""
    best = -np.inf
    shoppers, options = values.shape
    for choice in itertools.product(range(-1, options), repeat=shoppers):
        given_to = [row for row in range(shoppers) if choice[row] >= 0]
        if sum(costs[row, choice[row]] for row in given_to) > budget * SLACK:
            continue
        if any(sum(segments[row] == segment for row in given_to) < count for segment, count in (needed or {}).items()):
            continue
        best = max(best, sum(values[row, choice[row]] for row in given_to))
    return best


def relaxed(values: np.ndarray, costs: np.ndarray, budget: float) -> float:
    """The bound of the linear relaxation, by a solver."""
    shoppers, options = values.shape
    each = np.kron(np.eye(shoppers), np.ones(options))
    solved = linprog(
        -values.ravel(),
        A_ub=np.vstack([each, costs.ravel()]),
        b_ub=np.append(np.ones(shoppers), budget),
        bounds=(0, 1),
        method="highs",
    )
    return -solved.fun


def check(allocation: Allocation, values: np.ndarray, costs: np.ndarray, budget: float) -> None:
    given_to = np.nonzero(allocation.choice >= 0)[0]
    chosen = allocation.choice[given_to]
    assert allocation.value == pytest.approx(values[given_to, chosen].sum())
    assert allocation.spent == pytest.approx(costs[given_to, chosen].sum())
    assert allocation.spent <= budget * SLACK
    assert allocation.value <= allocation.bound * SLACK + 1e-9
    assert allocation.shadow_price >= 0


numbers = st.floats(-5, 20, allow_nan=False).map(lambda number: round(number, 2))
prices = st.floats(0, 10, allow_nan=False).map(lambda number: round(number, 2))


@st.composite
def instances(draw, *, shoppers: int = 4, options: int = 3):
    rows, width = draw(st.integers(1, shoppers)), draw(st.integers(1, options))
    cells = rows * width
    values = np.array(draw(st.lists(numbers, min_size=cells, max_size=cells))).reshape(rows, width)
    costs = np.array(draw(st.lists(prices, min_size=cells, max_size=cells))).reshape(rows, width)
    return values, costs, draw(st.floats(0, 30).map(lambda number: round(number, 2)))


@settings(max_examples=150, deadline=None)
@given(instances())
def test_it_lies_between_nothing_and_the_best_and_the_bound_holds(instance) -> None:
    values, costs, budget = instance

    allocation = allocate(values, costs, budget)

    check(allocation, values, costs, budget)
    best = best_by_trying(values, costs, budget)
    assert allocation.value <= best + 1e-9
    assert allocation.bound >= best - 1e-9
    # Rounding costs less than the best option of one shopper.
    assert allocation.value >= allocation.bound - max(values.max(), 0) - 1e-9


@settings(max_examples=60, deadline=None)
@given(instances(shoppers=8))
def test_the_bound_is_that_of_the_linear_relaxation(instance) -> None:
    values, costs, budget = instance

    assert allocate(values, costs, budget).bound == pytest.approx(relaxed(values, costs, budget), abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(instances(), st.data())
def test_floors_are_kept_or_refused(instance, data) -> None:
    values, costs, budget = instance
    segments = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(values), max_size=len(values))))
    floors = {segment: data.draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])) for segment in (0, 1)}
    needed = {segment: int(np.ceil(share * (segments == segment).sum() - 1e-9)) for segment, share in floors.items()}
    best = best_by_trying(values, costs, budget, needed=needed, segments=segments)

    if best == -np.inf:
        with pytest.raises(NotAllocatable):
            allocate(values, costs, budget, segments=segments, floors=floors)
        return
    allocation = allocate(values, costs, budget, segments=segments, floors=floors)

    check(allocation, values, costs, budget)
    for segment, count in needed.items():
        assert ((allocation.choice >= 0) & (segments == segment)).sum() >= count
    assert allocation.value <= best + 1e-9
    assert allocation.bound >= best - 1e-9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_many_shoppers_come_close_to_the_bound(seed: int, share: float) -> None:
    values, costs = make_case(20_000, 5, seed)
    budget = share * costs[np.arange(20_000), values.argmax(axis=1)].sum()

    allocation = allocate(values, costs, budget)

    check(allocation, values, costs, budget)
    assert allocation.gap < 1e-6
    assert greedy_value(values, costs, budget) < allocation.value


def test_the_shadow_price_is_what_more_budget_brings() -> None:
    values, costs = make_case(20_000, 5, 1)
    before, after = allocate(values, costs, 5_000.0), allocate(values, costs, 5_100.0)

    assert (after.value - before.value) / 100 == pytest.approx(before.shadow_price, rel=0.01)


def test_floors_on_many_shoppers() -> None:
    values, costs = make_case(20_000, 5, 1)
    segments = np.arange(20_000) % 4
    # The last segment is worth little, so that it gets nothing by itself.
    values[segments == 3] /= 50

    free = allocate(values, costs, 5_000.0)
    fair = allocate(values, costs, 5_000.0, segments=segments, floors={3: 0.2})

    assert (free.choice[segments == 3] >= 0).mean() < 0.2
    assert (fair.choice[segments == 3] >= 0).mean() == pytest.approx(0.2, abs=1e-3)
    assert fair.floor_prices[3] > 0
    assert fair.value < free.value
    assert fair.gap < 1e-6


def test_money_without_end_gives_everybody_the_best() -> None:
    values, costs = make_case(1000, 3, 1)

    allocation = allocate(values, costs, 1e12)

    assert np.array_equal(allocation.choice >= 0, values.max(axis=1) > 0)
    assert allocation.shadow_price == 0
    assert allocation.gap < 1e-15


def test_no_money_gives_what_costs_nothing() -> None:
    values = np.array([[5.0, 1.0], [3.0, 2.0], [-1.0, -2.0]])
    costs = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])

    allocation = allocate(values, costs, 0.0)

    assert allocation.choice.tolist() == [1, -1, -1]


def test_nothing_worth_having_is_given_to_nobody() -> None:
    allocation = allocate(np.full((5, 2), -1.0), np.ones((5, 2)), 100.0)

    assert (allocation.choice == -1).all()
    assert allocation.value == allocation.bound == allocation.gap == 0


def test_returns_that_are_all_equal_fill_the_budget() -> None:
    costs = np.tile([1.0, 2.0], (100, 1))

    allocation = allocate(3 * costs, costs, 77.0)

    assert allocation.spent == 77
    assert allocation.shadow_price == pytest.approx(3)
    assert allocation.gap < 1e-12


def test_twins_share_what_there_is() -> None:
    allocation = allocate(np.full((10, 1), 4.0), np.full((10, 1), 2.0), 9.0)

    assert (allocation.choice == 0).sum() == 4


def test_who_had_enough_gets_nothing() -> None:
    excluded = np.array([True, False, False])

    allocation = allocate(np.array([[9.0], [2.0], [1.0]]), np.ones((3, 1)), 1.0, excluded=excluded)

    assert allocation.choice.tolist() == [-1, 0, -1]


def test_an_option_that_is_not_open_is_not_given() -> None:
    values = np.array([[-np.inf, 1.0], [-np.inf, -np.inf]])

    assert allocate(values, np.ones((2, 2)), 10.0).choice.tolist() == [1, -1]
    with pytest.raises(NotAllocatable):
        allocate(values, np.ones((2, 2)), 0.5, segments=np.zeros(2, dtype=int), floors={0: 1.0})


def test_a_floor_that_costs_too_much_says_what_it_needs() -> None:
    with pytest.raises(NotAllocatable) as refused:
        allocate(np.ones((4, 1)), np.full((4, 1), 3.0), 5.0, segments=np.zeros(4, dtype=int), floors={0: 0.5})

    assert refused.value.needed == 6


def test_nobody_gets_nothing() -> None:
    allocation = allocate(np.zeros((0, 3)), np.zeros((0, 3)), 10.0)

    assert len(allocation.choice) == 0
    assert allocation.value == allocation.gap == 0


@pytest.mark.parametrize(
    "broken",
    [
        {"values": np.array([[np.nan]])},
        {"values": np.array([[np.inf]])},
        {"costs": np.array([[np.nan]])},
        {"costs": np.array([[-1.0]])},
        {"costs": np.array([[np.inf]])},
        {"costs": np.ones((2, 1))},
        {"values": np.zeros((1, 0)), "costs": np.zeros((1, 0))},
        {"budget": -1.0},
        {"budget": float("nan")},
        {"budget": float("inf")},
        {"excluded": np.zeros(2, dtype=bool)},
        {"floors": {0: 0.5}, "segments": np.zeros(1, dtype=int), "served": np.zeros(2, dtype=bool)},
        {"floors": {0: 0.5}},
        {"floors": {0: 1.5}, "segments": np.zeros(1, dtype=int)},
    ],
)
def test_what_makes_no_sense_is_refused(broken: dict) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # many reasons
        allocate(**{"values": np.ones((1, 1)), "costs": np.ones((1, 1)), "budget": 1.0, **broken})


def test_who_was_served_counts_towards_a_floor() -> None:
    values, costs = np.array([[5.0], [4.0], [3.0], [-np.inf]]), np.ones((4, 1))
    floors, segments = {0: 0.5}, np.zeros(4, dtype=int)

    # Half of the three who may get something are two; of four, one of whom was served, one more is enough.
    assert (allocate(-costs, costs, 9.0, segments=segments, floors=floors).choice >= 0).sum() == 2
    served = np.array([False, False, False, True])
    one = allocate(np.where(np.isfinite(values), -1.0, values), costs, 9.0, segments=segments, floors=floors)
    less = allocate(
        np.where(np.isfinite(values), -1.0, values), costs, 9.0, segments=segments, floors=floors, served=served
    )
    assert ((one.choice >= 0).sum(), (less.choice >= 0).sum()) == (2, 1)
    # Whoever was served and can get more does not fill the floor twice.
    again = allocate(-costs, costs, 9.0, segments=segments, floors=floors, served=np.array([True, True, False, False]))
    assert (again.choice >= 0).sum() == 0
    # Who is excluded counts neither way.
    excluded = np.array([True, False, False, False])
    assert (
        allocate(-costs, costs, 9.0, segments=segments, floors=floors, served=excluded, excluded=excluded).choice >= 0
    ).sum() == 2
