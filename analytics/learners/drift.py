"""How far what is seen has moved from what was learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

BINS = 10
# Below .1 nothing has moved, from .2 on what was learned may no longer hold: the usual reading of the index.
DRIFT_ALARM = 0.2
# A bin that nobody is in would make the index infinite.
EMPTY_SHARE = 1e-4
# Fewer values than this say more about chance than about drift.
FEWEST_VALUES = 100


@dataclass(frozen=True, slots=True)
class Bins:
    """How one feature was distributed where it was learned from: inner edges, and the share of values in each bin.

    The last share is that of what is no number: a feed that breaks shows as drift.
    """

    edges: Matrix
    shares: Matrix


def bins_of(reference: Matrix, *, bins: int = BINS) -> Bins | None:
    """Returns the bins of the values that were learned from; None for fewer than `FEWEST_VALUES`.

    Edges are quantiles of the reference, so that none of the bins is empty there; values that repeat share one.
    """
    if len(reference) < FEWEST_VALUES:
        return None
    known = reference[np.isfinite(reference)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.zeros(0)
    return Bins(edges=edges, shares=_shares(reference, edges))


def stability_index(before: Bins, seen: Matrix) -> float | None:
    """Returns the population stability index (PSI) of one feature: 0 when it is distributed as it was.

    Returns:
        None for fewer than `FEWEST_VALUES` values.
    """
    if len(seen) < FEWEST_VALUES:
        return None
    now = _shares(seen, before.edges)
    return float(np.sum((now - before.shares) * np.log(now / before.shares)))


def drifted(indices: dict[str, float | None], *, alarm: float = DRIFT_ALARM) -> list[str]:
    """Returns the names of the features whose index reaches the alarm, the worst first."""
    worst = sorted(((index, name) for name, index in indices.items() if index is not None), reverse=True)
    return [name for index, name in worst if index >= alarm]


def centre_moves(centres: Matrix, *, scale: Matrix) -> list[float | None]:
    """Returns how far a centre moved from each point to the next, in standard deviations; None for the first.

    Args:
        centres: one row a night, the oldest first.
        scale: one standard deviation of each coordinate; a coordinate without spread does not count.
    """
    steps = np.diff(centres, axis=0)
    spread = scale > 0
    moves = np.sqrt(np.square(steps[:, spread] / scale[spread]).sum(axis=1))
    return [None, *moves.tolist()] if len(centres) else []


def _shares(values: Matrix, edges: Matrix) -> Matrix:
    known = np.isfinite(values)
    # A value on an edge lies below it: of a feature that is mostly 0, "0" and "more" stay apart.
    counts = np.bincount(np.searchsorted(edges, values[known], side="left"), minlength=len(edges) + 1)
    counts = np.append(counts, np.count_nonzero(~known))
    return np.maximum(counts / len(values), EMPTY_SHARE)
