"""Shoppers' baskets one after the other, and lessons cut from them: what a sequence model reads, as plain arrays.

A lesson is a shopper on a day: the baskets before it, and the product types bought in the month from it on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.learners.purchases import HALF_LIVES, MONTH, Habits, Purchases, habits_of

Ints = NDArray[np.int64]
Reals = NDArray[np.float32]

# Older baskets say little, and a shopper who comes twice a day must not make everybody's night long.
MOST_BASKETS = 120
# What a share counts as when a type was bought long ago: its logarithm is then near that of "never".
SMALL_SHARE = 0.01
# The longest gap between baskets that is told apart, in days.
LONGEST_GAP = 120.0
# Days to the basket before, types in it, whether a coupon was used.
BASKET_FIGURES = 3
LESSON_FIGURES = 3
PAIR_FIGURES = len(HALF_LIVES)


@dataclass(frozen=True, slots=True)
class Histories:
    """Baskets in the order of shopper and time.

    Attributes:
        starts: baskets of shopper i are rows `starts[i]` to `starts[i + 1]`: shoppers + 1.
        day: when, in days since 1970.
        figures: baskets × `BASKET_FIGURES`, each about 0 to 1.
        offsets: the types of basket j are `kind[offsets[j]:offsets[j + 1]]`: baskets + 1.
        kind: product types.
    """

    starts: Ints
    day: NDArray[np.float64]
    figures: Reals
    offsets: Ints
    kind: Ints


def histories_of(purchases: Purchases, coupon_orders: Ints) -> Histories:
    """Returns the baskets of all shoppers in their order.

    Args:
        coupon_orders: ids of orders on which a coupon was used, ascending.
    """
    rows = np.lexsort((purchases.kind, purchases.order, purchases.day, purchases.shopper))
    order, shopper, day = purchases.order[rows], purchases.shopper[rows], purchases.day[rows]
    firsts = np.flatnonzero(np.append(True, order[1:] != order[:-1])) if len(rows) else np.zeros(0, dtype=np.int64)
    starts = np.searchsorted(shopper[firsts], np.arange(len(purchases.shopper_ids) + 1))
    offsets = np.append(firsts, len(rows))
    gap = np.diff(day[firsts], prepend=0.0)
    gap[starts[:-1][starts[:-1] < len(firsts)]] = LONGEST_GAP
    figures = np.stack(
        [log_gap(gap), np.log1p(np.diff(offsets)) / np.log(50.0), np.isin(order[firsts], coupon_orders)], axis=1
    )
    return Histories(
        starts=starts, day=day[firsts], figures=figures.astype(np.float32), offsets=offsets, kind=purchases.kind[rows]
    )


def log_gap(days: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns a gap between 0 and 1 on a logarithmic scale."""
    scaled: NDArray[np.float64] = np.log1p(np.clip(days, 0.0, LONGEST_GAP)) / np.log1p(LONGEST_GAP)
    return scaled


@dataclass(frozen=True, slots=True)
class Lessons:
    """Shoppers on a day, or on several.

    Attributes:
        shopper: of each lesson; ascending if all are of one day.
        baskets: how many baskets the shopper had before the day, at least one.
        figures: lessons × `LESSON_FIGURES`: days since the last basket, baskets ever and in the last month.
        pair_offsets: pairs of lesson i are rows `pair_offsets[i]` to `pair_offsets[i + 1]` of the next two.
        pair_kind: the types that the shopper had bought.
        pair_figures: for each half-life the logarithm of the type's share in the shopper's orders, 0 for "hardly
            ever" and larger for more: pairs × half-lives.
        trend: log of how popular each type was in the month before the day over how popular it ever was: days × types.
        day: row in `trend` of each lesson.
        target_offsets, target_kind: what was bought in the month from the day on; empty when it is not known.
    """

    shopper: Ints
    baskets: Ints
    figures: Reals
    pair_offsets: Ints
    pair_kind: Ints
    pair_figures: Reals
    trend: Reals
    day: Ints
    target_offsets: Ints
    target_kind: Ints

    def __len__(self) -> int:
        return len(self.shopper)


def trend_on(purchases: Purchases, *, day: float) -> Reals:
    """Returns the trend of each type on a day, as in `Lessons`, from all shoppers here."""
    ever = purchases.before(day)
    lately, always = _shares(ever.between(day - MONTH, day)), _shares(ever)
    logged: Reals = (np.log(lately) - np.log(always)).astype(np.float32)
    return logged


