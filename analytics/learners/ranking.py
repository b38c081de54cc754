"""How good a ranking is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def ndcg_at(scores: NDArray[Any], relevant: NDArray[np.bool_], *, k: int = 10) -> Floats:
    """Returns the normalised discounted cumulative gain at k of each row (Järvelin & Kekäläinen 2002).

    A hit at place i counts 1 / log2(i + 1); the sum is divided by that of the best possible list. Ties go to the
    earlier column.

    Args:
        scores: rows × things; -inf for a thing that may not be recommended.
        relevant: the same shape.

    Returns:
        one figure a row, between 0 and 1; NaN for a row in which nothing is relevant.
    """
    k = min(k, scores.shape[1])
    if not len(scores):
        return np.zeros(0)
    # A stable order of everything only among those that can be in the list.
    bounds = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
    contenders = np.where(scores >= bounds, scores, -np.inf)
    best = np.argsort(-contenders, axis=1, kind="stable")[:, :k]
    gains = 1.0 / np.log2(np.arange(2, k + 2))
    hits = np.take_along_axis(relevant & np.isfinite(scores), best, axis=1)
    wanted = np.minimum(relevant.sum(axis=1), k)
    ideal = np.append(0.0, np.cumsum(gains))[wanted]
    figures: Floats = np.full(len(scores), np.nan)
    np.divide(hits @ gains, ideal, out=figures, where=wanted > 0)
    return figures
