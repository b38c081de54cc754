"""Waking a worker: a courtesy that may be lost, since the beat's next round finds whatever is left to do."""

from __future__ import annotations

from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError as BrokerAway

logger = structlog.get_logger(__name__)


def wake_on_commit(task: str, *arguments: Any) -> None:
    """Sends a task once the open transaction is committed, at once without one; a broker that is away is no error.

    Args:
        task: its full name.
    """

    def send() -> None:
        try:
            current_app.send_task(task, args=list(arguments), retry=False)
        except (BrokerAway, OSError) as error:
            logger.warning("task_waits_for_beat", task=task, arguments=arguments, reason=type(error).__name__)

    transaction.on_commit(send)
