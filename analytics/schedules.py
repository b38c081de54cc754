"""When this app's jobs run, in the shop's time zone."""

from celery.schedules import crontab

SCHEDULE = {
    "segment shoppers": {
        "task": "analytics.tasks.run_segmentation",
        "schedule": crontab(hour=3, minute=10),
    },
    "watch fairness": {
        "task": "analytics.tasks.watch_fairness",
        "schedule": crontab(hour=4, minute=20),
    },
}
