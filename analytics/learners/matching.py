"""Which of tonight's clusters is which of last night's."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from analytics.learners.scaling import Matrix

# In standard deviations: about half the distance between neighbouring clusters of real shoppers.
FARTHEST_DRIFT = 1.0


def match_centres(centres: Matrix, earlier: Matrix, *, farthest: float = FARTHEST_DRIFT) -> list[int | None]:
    """Returns for each centre the index of the earlier one that it continues, or None for a new cluster.

    Each earlier centre is continued at most once; in total the pairs lie as near as possible (Hungarian method).

    Args:
        centres: tonight's, one row a cluster.
        earlier: last night's, in the same units as `centres`.
        farthest: the largest distance between a centre and its continuation.
    """
    matches: list[int | None] = [None] * len(centres)
    if not len(centres) or not len(earlier):
        return matches
    distances = cdist(centres, earlier)
    # A pair beyond the limit costs as much as any other such pair, so that it never displaces a true one.
    costs = np.where(distances <= farthest, distances, farthest * 1000)
    for new, old in zip(*linear_sum_assignment(costs), strict=True):
        if distances[new, old] <= farthest:
            matches[int(new)] = int(old)
    return matches
