"""Background work; each task may run twice or beside itself without harm."""

from __future__ import annotations

from celery import shared_task

from campaigns.services.audience_exposures import audiences_expose
from campaigns.services.grants import grant_run, grants_run
from campaigns.services.reminders import reminders_enqueue
from campaigns.services.sending import messages_send_due
from campaigns.services.stock_watch import stock_watch
from campaigns.services.waiting_notes import waiting_notes_enqueue
from config.kernel.clock import database_now


@shared_task
def enqueue_reminders() -> int:
    """Writes the reminders that are due; returns how many claims were reminded of."""
    return reminders_enqueue(now=database_now())


@shared_task
def send_messages() -> int:
    """Sends the messages that are due; returns how many were sent."""
    return messages_send_due(now=database_now()).sent


@shared_task
def watch_stock() -> int:
    """Does what the policies of coupons that run low ask for; returns how many times operators were told."""
    return stock_watch(now=database_now())


@shared_task
def expose_audiences() -> int:
    """Logs whom running campaigns with a holdout are meant for; returns how many were new."""
    return audiences_expose(now=database_now())


@shared_task
def enqueue_waiting_notes() -> int:
    """Tells those who got a coupon from a waiting list; returns how many."""
    return waiting_notes_enqueue(now=database_now())


@shared_task
def run_grant(grant_id: int) -> int:
    """Hands a grant's coupons out for a while and wakes the next run; returns how many shoppers it went through."""
    return grant_run(grant_id=grant_id, clock=database_now)


@shared_task
def run_grants() -> int:
    """Goes on with grants that no worker heard of, that a crash left behind or whose time has come."""
    return grants_run(clock=database_now)
