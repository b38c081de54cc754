"""Doing what was asked for a plan: in a worker, once, and noticed when the worker is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from analytics.enums import RequestKind, RequestState, RunReason, RunState
from analytics.errors import RunInProgress
from analytics.jobs.allocation import dry_run, run_allocation
from analytics.jobs.allocation_decision import NotPossible
from analytics.jobs.exclusive import exclusively
from analytics.models import PlanRequest

# The lock of whoever does requests.
REQUESTS = "plan requests"

logger = structlog.get_logger(__name__)


def plan_request_run(*, request_id: int, clock: Callable[[], datetime]) -> int:
    """Does what one request asks, unless somebody else does or did; returns how many it did.

    One worker at a time does requests, however many are asked for: they take minutes, and other work waits for workers
    too. While another one does, and while the night's allocation runs, the request waits; the beat's next round tries
    again. An unexpected error is written to the request and raised.
    """
    try:
        with exclusively(REQUESTS):
            return _take(request_id, clock)
    except RunInProgress:
        return 0


def plan_requests_run(*, clock: Callable[[], datetime]) -> int:
    """Does what waits, and closes what a worker left behind when it died; returns how many it did."""
    try:
        with exclusively(REQUESTS):
            _close_abandoned(clock)
            waiting = PlanRequest.objects.filter(state=RequestState.WAITING).order_by("pk")
            return sum(_take(request_id, clock) for request_id in waiting.values_list("pk", flat=True))
    except RunInProgress:
        # Another worker does them, and lives.
        return 0


def _take(request_id: int, clock: Callable[[], datetime]) -> int:
    waiting = PlanRequest.objects.filter(pk=request_id, state=RequestState.WAITING)
    if not waiting.update(state=RequestState.RUNNING, started_at=clock()):
        return 0
    return _do(PlanRequest.objects.select_related("plan__campaign__budget").get(pk=request_id), clock)


def _do(request: PlanRequest, clock: Callable[[], datetime]) -> int:
    try:
        if request.kind == RequestKind.DRY_RUN:
            _finish(request, RequestState.DONE, clock, result=dry_run(plan=request.plan, now=clock()))
        else:
            run = run_allocation(plan=request.plan, now=clock())
            state = RequestState.DONE if run.state == RunState.PUBLISHED else RequestState.REFUSED
            _finish(request, state, clock, reason=run.reason, run=run)
    except NotPossible as refusal:
        _finish(request, RequestState.REFUSED, clock, reason=refusal.reason.value)
    except RunInProgress:
        PlanRequest.objects.filter(pk=request.pk).update(state=RequestState.WAITING, started_at=None)
        return 0
    except Exception as error:
        _finish(request, RequestState.FAILED, clock, reason=f"{type(error).__name__}: {error}"[:200])
        raise
    return 1


def _close_abandoned(clock: Callable[[], datetime]) -> None:
    """Closes requests whose worker is gone: while this one holds the lock, no other does any."""
    left = PlanRequest.objects.filter(state=RequestState.RUNNING)
    if closed := left.update(state=RequestState.FAILED, reason=RunReason.INTERRUPTED, finished_at=clock()):
        logger.warning("plan requests abandoned", requests=closed)


def _finish(request: PlanRequest, state: RequestState, clock: Callable[[], datetime], **fields: Any) -> None:
    PlanRequest.objects.filter(pk=request.pk).update(state=state, finished_at=clock(), **fields)
