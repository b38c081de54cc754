"""Celery: every task is idempotent, acknowledged after the work, and given back when a worker is lost."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")

app = Celery("quan")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["config.kernel", "users", "coupons", "campaigns", "analytics"])


def beat_schedule() -> dict[str, Any]:
    """Returns the entries of every app's `schedules.py`; a name that stands twice is a mistake."""
    entries: dict[str, Any] = {}
    for package in ("config.kernel", "users", "coupons", "campaigns", "analytics"):
        for name, entry in import_module(f"{package}.schedules").SCHEDULE.items():
            if name in entries:
                raise ValueError(f"two beat entries are named {name!r}")
            entries[name] = entry
    return entries


app.conf.beat_schedule = beat_schedule()
