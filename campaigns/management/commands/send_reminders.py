from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from campaigns.selectors.reminders import reminders_due_count
from campaigns.services.reminders import reminders_enqueue
from config.kernel.clock import database_now
from config.kernel.progress import progress_steps


class Command(BaseCommand):
    help = "Writes the reminders of coupons that expire soon; send_messages then sends the e-mails among them."

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        with progress_steps(label="reminders", total=reminders_due_count(now=now), unit="claim") as progressed:
            reminded = reminders_enqueue(now=now, progressed=progressed)
        self.stdout.write(f"Reminded of {reminded} claims.")
