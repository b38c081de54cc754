"""Celery: every task is idempotent, acknowledged after the work, and given back when a worker is lost."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from celery import Celery
from celery.signals import task_failure, task_success

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")

app = Celery("quan")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["config.kernel", "users", "coupons", "campaigns", "analytics"])


def beat_schedule() -> dict[str, Any]:
    """Returns the entries of every app's `schedules.py`; a name that stands twice is a mistake."""
    entries: dict[str, Any] = {}
    for package in ("config.kernel", "users", "coupons", "campaigns", "analytics"):
        for name, entry in import_module(f"{package}.schedules").SCHEDULE.items():
            if name in entries:
                raise ValueError(f"two beat entries are named {name!r}")
            entries[name] = entry
    return entries


app.conf.beat_schedule = beat_schedule()


@task_success.connect
def _report_success(sender: Any, result: Any, **details: Any) -> None:
    # Models can be read only when the applications are ready.
    from config.kernel.clock import database_now
    from config.kernel.job_reports import note_success

    job = _job_of(sender)
    if job is not None:
        note_success(job=job, done=result if isinstance(result, int) else 0, now=database_now())


@task_failure.connect
def _report_failure(sender: Any, **details: Any) -> None:
    from config.kernel.clock import database_now
    from config.kernel.job_reports import note_failure

    job = _job_of(sender)
    if job is not None:
        note_failure(job=job, now=database_now())


def _job_of(task: Any) -> str | None:
    entries: dict[str, dict[str, Any]] = app.conf.beat_schedule
    return next((name for name, entry in entries.items() if entry["task"] == task.name), None)
