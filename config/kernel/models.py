"""The tables that all apps share: answers already given, and what became of the jobs."""

from __future__ import annotations

from django.db import models


class IdempotencyRecord(models.Model):
    """The stored answer to a write, under the caller's own key.

    It is inserted in the transaction of the write itself: either both exist after a crash or neither.
    """

    caller = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="kernel_idempotency_caller_key")]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"


class JobReport(models.Model):
    """What became of one job: a row that is overwritten by each run, so that a page of metrics can be read from it.

    Worker and beat have no such page of their own. `done` is what the job's runs have returned in all; `figures`
    are what it found the last time, at `figures_at`.
    """

    job = models.CharField(max_length=80, primary_key=True)
    succeeded_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    runs = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0)
    done = models.PositiveBigIntegerField(default=0)
    figures = models.JSONField(default=dict)
    figures_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.job
