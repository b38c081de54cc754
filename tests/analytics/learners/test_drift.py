"""Drift: the index against hand-made shares, and centres that move."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics.learners.drift import BINS, DRIFT_ALARM, EMPTY_SHARE, bins_of, centre_moves, drifted
from analytics.learners.drift import stability_index as index_of_bins


def normal(size: int = 5000, *, mean: float = 0, spread: float = 1, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, size)


def stability_index(reference: np.ndarray, seen: np.ndarray, *, bins: int = BINS) -> float | None:
    before = bins_of(reference, bins=bins)
    return None if before is None else index_of_bins(before, seen)


class TestStabilityIndex:
    def test_by_hand(self) -> None:
        # One edge, at the median 0: half below and half above; tonight a fifth and four fifths.
        reference = np.array([0.0] * 100 + [1.0] * 100)
        seen = np.array([0.0] * 40 + [1.0] * 160)

        expected = (0.2 - 0.5) * math.log(0.2 / 0.5) + (0.8 - 0.5) * math.log(0.8 / 0.5)
        assert stability_index(reference, seen, bins=2) == pytest.approx(expected, rel=1e-3)

    def test_of_the_same_distribution_is_no_alarm(self) -> None:
        index = stability_index(normal(seed=1), normal(seed=2))

        assert index is not None
        assert 0 <= index < 0.02

    def test_of_half_a_deviation_is_an_alarm(self) -> None:
        index = stability_index(normal(), normal(mean=0.5, seed=2))

        assert index is not None
        assert index > DRIFT_ALARM

    def test_sees_a_feed_that_breaks(self) -> None:
        seen = normal(seed=2)
        seen[::2] = np.nan
        index = stability_index(normal(), seen)

        assert index is not None
        assert index > DRIFT_ALARM

    def test_of_a_constant_that_stays_is_zero_and_of_one_that_goes_is_large(self) -> None:
        constant = np.zeros(500)

        assert stability_index(constant, constant) == pytest.approx(0)
        assert (stability_index(constant, constant + 3) or 0) > 1

    def test_of_a_few_values_is_unknown(self) -> None:
        assert stability_index(normal(), normal(99)) is None
        assert stability_index(normal(0), normal()) is None

    def test_stays_finite_when_every_value_is_lost(self) -> None:
        lost = np.full(500, np.nan)

        assert stability_index(lost, lost) == pytest.approx(0)
        # Ten bins lose a tenth each, and the bin of what is no number gains all.
        gone = 10 * (EMPTY_SHARE - 0.1) * math.log(EMPTY_SHARE / 0.1)
        assert stability_index(normal(), lost) == pytest.approx(gone + (1 - EMPTY_SHARE) * math.log(1 / EMPTY_SHARE))


def test_the_worst_feature_is_named_first() -> None:
    assert drifted({"a": 0.2, "b": 0.19, "c": None, "d": 3.0}) == ["d", "a"]


def test_moves_of_a_centre_are_in_deviations() -> None:
    centres = np.array([[0.0, 1.0, 5.0], [3.0, 5.0, 9.0], [3.0, 5.0, 0.0]])

    # The third coordinate has no spread: what it does says nothing.
    assert centre_moves(centres, scale=np.array([1.0, 1.0, 0.0])) == [None, 5.0, 0.0]
    assert centre_moves(np.zeros((0, 2)), scale=np.ones(2)) == []
