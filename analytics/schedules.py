"""When this app's jobs run, in the shop's time zone."""

from celery.schedules import crontab

SCHEDULE = {
    "segment shoppers": {
        "task": "analytics.tasks.run_segmentation",
        "schedule": crontab(hour=3, minute=10),
    },
    # After the segments, whose floors it keeps.
    "allocate coupons": {
        "task": "analytics.tasks.run_allocations",
        "schedule": crontab(hour=4, minute=10),
    },
}
