"""Background work; each task may run twice or beside itself without harm."""

from __future__ import annotations

from celery import shared_task

from config.kernel.clock import database_now
from users.services.one_time_codes import one_time_codes_forget
from users.services.views import coupon_views_write


@shared_task
def forget_one_time_codes() -> int:
    """Deletes codes that are long over; returns how many."""
    return one_time_codes_forget(now=database_now())


@shared_task
def write_coupon_views() -> int:
    """Writes down which coupons shoppers looked at; returns how many views are new."""
    return coupon_views_write(now=database_now())
