"""Thompson sampling whose propensities are known: how often each arm is drawn is worked out, published, and logged.

Nothing is sampled while a shopper waits. A night's posterior becomes one share for each arm, and a request draws from
these shares by a salted hash: what is logged as propensity is exactly the chance that the arm had.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta as beta_distribution

Matrix = NDArray[np.float64]

# Every arm keeps at least this chance, whatever the posterior says: what is never drawn can never be judged again.
FLOOR = 0.05
# Evidence counts half after so many nights: shoppers and seasons change.
HALF_LIFE_NIGHTS = 30.0
# Points at which the integral is taken.
GRID = 4000


@dataclass(frozen=True, slots=True)
class BetaArms:
    """Beta posteriors of mean rewards between 0 and 1; one number an arm each, starting from `fresh`."""

    alpha: Matrix
    beta: Matrix

    @property
    def means(self) -> Matrix:
        """The expected reward of each arm."""
        means: Matrix = self.alpha / (self.alpha + self.beta)
        return means


def fresh(arms: int) -> BetaArms:
    """Returns arms of which nothing is known: every mean reward is as likely as any other."""
    return BetaArms(alpha=np.ones(arms), beta=np.ones(arms))


def learn(arms: BetaArms, *, drawn: NDArray[np.int64], rewards: Matrix) -> BetaArms:
    """Returns the posteriors after more rewards; a reward between 0 and 1 counts as that part of a success.

    Args:
        drawn: the arm of each decision.

    Raises:
        ValueError: a reward lies outside [0, 1].
    """
    if len(rewards) and not ((rewards >= 0) & (rewards <= 1)).all():
        raise ValueError("rewards lie between 0 and 1")
    count = len(arms.alpha)
    won = np.bincount(drawn, weights=rewards, minlength=count)
    seen = np.bincount(drawn, minlength=count)
    return BetaArms(alpha=arms.alpha + won, beta=arms.beta + seen - won)


def forget(arms: BetaArms, *, nights: float, half_life: float = HALF_LIFE_NIGHTS) -> BetaArms:
    """Returns the posteriors as they are worth after so many nights, on their way back to `fresh`."""
    kept = 0.5 ** (nights / half_life)
    return BetaArms(alpha=1 + (arms.alpha - 1) * kept, beta=1 + (arms.beta - 1) * kept)


def thompson_shares(arms: BetaArms, *, floor: float = FLOOR) -> Matrix:
    """Returns how often each arm is to be drawn: the chance that it is the best one, and the floor.

    The chance is an integral over all values x of "this arm is x and all others are below"; no random numbers.

    Raises:
        ValueError: there is no arm, or the floor is negative or asks for more than there is.
    """
    count = len(arms.alpha)
    if not count:
        raise ValueError("a bandit needs an arm")
    if floor < 0 or floor * count > 1:
        raise ValueError("floors of all arms together exceed 1, or are negative")
    edges = _grid(arms)
    below = np.array([beta_distribution.cdf(edges, a, b) for a, b in zip(arms.alpha, arms.beta, strict=True)])
    # Of each small step: the arm lies in it, and the others below (the mean of both of its ends).
    inside = np.diff(below, axis=1)
    middle = (below[:, 1:] + below[:, :-1]) / 2
    best = np.array([(inside[arm] * np.prod(np.delete(middle, arm, axis=0), axis=0)).sum() for arm in range(count)])
    shares: Matrix = floor + (1 - floor * count) * best / best.sum()
    return shares


@dataclass(frozen=True, slots=True)
class LinearArms:
    """Linear-Gaussian posteriors by context (Agrawal and Goyal, 2013); `precision` is one matrix an arm."""

    precision: NDArray[np.float64]
    moment: Matrix
    noise: float

    def learn(self, contexts: Matrix, drawn: NDArray[np.int64], rewards: Matrix) -> LinearArms:
        """Returns the posteriors after more rewards; one row of `contexts` a decision."""
        precision, moment = self.precision.copy(), self.moment.copy()
        for arm in range(len(moment)):
            seen = contexts[drawn == arm]
            precision[arm] += seen.T @ seen
            moment[arm] += seen.T @ rewards[drawn == arm]
        return LinearArms(precision=precision, moment=moment, noise=self.noise)

    def shares(self, contexts: Matrix, *, seed: int, draws: int = 2000, floor: float = FLOOR) -> Matrix:
        """Returns how often each arm is to be drawn in each context, by so many draws of the posterior.

        These shares are the policy itself, so they are exact propensities however few the draws.

        Returns:
            one row a context, one column an arm.

        Raises:
            ValueError: the floors exceed 1, or are negative.
        """
        count = len(self.moment)
        if floor < 0 or floor * count > 1:
            raise ValueError("floors of all arms together exceed 1, or are negative")
        random = np.random.default_rng(seed)
        values = np.empty((count, draws, len(contexts)))
        for arm in range(count):
            covariance = np.linalg.inv(self.precision[arm])
            sampled = random.multivariate_normal(
                covariance @ self.moment[arm], self.noise**2 * covariance, size=draws, method="cholesky"
            )
            values[arm] = sampled @ contexts.T
        best = values.argmax(axis=0)
        wins = np.stack([(best == arm).mean(axis=0) for arm in range(count)], axis=1)
        shares: Matrix = floor + (1 - floor * count) * wins
        return shares


def fresh_linear(arms: int, width: int, *, noise: float = 0.5, ridge: float = 1.0) -> LinearArms:
    """Returns linear arms of which nothing is known.

    Args:
        width: of a context, its constant 1 included.
        noise: standard deviation of a reward around its mean.
        ridge: how strongly the weights are held to zero.
    """
    return LinearArms(
        precision=np.tile(ridge * np.eye(width), (arms, 1, 1)), moment=np.zeros((arms, width)), noise=noise
    )


def _grid(arms: BetaArms) -> Matrix:
    """Returns points that lie dense where any posterior has its mass: thousands of rewards make them very narrow."""
    levels = np.linspace(0, 1, GRID // max(len(arms.alpha), 1) + 2)
    points = [beta_distribution.ppf(levels, a, b) for a, b in zip(arms.alpha, arms.beta, strict=True)]
    return np.unique(np.concatenate([*points, [0.0, 1.0]]))
