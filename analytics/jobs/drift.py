"""Whether the features of tonight are still those that a job began with, and what is kept to know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from analytics.learners.drift import Bins, Matrix, bins_of, drifted, stability_index

# Compared with the night before, a slow drift would never be seen; compared with last year, every season is one.
REFERENCE_LASTS = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Drift:
    """`metrics` go onto the run; `reference` is kept with it, for the nights that follow."""

    metrics: dict[str, Any]
    reference: dict[str, Any]


def drift_since(
    reference: Mapping[str, Any] | None, *, features: Sequence[str], values: Matrix, as_of: datetime
) -> Drift:
    """Compares each feature with the reference, by the population stability index.

    Args:
        reference: what the last run kept; None, or of other features, for a new beginning. One that is older than
            `REFERENCE_LASTS` is compared with for the last time and then renewed.
        values: one row a shopper, one column a feature.
    """
    tonight = {name: bins_of(values[:, column]) for column, name in enumerate(features)}
    fresh = {
        "as_of": as_of.isoformat(),
        "bins": {
            name: {"edges": bins.edges.tolist(), "shares": bins.shares.tolist()}
            for name, bins in tonight.items()
            if bins is not None
        },
    }
    known = reference.get("bins", {}) if reference is not None else {}
    if reference is None or set(known) != set(features):
        return Drift(metrics={}, reference=fresh)
    indices = {name: stability_index(_bins(known[name]), values[:, column]) for column, name in enumerate(features)}
    metrics = {
        "drift": {name: round(index, 4) for name, index in indices.items() if index is not None},
        "drift_alarm": drifted(indices),
        "drift_since": reference["as_of"],
    }
    is_old = as_of - datetime.fromisoformat(reference["as_of"]) >= REFERENCE_LASTS
    return Drift(metrics=metrics, reference=fresh if is_old else dict(reference))


def _bins(kept: Mapping[str, Sequence[float]]) -> Bins:
    return Bins(edges=np.array(kept["edges"], dtype=np.float64), shares=np.array(kept["shares"], dtype=np.float64))
