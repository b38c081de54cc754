"""Which product types a shopper will buy next, from what everybody bought before.

Simple scores (popularity, own rhythm, EASE, nearest neighbours) choose candidates; a logistic model over these
scores and counts says how likely each is to be bought within a month. It is taught by an earlier month: features
before it, labels from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

# Added before the logarithm of a share or score, so that "never" is a small number and not minus infinity.
SMALL_SHARE = 0.01
SMALL_EASE = 0.003
# A type that was bought again and again is due at 1; beyond five times its gap there is nothing more to tell.
MOST_OVERDUE = 5.0
NEVER_RECENT = 365.0
IS_NEW = "is_new"


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of shopper and type that are worth a look: positions of both, and the features of each by name."""

    shopper: NDArray[np.int64]
    kind: NDArray[np.int64]
    features: NDArray[np.float32]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemScores:
    """What everybody's purchases say of some shoppers and all types: shoppers × types each."""

    ease: NDArray[np.float32]
    similarity: NDArray[np.float32]
    factors: NDArray[np.float32]


def item_scores(habits: Habits, items: ItemModel) -> ItemScores:
    """Returns the scores of EASE, of item-kNN (all neighbours, cosine) and of the truncated SVD."""
    seen = habits.seen.astype(np.float32)
    return ItemScores(
        ease=seen @ items.ease,
        similarity=seen @ items.similarity,
        factors=((log_counts(habits) @ items.factors) @ items.factors.T).astype(np.float32),
    )


def rhythm(habits: Habits) -> Floats:
    """Returns the share of a shopper's orders that hold a type, lately (half-life 80 days): shoppers × types."""
    orders = np.maximum(habits.decayed_orders[:, RHYTHM_HALF_LIFE], 1.0)
    shares: Floats = habits.spread(habits.decayed[:, RHYTHM_HALF_LIFE]) / orders[:, None]
    return shares


def simple_blend(habits: Habits, scores: ItemScores) -> Floats:
    """Returns one's own rhythm plus EASE: the transparent score that the taught one must beat."""
    blended: Floats = RHYTHM_WEIGHT * rhythm(habits) + scores.ease
    return blended


def blend_chances(blend: NDArray[np.floating]) -> NDArray[np.float32]:
    """Returns the simple blend as something between 0 and 1, for lists before anything was taught."""
    return np.clip(blend / RHYTHM_WEIGHT, 0.0, 1.0).astype(np.float32)


