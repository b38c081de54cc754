from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from campaigns.models import Message
from campaigns.services.sending import messages_send_due
from config.kernel.clock import database_now
from config.kernel.progress import progress_steps

EVERYTHING = 2**31 - 1


class Command(BaseCommand):
    help = "Sends the messages that are due."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--limit", type=int, default=EVERYTHING, help="send at most so many")

    def handle(self, *args: Any, limit: int, **options: Any) -> None:
        now = database_now()
        due = min(limit, Message.objects.due(now).count())
        with progress_steps(label="messages", total=due, unit="message") as progressed:
            result = messages_send_due(now=now, limit=limit, progressed=progressed)
        self.stdout.write(
            f"Sent {result.sent}, no longer needed {result.cancelled}, to try again {result.postponed}, "
            f"given up {result.failed}."
        )
        if result.is_channel_down:
            self.stderr.write("The mail server cannot be reached; the messages wait for the next run.")
