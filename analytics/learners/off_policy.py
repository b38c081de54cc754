"""What another policy would have earned, from the decisions of the one that was in use.

IPS (Horvitz and Thompson, 1952), SNIPS (Swaminathan and Joachims, 2015) and the doubly robust estimate (Dudík, Langford
and Li, 2011), each with a normal interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Matrix = NDArray[np.float64]

LEVEL = 0.95
# An estimate that rests on fewer decisions than this, in effect, is hearsay.
FEWEST_EFFECTIVE = 100.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean reward with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """Estimates of one policy; `effective` is on how many decisions they rest in effect (Kish, 1965)."""

    ips: Estimate
    snips: Estimate
    doubly_robust: Estimate
    # By how much the policy is better than the one that was in use.
    gain: Estimate
    decisions: int
    effective: float

    @property
    def is_thin(self) -> bool:
        """Whether there is too little to go by: the policies differ too much, or there are few decisions."""
        return self.effective < FEWEST_EFFECTIVE

    @property
    def is_reliably_worse(self) -> bool:
        """Whether the policy earned less than the one in use, beyond chance."""
        return not self.is_thin and self.gain.high < 0


def off_policy(
    *,
    rewards: Matrix,
    propensities: Matrix,
    target: Matrix,
    expected_drawn: Matrix | None = None,
    expected_target: Matrix | None = None,
    level: float = LEVEL,
) -> OffPolicy:
    """Estimates what a policy would have earned.

    Args:
        rewards: of each decision.
        propensities: the logged chance of the arm that was drawn.
        target: the chance that the policy would have given to that arm.
        expected_drawn: what a model expects of the arm that was drawn; None for no model, which makes the doubly
            robust estimate the IPS one.
        expected_target: what it expects of the policy, the mean over arms by the policy's chances.

    Raises:
        ValueError: there are no decisions, or a propensity is not in (0, 1].
    """
    count = len(rewards)
    if not count:
        raise ValueError("without decisions nothing can be estimated")
    if not ((propensities > 0) & (propensities <= 1)).all():
        raise ValueError("a logged propensity lies above 0 and at most at 1")
    weights = target / propensities
    zeros = np.zeros(count)
    drawn = zeros if expected_drawn is None else expected_drawn
    model = zeros if expected_target is None else expected_target
    wide = float(norm.ppf((1 + level) / 2))
    return OffPolicy(
        ips=_mean(weights * rewards, wide),
        snips=_ratio(weights, rewards, wide),
        doubly_robust=_mean(model + weights * (rewards - drawn), wide),
        # The model's part falls out of the policy in use, whose weights are all 1.
        gain=_mean(model + weights * (rewards - drawn) - rewards, wide),
        decisions=count,
        effective=effective_size(weights),
    )


def effective_size(weights: Matrix) -> float:
    """Returns how many equally weighted decisions these are worth."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def mean_interval(rewards: Matrix, *, level: float = LEVEL) -> Estimate:
    """Returns a plain mean with its interval; of fewer than two numbers it reaches everywhere."""
    if not len(rewards):
        return Estimate(value=math.nan, low=-math.inf, high=math.inf)
    return _mean(rewards, float(norm.ppf((1 + level) / 2)))


def standardised_interval(strata: Sequence[Matrix], *, weights: Matrix) -> Estimate:
    """Returns the mean that rewards have when each stratum counts by its weight, whatever its number of rewards.

    Args:
        strata: the rewards of each stratum.
        weights: of each stratum; they sum to 1.
    """
    means = [mean_interval(rewards) for rewards in strata]
    value = float(sum(weight * mean.value for weight, mean in zip(weights, means, strict=True)))
    reach = math.hypot(*(weight * (mean.high - mean.value) for weight, mean in zip(weights, means, strict=True)))
    return Estimate(value=value, low=value - reach, high=value + reach)


def lies_below(one: Estimate, other: Estimate) -> bool:
    """Returns whether one interval lies wholly below another."""
    return one.high < other.low


def _mean(values: Matrix, wide: float) -> Estimate:
    mean = float(values.mean())
    if len(values) < 2:
        return Estimate(value=mean, low=-math.inf, high=math.inf)
    reach = wide * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(value=mean, low=mean - reach, high=mean + reach)


def _ratio(weights: Matrix, rewards: Matrix, wide: float) -> Estimate:
    total = float(weights.sum())
    if total <= 0 or len(weights) < 2:
        return Estimate(value=math.nan, low=-math.inf, high=math.inf)
    value = float((weights * rewards).sum()) / total
    # The delta method: how the quotient moves with each decision.
    reach = wide * math.sqrt(float(np.square(weights * (rewards - value)).sum())) / total
    return Estimate(value=value, low=value - reach, high=value + reach)
