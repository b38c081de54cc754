"""Background work; each task may run twice or beside itself without harm."""

from __future__ import annotations

from celery import shared_task

from config.kernel.clock import database_now
from coupons.services import expiry


@shared_task
def expire_claims() -> int:
    """Expires claims whose time is over; returns how many."""
    return expiry.expire_claims(now=database_now())


@shared_task
def release_expired_locks() -> int:
    """Releases orders that were not paid in time; returns how many."""
    return expiry.release_expired_locks(now=database_now())
