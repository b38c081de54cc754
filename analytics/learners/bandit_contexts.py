"""Shares for each context, such as a shopper's segment: what pleases the loyal need not please a newcomer.

A context starts from what all others have shown, as if that were a few decisions of its own, and departs from it as its
own evidence grows (partial pooling with a fixed weight; Gelman and Hill, 2007, chapter 12).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.learners.bandit import FLOOR, BetaArms, fresh, hold_back, learn, thompson_shares

Matrix = NDArray[np.float64]

# The context of whoever has none, or one of which too little is known.
EVERYBODY = ""
# With fewer decisions a context has no shares of its own.
FEWEST_IN_CONTEXT = 100
# So many decisions is worth what the others have shown.
HELD_BY_DECISIONS = 20.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """How often each arm is to be drawn in a context, and what each is expected to earn there; one number an arm."""

    shares: Matrix
    means: Matrix


def learn_contexts(
    count: int, *, drawn: NDArray[np.int64], rewards: Matrix, ages_days: Matrix, contexts: NDArray[np.str_]
) -> dict[str, Drawing]:
    """Returns what to draw in each context of which enough is known, and under `EVERYBODY` in all others.

    Args:
        count: how many arms there are.
        drawn, rewards, ages_days, contexts: one entry a decision, see `analytics.learners.bandit.learn`.
    """
    # What nobody was ever led to is unknown everywhere; what only a context has not seen, the others have.
    unseen = np.bincount(drawn, minlength=count) == 0

    def learned(prior: BetaArms, rows: NDArray[np.bool_]) -> BetaArms:
        return learn(prior, drawn=drawn[rows], rewards=rewards[rows], ages_days=ages_days[rows])

    def drawing(arms: BetaArms) -> Drawing:
        shares = thompson_shares(arms, floor=min(FLOOR, 1 / count))
        return Drawing(shares=hold_back(shares, unseen=unseen), means=arms.means)

    found = {EVERYBODY: drawing(learned(fresh(count), np.ones(len(drawn), dtype=np.bool_)))}
    names, sizes = np.unique(contexts, return_counts=True)
    for name in names[(sizes >= FEWEST_IN_CONTEXT) & (names != EVERYBODY)].tolist():
        own = contexts == name
        # Of the others alone, or a context's evidence would count twice.
        found[name] = drawing(learned(_held(learned(fresh(count), ~own)), own))
    return found


def _held(arms: BetaArms) -> BetaArms:
    """Returns the same means, worth no more than `HELD_BY_DECISIONS`."""
    weight = np.minimum(arms.alpha + arms.beta, HELD_BY_DECISIONS)
    return BetaArms(alpha=arms.means * weight, beta=(1 - arms.means) * weight)
