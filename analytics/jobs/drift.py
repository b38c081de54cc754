"""Whether the features of tonight are still those that a job began with, and what is kept to know it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import structlog

from analytics.enums import Job
from analytics.learners.drift import FEWEST_VALUES, Bins, Matrix, bins_of, drifted, stability_index
from analytics.learners.purchases import MONTH, Purchases
from analytics.models import Run
from analytics.selectors.runs import last_published

# Compared with the night before, a slow drift would never be seen; compared with last year, every season is one.
REFERENCE_LASTS = timedelta(days=28)
# Tenths of so many are sure to a thousandth.
MOST_ROWS = 20_000
SHOPPING = ("recency_days", "orders", "orders_month", "types")

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Drift:
    """`metrics` go onto the run; `reference` is kept with it, for the nights that follow."""

    metrics: dict[str, Any]
    reference: dict[str, Any]


class InputWatch:
    """Keeps a sample of what a job feeds its model chunk by chunk, and tells at the end whether it has drifted."""

    def __init__(self, run: Run, columns: Sequence[str], *, watched: Sequence[str]) -> None:
        """Watches some of the columns of the matrices to come."""
        self._run, self._features = run, tuple(watched)
        self._columns = [list(columns).index(name) for name in watched]
        self._random = np.random.default_rng(run.seed)
        self._rows, self._lots = np.zeros((0, len(self._features))), np.zeros(0)

    def look(self, values: Matrix) -> None:
        """Takes in one row a shopper; of all rows ever seen each is as likely to be kept as any other."""
        rows = np.concatenate([self._rows, values[:, self._columns]])
        lots = np.concatenate([self._lots, self._random.random(len(values))])
        if len(rows) > MOST_ROWS:
            kept = np.argpartition(lots, MOST_ROWS)[:MOST_ROWS]
            rows, lots = rows[kept], lots[kept]
        self._rows, self._lots = rows, lots

    def metrics(self) -> dict[str, Any]:
        """Returns what goes onto the run; see `drift_note`."""
        return drift_note(self._run, features=self._features, values=self._rows)


def drift_note(run: Run, *, features: Sequence[str], values: Matrix) -> dict[str, Any]:
    """Compares tonight's features with what the last published run of the job kept; what has moved stops nothing.

    Lays the reference for the next nights upon the run, which has to be finished with it.

    Returns:
        what goes onto the run's figures.
    """
    last = last_published(Job(run.job))
    reference = last.artefact.get("reference") if last is not None else None
    if len(values) < FEWEST_VALUES:
        # A night with nobody to look at is no new beginning.
        run.artefact = {**run.artefact, "reference": reference}
        return {}
    drift = drift_since(reference, features=features, values=values, as_of=run.window_end)
    if drift.metrics.get("drift_alarm"):
        logger.warning("features_drifted", job=run.job, run=run.pk, features=drift.metrics["drift_alarm"])
    run.artefact = {**run.artefact, "reference": drift.reference}
    return drift.metrics


def shopping_drift_note(run: Run, purchases: Iterable[Purchases], *, day: float) -> dict[str, Any]:
    """The same for jobs that learn from what shoppers bought.

    Args:
        day: the end of the window, in days since 1970.
    """
    parts = [_shopping(part, day) for part in purchases]
    values = np.concatenate(parts) if parts else np.zeros((0, len(SHOPPING)))
    return drift_note(run, features=SHOPPING, values=values)


def _shopping(purchases: Purchases, day: float) -> Matrix:
    count = len(purchases.shopper_ids)
    last = np.full(count, -np.inf)
    np.maximum.at(last, purchases.shopper, purchases.day)
    # One row an order, whatever number of types it has.
    _, firsts = np.unique(purchases.order, return_index=True)
    buyers, days = purchases.shopper[firsts], purchases.day[firsts]
    lately = np.bincount(buyers[days >= day - MONTH], minlength=count)
    types = np.count_nonzero(purchases.bought(), axis=1)
    return np.column_stack([day - last, np.bincount(buyers, minlength=count), lately, types]).astype(np.float64)


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
