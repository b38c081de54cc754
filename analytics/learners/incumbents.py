"""The simple ways to say what a shopper buys next, and whether another way beats them beyond chance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from analytics.learners.histories import Lessons
from analytics.learners.item_models import learn_items
from analytics.learners.months import Quality
from analytics.learners.purchases import Purchases, habits_of
from analytics.learners.ranking import ndcg_at
from analytics.learners.recommendation import item_scores, rhythm, simple_blend, without_bought

Floats = NDArray[np.float64]
Scores = NDArray[np.floating]

DECAYED, POPULARITY, BLEND = "decayed frequency", "popularity", "simple blend"
# The ends of a 95 % interval, in standard errors.
BEYOND_CHANCE = 1.96
# Of fewer shoppers a standard error is itself a matter of chance.
FEWEST_KNOWN = 50


def simple_scores(purchases: Purchases, lessons: Lessons, *, day: float) -> dict[str, Scores]:
    """Returns what the simple ways say of lessons of one day: by name, lessons × types.

    Decayed frequency is the share of a shopper's orders that hold a type, at a half-life of 80 days; popularity is how
    many shoppers ever bought it; the simple blend is decayed
    frequency with EASE, on which the recommendation itself falls back.
    """
    habits = habits_of(purchases, at=day)
    items = learn_items([habits], kinds=purchases.kinds)
    return {
        DECAYED: rhythm(habits)[lessons.shopper],
        POPULARITY: np.tile(items.shoppers, (len(lessons), 1)),
        BLEND: simple_blend(habits, item_scores(habits, items))[lessons.shopper],
    }


def quality_of(scores: Scores, purchases: Purchases, lessons: Lessons, *, day: float, end: float) -> Quality:
    """Measures scores of lessons of one day by what was bought in `[day, end)`."""
    habits = habits_of(purchases.only(lessons.shopper), at=day)
    bought = purchases.only(lessons.shopper).between(day, end).bought()
    return Quality(
        everything=ndcg_at(scores, bought), new_only=ndcg_at(without_bought(scores, habits), bought & ~habits.seen)
    )


def gain_over(one: Floats, other: Floats) -> tuple[float, float]:
    """Returns the mean difference of two figures of the same shoppers and its standard error.

    Shoppers without a figure (NaN) are left out. Fewer than two say nothing of how far chance moves the mean: the
    error is infinite then.
    """
    differences = one - other
    known = differences[~np.isnan(differences)]
    if len(known) < 2:
        return float(known.sum()), float("inf")
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))


def beats(challenger: Quality, incumbents: Mapping[str, Quality]) -> bool:
    """Whether a way is better than each incumbent over all types beyond chance, and on new ones not worse beyond it.

    Never with fewer than `FEWEST_KNOWN` shoppers who have a figure.
    """
    if np.count_nonzero(~np.isnan(challenger.everything)) < FEWEST_KNOWN:
        return False
    for incumbent in incumbents.values():
        gain, error = gain_over(challenger.everything, incumbent.everything)
        new_gain, new_error = gain_over(challenger.new_only, incumbent.new_only)
        if gain <= BEYOND_CHANCE * error or new_gain < -BEYOND_CHANCE * new_error:
            return False
    return True
