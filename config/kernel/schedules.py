"""When the shared jobs run."""

from celery.schedules import crontab

SCHEDULE = {
    "purge idempotency records": {
        "task": "config.kernel.tasks.purge_idempotency_records",
        "schedule": crontab(hour=4, minute=20),
    },
}
