"""The life of a run: started once, finished once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from analytics.code_version import code_version
from analytics.enums import Job, RunReason, RunState
from analytics.models import Run
from analytics.selectors.windows import Window


def run_start(*, job: Job, window: Window, seed: int, parameters: dict[str, Any], now: datetime) -> Run:
    """Writes down that a job begins, before it does anything else."""
    return Run.objects.create(
        job=job,
        window_start=window.start,
        window_end=window.end,
        seed=seed,
        code_version=code_version(),
        parameters={**parameters, "window_ends_with": window.ends_with.value},
        started_at=now,
    )


def run_finish(
    *,
    run: Run,
    state: RunState,
    now: datetime,
    reason: str = "",
    metrics: dict[str, Any] | None = None,
    artefact: dict[str, Any] | None = None,
) -> Run:
    """Writes down how a run ended.

    Args:
        reason: a `RunReason`, or the message of an unexpected error.
        artefact: None for what the job has laid upon the run meanwhile.
    """
    run.state = state
    run.reason = reason[:200]
    run.metrics = metrics or {}
    if artefact is not None:
        run.artefact = artefact
    run.finished_at = now
    run.save(update_fields=["state", "reason", "metrics", "artefact", "finished_at"])
    return run


def runs_mark_interrupted(*, job: Job, now: datetime) -> int:
    """Marks runs that never finished as failed; call it only while holding the job's lock."""
    return Run.objects.filter(job=job, state=RunState.RUNNING).update(
        state=RunState.FAILED, reason=RunReason.INTERRUPTED, finished_at=now
    )
