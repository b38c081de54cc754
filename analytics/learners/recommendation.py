"""Which product types a shopper will buy next, from what everybody bought before.

Simple scores (popularity, own rhythm, EASE, nearest neighbours) choose candidates; a logistic model over these
scores and counts says how likely each is to be bought within a month. It is taught by an earlier month: features
before it, labels from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from analytics.learners.candidates import FEATURES, IS_NEW, Candidates, ItemScores, candidates_at
from analytics.learners.item_models import ItemModel, log_counts
from analytics.learners.logistic import LogisticModel, OneOutcome, fit_logistic, logistic_from
from analytics.learners.purchases import HALF_LIVES, Habits, Purchases

Floats = NDArray[np.float64]

# How many types the taught model looks at: the best by the simple blend, and the best that were never bought.
CANDIDATES = 120
NEW_CANDIDATES = 80
# Weight of one's own rhythm beside EASE in the simple blend, chosen on October among .5, 1, 2 and 4.
RHYTHM_WEIGHT = 4.0
RHYTHM_HALF_LIFE = HALF_LIVES.index(80.0)
NEVER = -np.inf


def item_scores(habits: Habits, items: ItemModel) -> ItemScores:
    """Returns the scores of EASE, of item-kNN (all neighbours, cosine) and of the truncated SVD."""
    ones = np.ones(len(habits.pairs), dtype=np.float32)
    return ItemScores(
        ease=habits.times(ones, items.ease),
        similarity=habits.times(ones, items.similarity),
        factors=habits.times(log_counts(habits), items.factors) @ items.factors.T,
    )


def rhythm(habits: Habits) -> Floats:
    """Returns the share of a shopper's orders that hold a type, lately (half-life 80 days): shoppers × types."""
    return habits.spread(_rhythm_of_pairs(habits))


def simple_blend(habits: Habits, scores: ItemScores) -> Floats:
    """Returns one's own rhythm plus EASE: the transparent score that the taught one must beat."""
    blended = scores.ease.astype(np.float64)
    blended.ravel()[habits.pairs] += RHYTHM_WEIGHT * _rhythm_of_pairs(habits)
    return blended


def _rhythm_of_pairs(habits: Habits) -> Floats:
    orders = np.maximum(habits.decayed_orders[:, RHYTHM_HALF_LIFE], 1.0)
    shares: Floats = habits.decayed[:, RHYTHM_HALF_LIFE] / orders[habits.pair_shopper]
    return shares


def blend_chances(blend: NDArray[np.floating]) -> NDArray[np.float32]:
    """Returns the simple blend as something between 0 and 1, for lists before anything was taught."""
    return np.clip(blend / RHYTHM_WEIGHT, 0.0, 1.0).astype(np.float32)


def candidates_of(habits: Habits, items: ItemModel, scores: ItemScores, blend: Floats) -> Candidates:
    """Returns the candidates of each shopper, in the order of shopper and type."""
    chosen = np.zeros(blend.shape, dtype=bool)
    _mark_best(chosen, blend, CANDIDATES)
    new = scores.ease.copy()
    new.ravel()[habits.pairs] = NEVER
    _mark_best(chosen, new, NEW_CANDIDATES)
    # A type that nobody ever bought is nobody's next.
    chosen &= items.shoppers > 0
    return candidates_at(np.flatnonzero(chosen), habits, items, scores)


@dataclass(frozen=True, slots=True)
class Taught:
    """Two models over the same features: for types that the shopper has bought before, and for those never bought.

    What tells a next yogurt from a next pasta tells little of what somebody will try.
    """

    again: LogisticModel
    new: LogisticModel

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names."""
        return self.again.names

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns what `taught_from` takes, without the names."""
        return {
            f"{part}_{name}": array
            for part, model in (("again", self.again), ("new", self.new))
            for name, array in model.arrays().items()
        }

    def probability(self, candidates: Candidates) -> Floats:
        """Returns the probability of each candidate."""
        probability = np.empty(len(candidates.shopper))
        probability[candidates.is_new] = expit(candidates.log_odds(self.new, new=True))
        probability[candidates.bought] = expit(candidates.log_odds(self.again, new=False))
        return probability


def taught_from(arrays: Mapping[str, NDArray[Any]], *, names: tuple[str, ...]) -> Taught:
    """Returns what was kept as `arrays()`.

    Raises:
        KeyError: an array is missing.
    """
    parts = {
        part: {name.removeprefix(f"{part}_"): array for name, array in arrays.items() if name.startswith(f"{part}_")}
        for part in ("again", "new")
    }
    return Taught(**{part: logistic_from(kept, names=names) for part, kept in parts.items()})


def teach(chunks: Iterable[tuple[Candidates, NDArray[np.bool_]]]) -> Taught:
    """Fits the models that say how likely a candidate is bought.

    Args:
        chunks: candidates as of a day, and what their shoppers bought in the month from that day on (shoppers ×
            types). Shoppers who bought nothing in it say nothing of types and are left out.

    Raises:
        OneOutcome: nobody bought anything again, or nothing new, or everybody everything.
    """
    features, labels = [], []
    for candidates, bought in chunks:
        came = np.asarray(bought.any(axis=1))[candidates.shopper]
        features.append(candidates.features[came])
        labels.append(bought[candidates.shopper[came], candidates.kind[came]])
    if not features:
        raise OneOutcome
    table, known = np.concatenate(features), np.concatenate(labels)
    is_new: NDArray[np.bool_] = np.asarray(table[:, FEATURES.index(IS_NEW)] > 0)
    return Taught(
        again=fit_logistic(table[~is_new], known[~is_new], names=FEATURES),
        new=fit_logistic(table[is_new], known[is_new], names=FEATURES),
    )


def chances(candidates: Candidates, model: Taught, *, shoppers: int, kinds: int) -> NDArray[np.float32]:
    """Returns the probability that each shopper, if they come at all, buys each type within a month.

    Shoppers × types; what is no candidate has probability 0.
    """
    table = np.zeros((shoppers, kinds), dtype=np.float32)
    table[candidates.shopper, candidates.kind] = model.probability(candidates)
    return table


def without_bought(scores: NDArray[np.floating], habits: Habits) -> NDArray[np.floating]:
    """Returns the scores with what was ever bought taken out."""
    return np.where(habits.seen, NEVER, scores)


def came_in(month: Purchases, habits: Habits) -> NDArray[np.int64]:
    """Returns the positions of shoppers who bought something in a month and before it."""
    bought = np.zeros(len(month.shopper_ids), dtype=bool)
    bought[month.shopper] = True
    return np.flatnonzero(bought & (habits.orders > 0))


def _mark_best(chosen: NDArray[np.bool_], scores: NDArray[np.floating], count: int) -> None:
    count = min(count, scores.shape[1])
    best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    is_marked = chosen[np.arange(len(scores))[:, None], best] | np.isfinite(np.take_along_axis(scores, best, axis=1))
    np.put_along_axis(chosen, best, is_marked, axis=1)
