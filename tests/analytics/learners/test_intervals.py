"""Intervals, against figures from textbooks and what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.learners.intervals import (
    Interval,
    Sample,
    mean_difference,
    mean_interval,
    share_difference,
    share_interval,
)


def sample(*numbers: float) -> Sample:
    return Sample(len(numbers), sum(numbers), sum(number * number for number in numbers))


def test_a_mean() -> None:
    # Mean 3, variance 2.5, t of 4 degrees of freedom 2.7764: 3 ± 2.7764 × sqrt(2.5 / 5).
    found = mean_interval(sample(1, 2, 3, 4, 5))

    assert found is not None
    assert (found.estimate, found.low, found.high) == pytest.approx((3, 1.0368, 4.9632), abs=1e-4)


def test_a_difference_of_means() -> None:
    # 3 and 6 with variances 2.5 / 5 and 1 / 3; Welch's degrees of freedom 5.882, t 2.4589 × sqrt(0.8333).
    found = mean_difference(sample(5, 6, 7), sample(1, 2, 3, 4, 5))

    assert found is not None
    assert (found.estimate, found.low, found.high) == pytest.approx((3, 0.7553, 5.2447), abs=2e-3)
    assert found.is_clear_of_zero


def test_a_difference_of_nothing_and_of_constants() -> None:
    assert mean_difference(sample(1), sample(1, 2)) is None
    assert mean_interval(sample()) is None
    assert mean_difference(sample(2, 2), sample(1, 1)) == Interval(1, 1, 1)


def test_large_sums_never_have_a_negative_variance() -> None:
    assert Sample(3, 3e9, 3e18 - 1).variance == 0


def test_a_share() -> None:
    # Wilson's interval of 8 of 10, as in Newcombe 1998: .4901 to .9433.
    found = share_interval(8, 10)

    assert found is not None
    assert (found.estimate, found.low, found.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)


@pytest.mark.parametrize(("hits", "count"), [(0, 5), (5, 5), (0, 1), (1, 1), (1, 10**9)])
def test_a_share_stays_within_nought_and_one(hits: int, count: int) -> None:
    found = share_interval(hits, count)

    assert found is not None
    assert 0 <= found.low <= hits / count <= found.high <= 1


def test_a_share_of_nothing() -> None:
    assert share_interval(0, 0) is None
    assert share_difference(1, 2, 0, 0) is None
    with pytest.raises(ValueError, match="hits"):
        share_interval(3, 2)


def test_a_difference_of_shares() -> None:
    # 56 of 70 less 48 of 80, the first example of Newcombe's paper, method 10: .0524 to .3339.
    found = share_difference(56, 70, 48, 80)

    assert found is not None
    assert (found.estimate, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_the_interval_of_a_difference_holds_the_truth_as_often_as_it_says() -> None:
    """Skewed money, most shoppers with none: of 400 experiments without an effect about 5 % exclude nought."""
    random = np.random.default_rng(11)
    missed = 0
    for _ in range(400):
        draws = [random.lognormal(3, 1, 400) * (random.random(400) < 0.3) for _arm in range(2)]
        arms = [Sample(400, float(draw.sum()), float((draw * draw).sum())) for draw in draws]
        found = mean_difference(*arms)
        assert found is not None
        missed += found.is_clear_of_zero

    assert 8 <= missed <= 34
