"""When this app's jobs run, in the shop's time zone."""

from celery.schedules import crontab

SCHEDULE = {
    "segment shoppers": {
        "task": "analytics.tasks.run_segmentation",
        "schedule": crontab(hour=3, minute=10),
    },
    "score coupons": {
        "task": "analytics.tasks.run_response",
        "schedule": crontab(hour=3, minute=40),
    },
    "plan contacts": {
        "task": "analytics.tasks.run_timing",
        "schedule": crontab(hour=4, minute=10),
    },
}
