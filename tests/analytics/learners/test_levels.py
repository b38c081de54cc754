"""Chances that keep their order while their sum is set."""

import numpy as np
import pytest

from analytics.learners.levels import HELD_BY_USES, learned_level, to_level


def test_the_sum_is_the_level_and_the_order_stays() -> None:
    chances = np.random.default_rng(3).beta(0.3, 2, 1000)

    for level in (0.01, 5.0, 400.0, 999.5):
        moved = to_level(chances, level)
        assert moved.sum() == pytest.approx(level, rel=1e-6)
        assert (np.diff(moved[np.argsort(chances)]) >= 0).all()
        assert ((moved >= 0) & (moved <= 1)).all()


def test_odds_move_by_one_factor() -> None:
    moved = to_level(np.array([0.5, 0.2]), 0.4)

    odds = moved / (1 - moved)
    assert odds[0] / odds[1] == pytest.approx(1 / 0.25)


def test_what_is_impossible_stays_so() -> None:
    assert to_level(np.array([0.0, 1.0, 0.3]), 0.5)[0] == 0
    assert to_level(np.array([0.0, 0.1]), 7.0).tolist() == [0.0, 1.0]
    assert to_level(np.array([0.2, 0.1]), 0.0).tolist() == [0.0, 0.0]
    assert to_level(np.zeros(3), 1.0).tolist() == [0.0] * 3
    assert to_level(np.zeros(0), 1.0).tolist() == []


@pytest.mark.parametrize("level", [-1.0, float("nan")])
def test_a_level_is_a_number(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        to_level(np.array([0.5]), level)


def test_experience_counts_as_it_grows() -> None:
    assert learned_level(0, 0) == 1
    assert learned_level(0, HELD_BY_USES) == 0.5
    assert learned_level(2000, 1000) == pytest.approx(2, abs=0.02)
