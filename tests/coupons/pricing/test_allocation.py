"""A sum split over lines is fair, bounded by each line, and adds up to the last unit."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coupons.pricing.allocation import allocate
from tests.coupons.pricing.builders import sampled

UNBOUNDED = 10**15


@pytest.mark.parametrize(
    ("total", "weights", "capacities", "expected"),
    [
        pytest.param(1000, (1000, 1000, 1000), None, (334, 333, 333), id="tie to the earlier line"),
        pytest.param(300, (4300, 1400, 2300), None, (161, 53, 86), id="to the largest remainder"),
        pytest.param(2, (100, 300), None, (1, 1), id="tie of unequal lines to the earlier"),
        pytest.param(0, (5, 5), None, (0, 0), id="nothing to split"),
        pytest.param(0, (), None, (), id="no lines"),
        pytest.param(7, (0, 3), None, (0, 7), id="a free line gets nothing"),
        pytest.param(2500, (5000, 6000), (500, 6000), (500, 2000), id="rest to the other line"),
        pytest.param(
            1200,
            (1000, 2000, 5000, 3000),
            (1000, 100, 0, 400),
            (700, 100, 0, 400),
            id="filled one after another",
        ),
        pytest.param(600, (100, 200, 300), (100, 200, 300), (100, 200, 300), id="everything"),
    ],
)
def test_allocate(
    total: int,
    weights: tuple[int, ...],
    capacities: tuple[int, ...] | None,
    expected: tuple[int, ...],
) -> None:
    assert allocate(total, weights, capacities or (UNBOUNDED,) * len(weights)) == expected


@pytest.mark.parametrize(
    ("total", "weights", "capacities"),
    [
        pytest.param(11, (5, 5), (5, 5), id="more than the lines can take"),
        pytest.param(1, (0,), (5,), id="only a free line"),
        pytest.param(-1, (5,), (5,), id="negative total"),
        pytest.param(1, (-5,), (5,), id="negative weight"),
        pytest.param(1, (5,), (-5,), id="negative capacity"),
        pytest.param(1, (5,), (5, 5), id="another number of capacities"),
        pytest.param(1.0, (5,), (5,), id="a float"),
    ],
)
def test_impossible_requests_are_refused(total: int, weights: tuple[int, ...], capacities: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        allocate(total, weights, capacities)


@st.composite
def requests(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    """Lines with a price and a floor, and a total that they can take; often with ties."""
    weights = draw(st.lists(st.integers(0, 40) | st.integers(0, 10**9), max_size=8))
    capacities = [draw(st.integers(0, weight) | st.just(weight)) for weight in weights]
    return draw(st.integers(0, sum(capacities))), weights, capacities


@sampled(120)
@given(requests())
def test_parts_add_up_and_fit(request: tuple[int, list[int], list[int]]) -> None:
    total, weights, capacities = request

    parts = allocate(total, weights, capacities)

    assert sum(parts) == total
    assert all(0 <= part <= room for part, room in zip(parts, capacities, strict=True))


@sampled(80)
@given(requests())
def test_every_line_with_room_left_is_within_one_unit_of_its_fair_share(
    request: tuple[int, list[int], list[int]],
) -> None:
    total, weights, capacities = request

    parts = allocate(total, weights, capacities)

    unfilled = [i for i, part in enumerate(parts) if part < capacities[i]]
    for one in unfilled:
        for other in range(len(parts)):
            # No line got more for its weight than a line with room left, but for a unit each.
            assert (parts[other] - 1) * weights[one] <= (parts[one] + 1) * weights[other]


@sampled(80)
@given(requests(), st.randoms())
def test_order_of_lines_moves_at_most_one_unit(request: tuple[int, list[int], list[int]], random: Random) -> None:
    total, weights, capacities = request
    order = list(range(len(weights)))
    random.shuffle(order)

    parts = allocate(total, weights, capacities)
    shuffled = allocate(total, [weights[i] for i in order], [capacities[i] for i in order])

    for position, original in enumerate(order):
        assert abs(shuffled[position] - parts[original]) <= 1
