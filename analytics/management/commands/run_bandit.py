from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.enums import RunState
from analytics.errors import RunInProgress
from analytics.jobs.bandit import run_bandit
from config.kernel.clock import database_now


class Command(BaseCommand):
    help = "Measures what variants brought in, and publishes how often each is drawn from now on."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = run_bandit(now=database_now())
        except RunInProgress as refusal:
            raise CommandError(refusal.sentence) from refusal
        self.stdout.write(f"Run {run.pk}: {run.metrics['measured']} decisions measured.")
        if run.state == RunState.SKIPPED:
            self.stdout.write(self.style.WARNING(f"Nothing published: {run.reason_text}"))
