"""When this app's jobs run, in the shop's time zone."""

from celery.schedules import crontab

SCHEDULE: dict[str, dict[str, object]] = {
    "segment shoppers": {
        "task": "analytics.tasks.run_segmentation",
        "schedule": crontab(hour=3, minute=10),
    },
    # After the segments, which newcomers' lists are made from.
    "recommend coupons": {
        "task": "analytics.tasks.run_recommendation",
        "schedule": crontab(hour=3, minute=40),
    },
    "score coupons": {
        "task": "analytics.tasks.run_response",
        "schedule": crontab(hour=3, minute=40),
    },
    # After the segments, whose floors it keeps.
    "allocate coupons": {
        "task": "analytics.tasks.run_allocations",
        "schedule": crontab(hour=4, minute=10),
    },
    "go on with requests for plans": {
        "task": "analytics.tasks.run_plan_requests",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "plan contacts": {
        "task": "analytics.tasks.run_timing",
        "schedule": crontab(hour=4, minute=10),
    },
    "watch fairness": {
        "task": "analytics.tasks.watch_fairness",
        "schedule": crontab(hour=4, minute=20),
    },
    # After midnight's claims are over, and before the day begins.
    "forecast stock": {
        "task": "analytics.tasks.run_stock_forecast",
        "schedule": crontab(hour=4, minute=40),
    },
    "draw variants": {
        "task": "analytics.tasks.run_bandit",
        "schedule": crontab(hour=5, minute=10),
    },
}
