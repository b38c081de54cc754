"""What is measured: the jobs of a night, in its order, and how long each is waited for."""

from __future__ import annotations

from collections.abc import Callable

from analytics.enums import RunState
from analytics.jobs.allocation import run_allocations
from analytics.jobs.recommendation import run_recommendation
from analytics.jobs.response import run_response
from analytics.jobs.segmentation import run_segmentation
from analytics.jobs.stock_forecast import run_stock_forecast
from analytics.jobs.timing import run_timing
from analytics.models import Run
from benchmarks.nightly import bare
from benchmarks.nightly.names import (
    ALLOCATION,
    BARE,
    FORECAST,
    RECOMMENDATION,
    RESPONSE,
    SEED,
    SEGMENTATION,
    TIMING,
)
from config.kernel.clock import database_now


def measured(name: str) -> Callable[[], None]:
    """Returns what is measured under a name.

    It raises `SystemExit` when the job had nothing to publish: that would be fast for a bad reason.
    """
    return _MEASURES[name]


def _published(*runs: Run) -> None:
    for run in runs:
        if run.state != RunState.PUBLISHED:
            raise SystemExit(f"nothing was published: {run.reason}")
    if not runs:
        raise SystemExit("nothing was run")


_MEASURES: dict[str, Callable[[], None]] = {
    SEGMENTATION: lambda: _published(run_segmentation(now=database_now(), seed=SEED)),
    SEGMENTATION + BARE: bare.segmentation,
    RECOMMENDATION: lambda: _published(run_recommendation(now=database_now(), seed=SEED)),
    RECOMMENDATION + BARE: bare.recommendation,
    ALLOCATION: lambda: _published(*run_allocations(now=database_now())),
    ALLOCATION + BARE: bare.allocation,
    RESPONSE: lambda: _published(run_response(now=database_now(), seed=SEED)),
    RESPONSE + BARE: bare.response,
    TIMING: lambda: _published(run_timing(now=database_now())),
    TIMING + BARE: bare.timing,
    FORECAST: lambda: _published(run_stock_forecast(now=database_now())),
    FORECAST + BARE: bare.forecast,
}
