"""When this app's jobs run, in the shop's time zone."""

from celery.schedules import crontab

SCHEDULE = {
    "segment shoppers": {
        "task": "analytics.tasks.run_segmentation",
        "schedule": crontab(hour=3, minute=10),
    },
    # After the segments, which newcomers' lists are made from.
    "recommend coupons": {
        "task": "analytics.tasks.run_recommendation",
        "schedule": crontab(hour=3, minute=40),
    },
}