def candidates_of(habits: Habits, items: ItemModel, scores: ItemScores, blend: Floats) -> Candidates:
    """Returns the candidates of each shopper, in the order of shopper and type."""
    kinds = items.kinds
    chosen = np.zeros(blend.shape, dtype=bool)
    _mark_best(chosen, blend, CANDIDATES)
    _mark_best(chosen, np.where(habits.seen, NEVER, scores.ease), NEW_CANDIDATES)
    # A type that nobody ever bought is nobody's next.
    chosen &= items.shoppers > 0
    cells = np.flatnonzero(chosen)
    shopper, kind = cells // kinds, cells % kinds
    row = habits.pair_rows.ravel()[cells]
    known = row >= 0

    def of_pair(values: Floats, otherwise: float) -> Floats:
        return np.where(known, values[row] if len(values) else otherwise, otherwise)

    columns = _columns(habits, items, scores, cells, of_pair)
    return Candidates(
        shopper=shopper,
        kind=kind,
        features=np.stack(list(columns.values()), axis=1).astype(np.float32),
        names=tuple(columns),
    )


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
        is_new = candidates.features[:, candidates.names.index(IS_NEW)] > 0
        return np.where(is_new, self.new.probability(candidates.features), self.again.probability(candidates.features))


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
    names: tuple[str, ...] = ()
    for candidates, bought in chunks:
        came = np.asarray(bought.any(axis=1))[candidates.shopper]
        features.append(candidates.features[came])
        labels.append(bought[candidates.shopper[came], candidates.kind[came]])
        names = candidates.names
    if not features:
        raise OneOutcome
    table, known = np.concatenate(features), np.concatenate(labels)
    is_new: NDArray[np.bool_] = np.asarray(table[:, names.index(IS_NEW)] > 0)
    return Taught(
        again=fit_logistic(table[~is_new], known[~is_new], names=names),
        new=fit_logistic(table[is_new], known[is_new], names=names),
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


def _columns(
    habits: Habits, items: ItemModel, scores: ItemScores, cells: NDArray[np.int64], of_pair: Callable[..., Floats]
) -> dict[str, Floats]:
    """Returns the features of candidates by name, each on a scale on which a straight line is a fair guess."""
    shopper, kind = cells // items.kinds, cells % items.kinds
    counts = of_pair(habits.counts, 0.0)
    is_new = counts == 0
    decayed = {days: of_pair(habits.decayed[:, number], 0.0) for number, days in enumerate(HALF_LIVES)}
    shares = {
        days: decayed[days] / np.maximum(habits.decayed_orders[shopper, number], 0.5)
        for number, days in enumerate(HALF_LIVES)
    }
    share = _log(counts / np.maximum(habits.orders[shopper], 1.0), SMALL_SHARE)
    quarter = of_pair(habits.quarter, 0.0)
    recency = np.log1p(of_pair(habits.recency, NEVER_RECENT))
    gap = of_pair(habits.gap, np.nan)
    # NaN is a type bought once or never: it has no gap, and nothing is due.
    overdue = of_pair(habits.recency, np.nan) / np.maximum(gap, 1.0)
    has_rhythm = ~np.isnan(overdue)
    overdue = np.nan_to_num(overdue)
    ease = scores.ease.ravel()[cells].astype(np.float64)
    factors = scores.factors.ravel()[cells].astype(np.float64)
    month_orders = np.log1p(habits.orders_month[shopper])
    shoppers, shoppers_month = _log(items.shoppers[kind], 1.0), _log(items.shoppers_month[kind], 1.0)
    repeat_rate, novelty_rate = _log(items.repeat_rate[kind], SMALL_SHARE), _log(items.novelty_rate[kind], 1e-4)
    share_80 = _log(shares[80.0], SMALL_SHARE)
    log_ease = _log(ease, SMALL_EASE)
    return {
        IS_NEW: is_new.astype(np.float64),
        "is_single": (counts == 1).astype(np.float64),
        "orders_with": np.log1p(counts),
        "orders_with_month": np.log1p(of_pair(habits.month, 0.0)),
        "orders_with_quarter": np.log1p(quarter),
        **{f"decayed_{days:.0f}": np.log1p(decayed[days]) for days in HALF_LIVES[1:]},
        **{f"share_{days:.0f}": _log(shares[days], SMALL_SHARE) for days in HALF_LIVES[2:]},
        "share": share,
        "share_quarter": _log(quarter / np.maximum(habits.orders_quarter[shopper], 1.0), SMALL_SHARE),
        "plain_share_80": shares[80.0],
        "plain_share_160": shares[160.0],
        "recency": recency,
        "overdue": np.log1p(overdue),
        "plain_overdue": np.where(has_rhythm, np.minimum(overdue, MOST_OVERDUE), -1.0),
        "is_just_bought": (overdue < 0.3).astype(np.float64),
        "is_given_up": (overdue > 2).astype(np.float64),
        "gap": np.log1p(np.nan_to_num(gap)),
        "shoppers": shoppers,
        "shoppers_month": shoppers_month,
        "trend": np.log(items.trend[kind]),
        "repeat_rate": repeat_rate,
        "novelty_rate": novelty_rate,
        "ease": ease,
        "log_ease": log_ease,
        "factors": factors,
        "log_factors": _log(factors, SMALL_SHARE),
        "similarity": _log(scores.similarity.ravel()[cells].astype(np.float64), SMALL_SHARE),
        "orders": np.log1p(habits.orders[shopper]),
        "orders_month": month_orders,
        "variety": np.log1p(habits.variety[shopper]),
        "decayed_orders": np.log1p(habits.decayed_orders[shopper, 2]),
        # What acts together: rhythm with how often people come and how often they buy the thing again.
        "share_80 × orders_month": share_80 * month_orders,
        "share × repeat_rate": share * repeat_rate,
        "recency × repeat_rate": recency * repeat_rate,
        "share_80 × recency": share_80 * recency,
        "share_40 × repeat_rate": _log(shares[40.0], SMALL_SHARE) * repeat_rate,
        "overdue × orders_with": np.log1p(overdue) * np.log1p(counts),
        # Bends where a line is too stiff.
        "log_ease²": log_ease**2,
        "share_80²": share_80**2,
        "recency²": recency**2,
    }


def _log(values: Floats, smallest: float) -> Floats:
    logged: Floats = np.log(np.maximum(values, smallest))
    return logged