def _shares(purchases: Purchases) -> NDArray[np.float64]:
    """Returns the part of each type among pairs of shopper and type; one shopper more than really bought it."""
    pairs = np.unique(purchases.shopper * purchases.kinds + purchases.kind)
    buyers = np.bincount(pairs % purchases.kinds, minlength=purchases.kinds) + 1.0
    shares: NDArray[np.float64] = buyers / buyers.sum()
    return shares


def lessons_on(
    purchases: Purchases, histories: Histories, *, day: float, end: float | None, trend: Reals | None = None
) -> Lessons:
    """Cuts a lesson for each shopper who had bought something before a day.

    Args:
        trend: of that day, where the shoppers here are a part of those that it is to be counted from.
        end: what was bought in `[day, end)` are the targets, and who bought nothing in it is left out. None: what
            comes is not known, there are no targets, and nobody who ever bought is left out.
    """
    habits = habits_of(purchases, at=day)
    month = purchases.between(day, day if end is None else end)
    known = habits.orders > 0
    if end is not None:
        came = np.zeros(len(known), dtype=bool)
        came[month.shopper] = True
        known &= came
    shopper = np.flatnonzero(known)
    # Baskets are in the order of time within a shopper: how many come before the day.
    earlier = np.append(0, np.cumsum(histories.day < day))
    baskets = earlier[histories.starts[1:]] - earlier[histories.starts[:-1]]
    last = histories.day[histories.starts[shopper] + baskets[shopper] - 1]
    figures = np.stack(
        [
            log_gap(day - last),
            np.log1p(habits.orders[shopper]) / np.log(200.0),
            np.log1p(habits.orders_month[shopper]) / np.log(30.0),
        ],
        axis=1,
    )
    position, pair_kind = np.nonzero(habits.pair_rows[shopper] >= 0)
    target = np.unique(month.shopper * purchases.kinds + month.kind)
    return Lessons(
        shopper=shopper,
        baskets=baskets[shopper],
        figures=figures.astype(np.float32),
        pair_offsets=np.searchsorted(position, np.arange(len(shopper) + 1)),
        pair_kind=pair_kind,
        pair_figures=_log_shares(habits, shopper[position], pair_kind),
        trend=(trend_on(purchases, day=day) if trend is None else trend)[np.newaxis],
        day=np.zeros(len(shopper), dtype=np.int64),
        **_targets(target, shopper, purchases.kinds),
    )


def lessons_joined(parts: Sequence[Lessons]) -> Lessons:
    """Returns the lessons of several days, one day after the other; at least one day."""
    days = np.cumsum([0, *(len(part.trend) for part in parts)])
    return Lessons(
        shopper=np.concatenate([part.shopper for part in parts]),
        baskets=np.concatenate([part.baskets for part in parts]),
        figures=np.concatenate([part.figures for part in parts]),
        pair_offsets=_offsets_joined([part.pair_offsets for part in parts]),
        pair_kind=np.concatenate([part.pair_kind for part in parts]),
        pair_figures=np.concatenate([part.pair_figures for part in parts]),
        trend=np.concatenate([part.trend for part in parts]),
        day=np.concatenate([part.day + first for part, first in zip(parts, days, strict=False)]),
        target_offsets=_offsets_joined([part.target_offsets for part in parts]),
        target_kind=np.concatenate([part.target_kind for part in parts]),
    )


def _offsets_joined(parts: Sequence[Ints]) -> Ints:
    return np.append(0, np.cumsum(np.concatenate([np.diff(part) for part in parts])))


def _targets(target: Ints, shopper: Ints, kinds: int) -> dict[str, Ints]:
    kept = target[np.isin(target // kinds, shopper)]
    position = np.searchsorted(shopper, kept // kinds)
    return {"target_offsets": np.searchsorted(position, np.arange(len(shopper) + 1)), "target_kind": kept % kinds}


def _log_shares(habits: Habits, shopper: Ints, kind: Ints) -> Reals:
    shares = habits.decayed[habits.pair_rows[shopper, kind]] / np.maximum(habits.decayed_orders[shopper], 0.5)
    logged: Reals = np.log1p(shares / SMALL_SHARE).astype(np.float32)
    return logged


def days_of_lessons(*, first: float, end: float, month: float, step: float) -> Sequence[float]:
    """Returns the days to cut lessons on: every `step` days back from the last whose month is over at `end`.

    Args:
        first: no lesson before that day.
        month: days whose purchases are the targets.
    """
    count = int(max(0.0, (end - month - first) // step + 1))
    return [end - month - step * number for number in reversed(range(count))]
