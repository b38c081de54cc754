"""Lessons put together into padded arrays, a few shoppers at a time, as a recurrent network takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.learners.histories import MOST_BASKETS, Histories, Ints, Lessons, Reals

SHOPPERS_A_BATCH = 32
# Shoppers with about equally many baskets share a batch, so that little is padding.
BATCHES_SORTED_TOGETHER = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Some shoppers' baskets and lessons.

    Attributes:
        offsets, kind: the types of basket j are `kind[offsets[j]:offsets[j + 1]]`.
        figures: baskets × `BASKET_FIGURES`.
        row, step: where each basket stands among shoppers × steps.
        shoppers, steps: the size of that table.
        lesson_row, lesson_step: the last basket of each lesson.
        lesson_figures, pair_figures: as in `Lessons`.
        lesson_trend: of the lesson's day: lessons × types.
        pair_lesson, pair_kind, target_lesson, target_kind: with positions in this batch's lessons.
        positions: where each of these lessons stands in the `Lessons` that it comes from.
    """

    offsets: Ints
    kind: Ints
    figures: Reals
    row: Ints
    step: Ints
    shoppers: int
    steps: int
    lesson_row: Ints
    lesson_step: Ints
    lesson_figures: Reals
    lesson_trend: Reals
    pair_lesson: Ints
    pair_kind: Ints
    pair_figures: Reals
    target_lesson: Ints
    target_kind: Ints
    positions: Ints


def batches_in_order(
    histories: Histories, lessons: Lessons, *, shoppers_a_batch: int = SHOPPERS_A_BATCH
) -> Iterator[Batch]:
    """Yields the lessons of one day in their order."""
    for first in range(0, len(lessons), shoppers_a_batch):
        yield batch_of(histories, lessons, lessons.shopper[first : first + shoppers_a_batch])


def batches_shuffled(histories: Histories, lessons: Lessons, random: np.random.Generator) -> Iterator[Batch]:
    """Yields each lesson once, in an order drawn anew; all of a shopper's are in one batch."""
    everybody, at = np.unique(lessons.shopper, return_inverse=True)
    # Only what the lessons read: how much somebody bought afterwards must not even shift the order.
    baskets = np.zeros(len(everybody), dtype=np.int64)
    np.maximum.at(baskets, at, lessons.baskets)
    order = random.permutation(len(everybody))
    shoppers, lengths = everybody[order], baskets[order]
    block = SHOPPERS_A_BATCH * BATCHES_SORTED_TOGETHER
    groups: list[Ints] = []
    for first in range(0, len(shoppers), block):
        inside = shoppers[first : first + block][np.argsort(lengths[first : first + block], kind="stable")]
        groups += [inside[at : at + SHOPPERS_A_BATCH] for at in range(0, len(inside), SHOPPERS_A_BATCH)]
    for number in random.permutation(len(groups)):
        yield batch_of(histories, lessons, np.sort(groups[number]))


def batch_of(histories: Histories, lessons: Lessons, shoppers: Ints) -> Batch:
    """Puts the lessons of some shoppers together; of their baskets the newest `MOST_BASKETS` before the last lesson.

    A lesson that lies wholly before these is left out.

    Args:
        shoppers: positions, ascending; each has a lesson.
    """
    chosen = np.flatnonzero(np.isin(lessons.shopper, shoppers))
    newest = np.zeros(len(shoppers), dtype=np.int64)
    np.maximum.at(newest, np.searchsorted(shoppers, lessons.shopper[chosen]), lessons.baskets[chosen])
    oldest = np.maximum(newest - MOST_BASKETS, 0)
    chosen = chosen[lessons.baskets[chosen] > oldest[np.searchsorted(shoppers, lessons.shopper[chosen])]]
    row = np.searchsorted(shoppers, lessons.shopper[chosen])
    first = histories.starts[shoppers] + oldest
    basket, basket_row = spans(first, histories.starts[shoppers] + newest)
    entry, _ = spans(histories.offsets[basket], histories.offsets[basket + 1])
    pair, pair_lesson = spans(lessons.pair_offsets[chosen], lessons.pair_offsets[chosen + 1])
    target, target_lesson = spans(lessons.target_offsets[chosen], lessons.target_offsets[chosen + 1])
    return Batch(
        offsets=np.append(0, np.cumsum(histories.offsets[basket + 1] - histories.offsets[basket])),
        kind=histories.kind[entry],
        figures=histories.figures[basket],
        row=basket_row,
        step=basket - first[basket_row],
        shoppers=len(shoppers),
        steps=int((newest - oldest).max(initial=0)),
        lesson_row=row,
        lesson_step=lessons.baskets[chosen] - oldest[row] - 1,
        lesson_figures=lessons.figures[chosen],
        lesson_trend=lessons.trend[lessons.day[chosen]],
        pair_lesson=pair_lesson,
        pair_kind=lessons.pair_kind[pair],
        pair_figures=lessons.pair_figures[pair],
        target_lesson=target_lesson,
        target_kind=lessons.target_kind[target],
        positions=chosen,
    )


def spans(starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Returns all numbers of half-open spans, one span after the other, and which span each is of."""
    lengths = ends - starts
    span = np.repeat(np.arange(len(starts)), lengths)
    before = np.cumsum(lengths) - lengths
    return starts[span] + np.arange(len(span)) - before[span], span
