"""What became of background jobs, kept in the database: their processes have no page of metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F

from config.kernel.models import JobReport

logger = structlog.get_logger(__name__)


def note_success(*, job: str, done: int, now: datetime) -> None:
    """Notes that a run of a job ended well.

    Args:
        job: the name of its beat entry.
        done: how much it did, as it returned it.
    """
    _change(job, succeeded_at=now, runs=F("runs") + 1, done=F("done") + done)


def note_failure(*, job: str, now: datetime) -> None:
    """Notes that a run of a job raised."""
    _change(job, failed_at=now, failures=F("failures") + 1)


def note_figures(*, job: str, figures: Mapping[str, int], now: datetime) -> None:
    """Keeps what a job found, in place of what it found before."""
    _change(job, figures=dict(figures), figures_at=now)


def note_more(*, job: str, numbers: Mapping[str, int], now: datetime) -> None:
    """Adds to the figures of a job that runs all the time, in any number of processes.

    Raises:
        DatabaseError, InterfaceError: they were not added.
    """
    with transaction.atomic():
        JobReport.objects.bulk_create([JobReport(job=job)], ignore_conflicts=True)
        report = JobReport.objects.select_for_update().get(job=job)
        for name, number in numbers.items():
            report.figures[name] = report.figures.get(name, 0) + number
        report.figures_at = now
        report.save(update_fields=["figures", "figures_at"])


def _change(job: str, **values: object) -> None:
    # A job whose report is lost has still done its work.
    try:
        with transaction.atomic():
            if not JobReport.objects.filter(job=job).update(**values):
                JobReport.objects.bulk_create([JobReport(job=job)], ignore_conflicts=True)
                JobReport.objects.filter(job=job).update(**values)
    except DatabaseError:
        logger.exception("job_not_reported", job=job)
