"""When this app's jobs run."""

from celery.schedules import crontab

SCHEDULE = {
    "forget one-time codes": {
        "task": "users.tasks.forget_one_time_codes",
        "schedule": crontab(hour=4, minute=10),
    },
}
