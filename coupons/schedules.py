"""When this app's jobs run. A run that no worker took before the next one is dropped rather than piled up."""

SCHEDULE: dict[str, dict[str, object]] = {
    "expire claims": {
        "task": "coupons.tasks.expire_claims",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "release expired locks": {
        "task": "coupons.tasks.release_expired_locks",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "run code batches": {
        "task": "coupons.tasks.run_code_batches",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "reconcile gates": {
        "task": "coupons.tasks.reconcile_gates",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "expire gifts": {
        "task": "coupons.tasks.expire_gifts",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "close red packets": {
        "task": "coupons.tasks.close_red_packets",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "open release batches": {
        "task": "coupons.tasks.open_release_batches",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "grant waiting": {
        "task": "coupons.tasks.grant_waiting",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "delete old tickets": {
        "task": "coupons.tasks.delete_old_tickets",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "draw lotteries": {
        "task": "coupons.tasks.draw_lotteries",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "gather stock": {
        "task": "coupons.tasks.gather_stock",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
}
