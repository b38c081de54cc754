"""Background work; each task may run twice or beside itself without harm."""

from __future__ import annotations

from celery import shared_task

from campaigns.services.reminders import reminders_enqueue
from campaigns.services.sending import messages_send_due
from config.kernel.clock import database_now


@shared_task
def enqueue_reminders() -> int:
    """Writes the reminders that are due; returns how many claims were reminded of."""
    return reminders_enqueue(now=database_now())


@shared_task
def send_messages() -> int:
    """Sends the messages that are due; returns how many were sent."""
    return messages_send_due(now=database_now()).sent
