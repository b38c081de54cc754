from __future__ import annotations

from collections.abc import Callable

import structlog
from celery import shared_task

from analytics.errors import RunInProgress
from analytics.jobs import (
    allocation,
    bandit,
    plan_requests,
    recommendation,
    response,
    segmentation,
    stock_forecast,
    timing,
)
from analytics.services.fairness import fairness_watch
from config.kernel.clock import database_now

logger = structlog.get_logger(__name__)


@shared_task
def run_segmentation() -> int | None:
    """Segments the shoppers; returns the run's id, or None when another run has not finished."""
    return _unless_running(lambda: segmentation.run_segmentation(now=database_now()).pk)


@shared_task
def run_recommendation() -> int | None:
    """Lists the coupons that suit each shopper; returns the run's id, or None when another run has not finished."""
    return _unless_running(lambda: recommendation.run_recommendation(now=database_now()).pk)


@shared_task
def run_response() -> int | None:
    """Scores coupons by probability and value; returns the run's id, or None when another run has not finished."""
    return _unless_running(lambda: response.run_response(now=database_now()).pk)


@shared_task
def run_timing() -> int | None:
    """Plans when and how to reach each shopper; returns the run's id, or None when another run has not finished."""
    return _unless_running(lambda: timing.run_timing(now=database_now()).pk)


@shared_task
def run_allocations() -> int | None:
    """Sets coupons aside for shoppers; returns for how many plans, or None when another run has not finished."""
    return _unless_running(lambda: len(allocation.run_allocations(now=database_now())))


@shared_task
def run_plan_request(request_id: int) -> int:
    """Tries or decides on a plan as somebody asked; returns how many requests it did."""
    return plan_requests.plan_request_run(request_id=request_id, clock=database_now)


@shared_task
def run_plan_requests() -> int:
    """Does what was asked of plans and no worker heard of, or left behind; returns how many requests it did."""
    return plan_requests.plan_requests_run(clock=database_now)


@shared_task
def watch_fairness() -> int:
    """Keeps how fairly discounts are spread, once a day, and tells of alarms; returns how many snapshots it made."""
    return int(fairness_watch(now=database_now()) is not None)


@shared_task
def run_stock_forecast() -> int | None:
    """Forecasts stock; returns the run's id, or None when another run has not finished."""
    return _unless_running(lambda: stock_forecast.run_stock_forecast(now=database_now()).pk)


@shared_task
def run_bandit() -> int | None:
    """Measures decisions and publishes shares; returns the run's id, or None when another run has not finished."""
    return _unless_running(lambda: bandit.run_bandit(now=database_now()).pk)


def _unless_running(run: Callable[[], int]) -> int | None:
    try:
        return run()
    except RunInProgress as refusal:
        # A message delivered twice, or somebody's run by hand: the other one does the work.
        logger.warning("nightly job not started", reason=refusal.sentence)
        return None
