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


def learn(arms: BetaArms, *, drawn: NDArray[np.int64], rewards: Matrix, ages_days: Matrix) -> BetaArms:
    """Returns the posteriors after more rewards; a reward between 0 and 1 counts as that part of a success.

    Args:
        drawn: the arm of each decision.
        ages_days: how long ago each decision was made; evidence counts half after `HALF_LIFE_NIGHTS`.

    Raises:
        ValueError: a reward lies outside [0, 1].
    """
    if len(rewards) and not ((rewards >= 0) & (rewards <= 1)).all():
        raise ValueError("rewards lie between 0 and 1")
    count = len(arms.alpha)
    weights = 0.5 ** (ages_days / HALF_LIFE_NIGHTS)
    won = np.bincount(drawn, weights=weights * rewards, minlength=count)
    seen = np.bincount(drawn, weights=weights, minlength=count)
    return BetaArms(alpha=arms.alpha + won, beta=arms.beta + seen - won)


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


def hold_back(shares: Matrix, *, unseen: NDArray[np.bool_]) -> Matrix:
    """Returns the shares with no more than an equal one for arms of which nothing is known.

    Where all other arms earn little, "may be anything" is likely the best, and would take nearly all shoppers at once.
    What such an arm gives up goes to the others, in proportion to what they have.
    """
    if unseen.all() or not unseen.any():
        return shares
    held: Matrix = np.where(unseen, np.minimum(shares, 1 / len(shares)), shares)
    held[~unseen] *= (1 - held[unseen].sum()) / held[~unseen].sum()
    return held


def _grid(arms: BetaArms) -> Matrix:
    """Returns points that lie dense where any posterior has its mass: thousands of rewards make them very narrow."""
    levels = np.linspace(0, 1, GRID // max(len(arms.alpha), 1) + 2)
    points = [beta_distribution.ppf(levels, a, b) for a, b in zip(arms.alpha, arms.beta, strict=True)]
    return np.unique(np.concatenate([*points, [0.0, 1.0]]))
