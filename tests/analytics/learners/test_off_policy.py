"""Off-policy estimates against a simulated truth, and how often their intervals cover it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics.learners.off_policy import (
    Estimate,
    OffPolicy,
    effective_size,
    lies_below,
    mean_interval,
    off_policy,
    standardised_interval,
)

# Mean rewards of three arms for two kinds of shopper.
MEANS = np.array([[0.10, 0.20, 0.40], [0.35, 0.20, 0.05]])
LOGGED = np.array([0.5, 0.3, 0.2])
TARGET = np.array([[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])
TRUTH = float((MEANS * TARGET).sum(axis=1).mean())


def simulate(seed: int, *, count: int = 2000, target: np.ndarray = TARGET, model_error: float = 0.0) -> OffPolicy:
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 2, count)
    drawn = random.choice(3, size=count, p=LOGGED)
    got = (random.random(count) < MEANS[kinds, drawn]).astype(float)
    model = MEANS + model_error
    return off_policy(
        rewards=got,
        propensities=LOGGED[drawn],
        target=target[kinds, drawn],
        expected_drawn=model[kinds, drawn],
        expected_target=(model * target).sum(axis=1)[kinds],
    )


class TestAgainstTheTruth:
    @pytest.mark.parametrize("model_error", [0.0, 0.3])
    def test_all_three_are_right_on_average_and_cover(self, model_error: float) -> None:
        found = [simulate(seed, model_error=model_error) for seed in range(300)]
        for name in ("ips", "snips", "doubly_robust"):
            estimates: list[Estimate] = [getattr(each, name) for each in found]
            mean = float(np.mean([each.value for each in estimates]))
            covered = float(np.mean([each.low <= TRUTH <= each.high for each in estimates]))
            assert mean == pytest.approx(TRUTH, abs=0.006), name
            assert 0.91 <= covered <= 0.985, name

    def test_a_good_model_makes_the_doubly_robust_one_narrower(self) -> None:
        found = simulate(1)

        assert _width(found.doubly_robust) < _width(found.ips)

    def test_a_model_without_propensities_would_be_wrong(self) -> None:
        # Control: the plain mean of the log says nothing of the target.
        random = np.random.default_rng(0)
        kinds, drawn = random.integers(0, 2, 20_000), random.choice(3, size=20_000, p=LOGGED)

        assert abs(float(MEANS[kinds, drawn].mean()) - TRUTH) > 0.05

    def test_the_gain_is_against_the_policy_in_use(self) -> None:
        same = np.tile(LOGGED, (2, 1))
        gains = [simulate(seed, target=same).gain.value for seed in range(50)]
        assert float(np.mean(gains)) == pytest.approx(0, abs=0.005)

        worst = np.array([[0.9, 0.05, 0.05], [0.05, 0.05, 0.9]])
        assert simulate(1, target=worst).is_reliably_worse
        assert not simulate(1).is_reliably_worse


class TestEvidence:
    def test_of_equal_weights_is_whole_and_of_one_large_one_is_one(self) -> None:
        assert effective_size(np.ones(50)) == 50
        assert effective_size(np.array([1e6, 1e-6, 1e-6])) == pytest.approx(1)
        assert effective_size(np.zeros(3)) == 0

    def test_that_is_thin_says_so_and_condemns_nobody(self) -> None:
        propensities = np.full(200, 0.01)
        propensities[:199] = 1.0
        found = off_policy(rewards=np.zeros(200), propensities=propensities, target=np.ones(200))

        assert found.effective < 10
        assert found.is_thin
        assert not found.is_reliably_worse

    def test_of_a_policy_that_never_does_what_was_done_is_nothing(self) -> None:
        found = off_policy(rewards=np.ones(10), propensities=np.full(10, 0.5), target=np.zeros(10))

        assert math.isnan(found.snips.value)
        assert found.effective == 0

    @pytest.mark.parametrize("propensity", [0.0, -0.1, 1.1, math.nan])
    def test_with_a_chance_that_is_none_is_refused(self, propensity: float) -> None:
        with pytest.raises(ValueError, match="propensity"):
            off_policy(rewards=np.ones(1), propensities=np.array([propensity]), target=np.ones(1))

    def test_that_is_missing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="decisions"):
            off_policy(rewards=np.zeros(0), propensities=np.zeros(0), target=np.zeros(0))


def test_intervals_are_compared_as_wholes() -> None:
    low, high = mean_interval(np.array([0.1, 0.2] * 50)), mean_interval(np.array([0.5, 0.6] * 50))

    assert lies_below(low, high)
    assert not lies_below(high, low)
    # Of nothing nothing is known.
    assert not lies_below(mean_interval(np.zeros(0)), high)
    assert not lies_below(low, mean_interval(np.array([0.9])))


def test_strata_count_by_their_weights_whatever_their_sizes() -> None:
    small, large = np.array([0.0, 1.0] * 20), np.array([0.4, 0.6] * 500)
    both = standardised_interval([small + 0.2, large], weights=np.array([0.75, 0.25]))

    assert both.value == pytest.approx(0.75 * 0.7 + 0.25 * 0.5)
    one, other = _width(mean_interval(small)), _width(mean_interval(large))
    assert _width(both) == pytest.approx(np.hypot(0.75 * one, 0.25 * other))
    # Of one stratum it is the plain mean.
    assert standardised_interval([small], weights=np.ones(1)) == mean_interval(small)


def _width(estimate: Estimate) -> float:
    return estimate.high - estimate.low
