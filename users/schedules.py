"""When this app's jobs run."""

from celery.schedules import crontab

SCHEDULE: dict[str, dict[str, object]] = {
    "forget one-time codes": {
        "task": "users.tasks.forget_one_time_codes",
        "schedule": crontab(hour=4, minute=10),
    },
    "write coupon views": {
        "task": "users.tasks.write_coupon_views",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
}
