from __future__ import annotations

from celery import shared_task

from config.kernel.clock import database_now
from config.kernel.idempotency import delete_old_records


@shared_task
def purge_idempotency_records() -> int:
    """Deletes stored answers that nobody retries any more; returns how many."""
    return delete_old_records(now=database_now())
