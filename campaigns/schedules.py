"""When this app's jobs run. A run that no worker took before the next one is dropped rather than piled up."""

SCHEDULE: dict[str, dict[str, object]] = {
    "enqueue reminders": {
        "task": "campaigns.tasks.enqueue_reminders",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "send messages": {
        "task": "campaigns.tasks.send_messages",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "watch stock": {
        "task": "campaigns.tasks.watch_stock",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "expose audiences": {
        "task": "campaigns.tasks.expose_audiences",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "run grants": {
        "task": "campaigns.tasks.run_grants",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "enqueue waiting notes": {
        "task": "campaigns.tasks.enqueue_waiting_notes",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
}
