"""Teaching and measuring a recommender on months: what was known before a day against what was bought from it on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.learners.candidates import Candidates, ItemScores
from analytics.learners.item_models import ItemModel, learn_items
from analytics.learners.purchases import Habits, Purchases, habits_of
from analytics.learners.ranking import ndcg_at
from analytics.learners.recommendation import (
    Taught,
    came_in,
    candidates_of,
    chances,
    item_scores,
    simple_blend,
    teach,
    without_bought,
)

# Reads the same shoppers again from the start, chunk by chunk.
Read = Callable[[], Iterable[Purchases]]
Table = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of some shoppers before a day: counts, scores and candidates."""

    habits: Habits
    items: ItemModel
    scores: ItemScores
    blend: Table
    candidates: Candidates

    def taught(self, model: Taught) -> Table:
        """Returns the chances of each type by a taught model: shoppers × types."""
        return chances(self.candidates, model, shoppers=len(self.blend), kinds=self.items.kinds)


@dataclass(frozen=True, slots=True)
class Quality:
    """NDCG@10 of each shopper who came, over all types and over those never bought before; NaN for nothing bought."""

    everything: NDArray[np.float64]
    new_only: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Over all types."""
        return _mean(self.everything)

    @property
    def mean_new(self) -> float:
        """Over types never bought before."""
        return _mean(self.new_only)


def items_before(read: Read, *, kinds: int, day: float) -> ItemModel:
    """Learns what there is to know of product types before a day, in days since 1970."""
    return learn_items((habits_of(purchases, at=day) for purchases in read()), kinds=kinds)


def known_before(purchases: Purchases, items: ItemModel, *, day: float) -> Known:
    """Returns what is known of a chunk's shoppers before a day.

    Args:
        items: learned from nothing later than that day.
    """
    habits = habits_of(purchases, at=day)
    scores = item_scores(habits, items)
    blend = simple_blend(habits, scores)
    return Known(
        habits=habits,
        items=items,
        scores=scores,
        blend=blend,
        candidates=candidates_of(habits, items, scores, blend),
    )


def teach_month(read: Read, items: ItemModel, *, first: float, end: float) -> Taught:
    """Teaches by one month: features from before `first`, labels from `[first, end)`.

    Raises:
        OneOutcome: nothing was bought in it, or nothing is known before it.
    """

    def lessons() -> Iterator[tuple[Candidates, NDArray[np.bool_]]]:
        for purchases in read():
            known = known_before(purchases, items, day=first)
            yield known.candidates, purchases.between(first, end).bought()

    return teach(lessons())


def measure_month(
    read: Read,
    items: ItemModel,
    *,
    first: float,
    end: float,
    recommenders: Mapping[str, Callable[[Known], Table]],
) -> dict[str, Quality]:
    """Measures recommenders on the shoppers who bought something in `[first, end)` and before it.

    Args:
        recommenders: by name, what gives scores to a chunk: shoppers × types.
    """
    everything: dict[str, list[NDArray[np.float64]]] = {name: [] for name in recommenders}
    new_only: dict[str, list[NDArray[np.float64]]] = {name: [] for name in recommenders}
    for purchases in read():
        month = purchases.between(first, end)
        known = known_before(purchases, items, day=first)
        came = came_in(month, known.habits)
        bought, seen = month.bought()[came], known.habits.seen[came]
        for name, recommend in recommenders.items():
            scores = recommend(known)
            everything[name].append(ndcg_at(scores[came], bought))
            new_only[name].append(ndcg_at(without_bought(scores, known.habits)[came], bought & ~seen))
    return {
        name: Quality(everything=_joined(everything[name]), new_only=_joined(new_only[name])) for name in recommenders
    }


def _joined(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(parts) if parts else np.zeros(0)


def _mean(figures: NDArray[np.float64]) -> float:
    known = figures[~np.isnan(figures)]
    return float(known.mean()) if len(known) else float("nan")
