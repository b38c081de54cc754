"""What is looked at when a shopper's next purchases are guessed: pairs of shopper and type, and their features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.learners.item_models import ItemModel
from analytics.learners.logistic import LogisticModel
from analytics.learners.purchases import HALF_LIVES, Habits

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Added before the logarithm of a share or score, so that "never" is a small number and not minus infinity.
SMALL_SHARE = 0.01
SMALL_EASE = 0.003
# A type that was bought again and again is due at 1; beyond five times its gap there is nothing more to tell.
MOST_OVERDUE = 5.0
NEVER_RECENT = 365.0
IS_NEW = "is_new"

# What acts together: rhythm with how often people come and how often they buy the thing again. The first of two is of
# one's own purchases, the other of the shopper or of the type.
PRODUCTS = {
    "share_80 × orders_month": ("share_80", "orders_month"),
    "share × repeat_rate": ("share", "repeat_rate"),
    "recency × repeat_rate": ("recency", "repeat_rate"),
    "share_40 × repeat_rate": ("share_40", "repeat_rate"),
}
# In the order of the weights of kept models.
FEATURES = (
    IS_NEW,
    "is_single",
    "orders_with",
    "orders_with_month",
    "orders_with_quarter",
    "decayed_20",
    "decayed_40",
    "decayed_80",
    "decayed_160",
    "share_40",
    "share_80",
    "share_160",
    "share",
    "share_quarter",
    "plain_share_80",
    "plain_share_160",
    "recency",
    "overdue",
    "plain_overdue",
    "is_just_bought",
    "is_given_up",
    "gap",
    "shoppers",
    "shoppers_month",
    "trend",
    "repeat_rate",
    "novelty_rate",
    "ease",
    "log_ease",
    "factors",
    "log_factors",
    "similarity",
    "orders",
    "orders_month",
    "variety",
    "decayed_orders",
    "share_80 × orders_month",
    "share × repeat_rate",
    "recency × repeat_rate",
    "share_80 × recency",
    "share_40 × repeat_rate",
    "overdue × orders_with",
    "log_ease²",
    "share_80²",
    "recency²",
)


@dataclass(frozen=True, slots=True)
class ItemScores:
    """What everybody's purchases say of some shoppers and all types: shoppers × types each."""

    ease: NDArray[np.float32]
    similarity: NDArray[np.float32]
    factors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of shopper and type that are worth a look, and their features.

    Features are kept where they belong, since most candidates were never bought: for these, all that is said of one's
    own purchases is the same. `features` lays them out as one table for teaching; the chances come from the parts.

    Attributes:
        shopper, kind: positions, in the order of shopper and type.
        bought: which candidates were bought before, as positions among them.
        own: what the shopper did with the type, of each in `bought`.
        never: the same of a type that the shopper never bought.
        of_kind: of each type.
        of_shopper: of each shopper.
        scores: what everybody's purchases say, of each candidate.
    """

    shopper: Ints
    kind: Ints
    bought: Ints
    own: Mapping[str, Floats]
    never: Mapping[str, float]
    of_kind: Mapping[str, Floats]
    of_shopper: Mapping[str, Floats]
    scores: Mapping[str, Floats]

    @property
    def is_new(self) -> NDArray[np.bool_]:
        """Which candidates were never bought."""
        marks = np.ones(len(self.shopper), dtype=bool)
        marks[self.bought] = False
        return marks

    @property
    def features(self) -> NDArray[np.float32]:
        """Candidates × `FEATURES`."""
        return np.stack([self._column(name) for name in FEATURES], axis=1).astype(np.float32)

    def log_odds(self, model: LogisticModel, *, new: bool) -> Floats:
        """Returns the log odds of the candidates that were never bought, or else of those in `bought`.

        The same as `model.log_odds` of these rows of `features`, added up part by part.
        """
        weights = dict(zip(model.names, model.weights, strict=True))
        which = np.flatnonzero(self.is_new) if new else self.bought
        own: Mapping[str, Any] = self.never if new else self.own
        shopper, kind = self.shopper[which], self.kind[which]
        by_kind = _weighted(self.of_kind, weights)
        by_shopper = _weighted(self.of_shopper, weights)
        odds = model.intercept + _weighted(own, weights)
        for name, (one, other) in PRODUCTS.items():
            if new and other in self.of_kind:
                by_kind = by_kind + weights[name] * own[one] * self.of_kind[other]
            elif new:
                by_shopper = by_shopper + weights[name] * own[one] * self.of_shopper[other]
            else:
                table, place = (self.of_kind, kind) if other in self.of_kind else (self.of_shopper, shopper)
                odds = odds + weights[name] * own[one] * table[other][place]
        odds = odds + by_kind[kind] + by_shopper[shopper]
        for name, values in self.scores.items():
            odds += weights[name] * values[which]
        return np.asarray(odds)

    def _column(self, name: str) -> Floats:
        if name in PRODUCTS:
            one, other = PRODUCTS[name]
            return self._column(one) * self._column(other)
        if name in self.scores:
            return self.scores[name]
        if name in self.of_kind:
            return self.of_kind[name][self.kind]
        if name in self.of_shopper:
            return self.of_shopper[name][self.shopper]
        column = np.full(len(self.shopper), self.never[name])
        column[self.bought] = self.own[name]
        return column


def candidates_at(cells: Ints, habits: Habits, items: ItemModel, scores: ItemScores) -> Candidates:
    """Returns what is known of these pairs.

    Args:
        cells: shopper × number of types + type of each, ascending.
    """
    places = np.minimum(np.searchsorted(cells, habits.pairs), max(len(cells) - 1, 0))
    rows = np.flatnonzero(cells[places] == habits.pairs) if len(cells) else places[:0]
    return Candidates(
        shopper=cells // items.kinds,
        kind=cells % items.kinds,
        bought=places[rows],
        own=_own_columns(habits, rows),
        never=_never_columns(),
        of_kind=_kind_columns(items),
        of_shopper=_shopper_columns(habits),
        scores=_score_columns(scores, cells),
    )


def _own_columns(habits: Habits, rows: Ints) -> dict[str, Floats]:
    """Returns what shoppers did with types that they bought, of some pairs."""
    shopper = habits.pair_shopper[rows]
    return _own(
        counts=habits.counts[rows],
        month=habits.month[rows],
        quarter=habits.quarter[rows],
        decayed=habits.decayed[rows],
        recency=habits.recency[rows],
        gap=habits.gap[rows],
        orders=habits.orders[shopper],
        orders_quarter=habits.orders_quarter[shopper],
        decayed_orders=habits.decayed_orders[shopper],
    )


def _never_columns() -> dict[str, float]:
    """Returns the same of a type that a shopper never bought; how many orders the shopper made is no matter then."""
    nothing, halves = np.zeros(1), np.zeros((1, len(HALF_LIVES)))
    columns = _own(
        counts=nothing,
        month=nothing,
        quarter=nothing,
        decayed=halves,
        recency=np.array([np.nan]),
        gap=np.array([np.nan]),
        orders=nothing,
        orders_quarter=nothing,
        decayed_orders=halves,
    )
    return {name: float(column[0]) for name, column in columns.items()}


def _own(
    *,
    counts: Floats,
    month: Floats,
    quarter: Floats,
    decayed: Floats,
    recency: Floats,
    gap: Floats,
    orders: Floats,
    orders_quarter: Floats,
    decayed_orders: Floats,
) -> dict[str, Floats]:
    """Returns features by name, each on a scale on which a straight line is a fair guess.

    Args:
        recency: NaN for a type that was never bought.
        gap: NaN for one bought once or never: nothing is due.
    """
    by_half_life = dict(zip(HALF_LIVES, decayed.T, strict=True))
    shares = {
        days: by_half_life[days] / np.maximum(ordered, 0.5)
        for days, ordered in zip(HALF_LIVES, decayed_orders.T, strict=True)
    }
    overdue = recency / np.maximum(gap, 1.0)
    has_rhythm = ~np.isnan(overdue)
    overdue = np.nan_to_num(overdue)
    log_recency = np.log1p(np.nan_to_num(recency, nan=NEVER_RECENT))
    share_80 = _log(shares[80.0], SMALL_SHARE)
    return {
        IS_NEW: (counts == 0).astype(np.float64),
        "is_single": (counts == 1).astype(np.float64),
        "orders_with": np.log1p(counts),
        "orders_with_month": np.log1p(month),
        "orders_with_quarter": np.log1p(quarter),
        **{f"decayed_{days:.0f}": np.log1p(by_half_life[days]) for days in HALF_LIVES[1:]},
        **{f"share_{days:.0f}": _log(shares[days], SMALL_SHARE) for days in HALF_LIVES[2:]},
        "share": _log(counts / np.maximum(orders, 1.0), SMALL_SHARE),
        "share_quarter": _log(quarter / np.maximum(orders_quarter, 1.0), SMALL_SHARE),
        "plain_share_80": shares[80.0],
        "plain_share_160": shares[160.0],
        "recency": log_recency,
        "overdue": np.log1p(overdue),
        "plain_overdue": np.where(has_rhythm, np.minimum(overdue, MOST_OVERDUE), -1.0),
        "is_just_bought": (overdue < 0.3).astype(np.float64),
        "is_given_up": (overdue > 2).astype(np.float64),
        "gap": np.log1p(np.nan_to_num(gap)),
        "share_80 × recency": share_80 * log_recency,
        "overdue × orders_with": np.log1p(overdue) * np.log1p(counts),
        # Bends where a line is too stiff.
        "share_80²": share_80**2,
        "recency²": log_recency**2,
    }


def _kind_columns(items: ItemModel) -> dict[str, Floats]:
    return {
        "shoppers": _log(items.shoppers, 1.0),
        "shoppers_month": _log(items.shoppers_month, 1.0),
        "trend": np.log(items.trend),
        "repeat_rate": _log(items.repeat_rate, SMALL_SHARE),
        "novelty_rate": _log(items.novelty_rate, 1e-4),
    }


def _shopper_columns(habits: Habits) -> dict[str, Floats]:
    return {
        "orders": np.log1p(habits.orders),
        "orders_month": np.log1p(habits.orders_month),
        "variety": np.log1p(habits.variety),
        "decayed_orders": np.log1p(habits.decayed_orders[:, 2]),
    }


def _score_columns(scores: ItemScores, cells: Ints) -> dict[str, Floats]:
    ease = scores.ease.ravel()[cells].astype(np.float64)
    factors = scores.factors.ravel()[cells].astype(np.float64)
    log_ease = _log(ease, SMALL_EASE)
    return {
        "ease": ease,
        "log_ease": log_ease,
        "factors": factors,
        "log_factors": _log(factors, SMALL_SHARE),
        "similarity": _log(scores.similarity.ravel()[cells].astype(np.float64), SMALL_SHARE),
        "log_ease²": log_ease**2,
    }


def _weighted(columns: Mapping[str, Any], weights: Mapping[str, float]) -> Any:
    return sum(weights[name] * column for name, column in columns.items())


def _log(values: Floats, smallest: float) -> Floats:
    logged: Floats = np.log(np.maximum(values, smallest))
    return logged
