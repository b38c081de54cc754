"""What is counted while all shoppers are labelled, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics.learners.agreement import adjusted_rand_index
from analytics.learners.segmentation import Labels
from analytics.selectors.features import COLUMNS, Chunk
from analytics.services.segments import SegmentFigures


class Tally:
    """Sizes and averages of clusters, and how far they agree with the tags shoppers carried before."""

    def __init__(self, *, tags: Sequence[str]) -> None:
        self._sizes = np.zeros(len(tags), dtype=np.int64)
        self._sums = np.zeros((len(tags), len(COLUMNS)))
        # One column for each tag of last night; their number is small and known only on meeting them.
        self._earlier: dict[str, Any] = {}

    def add(self, chunk: Chunk, labels: Labels) -> None:
        """Counts one more chunk."""
        clusters = len(self._sizes)
        self._sizes += np.bincount(labels, minlength=clusters)
        for column in range(len(COLUMNS)):
            self._sums[:, column] += np.bincount(labels, weights=chunk.values[:, column], minlength=clusters)
        earlier = np.array(chunk.earlier_tags)
        for tag in np.unique(earlier):
            if tag:
                counts = np.bincount(labels[earlier == tag], minlength=clusters)
                self._earlier[str(tag)] = self._earlier.get(str(tag), 0) + counts

    def figures(self) -> list[SegmentFigures]:
        """Returns the size and the averages of each cluster."""
        return [
            SegmentFigures(size=int(size), profile=_profile(sums, int(size)))
            for size, sums in zip(self._sizes, self._sums, strict=True)
        ]

    def agreement_with_earlier(self) -> float | None:
        """Returns the adjusted Rand index with last night's tags over those who had one; None for nobody."""
        if not self._earlier:
            return None
        return adjusted_rand_index(np.stack(list(self._earlier.values()), axis=1))


def _profile(sums: Any, size: int) -> dict[str, float]:
    if not size:
        return {}
    totals = dict(zip(COLUMNS, sums.tolist(), strict=True))
    profile = {name: round(total / size, 2) for name, total in totals.items()}
    # Ratios of sums, not means of ratios: a shopper with one purchase must not weigh as much as one with a hundred.
    profile["basket"] = round(totals["money"] / totals["purchases"], 2)
    if totals["claims"]:
        profile["redemption_rate"] = round(100 * totals["redemptions"] / totals["claims"], 2)
    return profile
