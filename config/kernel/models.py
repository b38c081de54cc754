"""The one table that all apps share: answers already given, so that a retry gets the same one."""

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
