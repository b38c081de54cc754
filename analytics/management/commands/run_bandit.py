from __future__ import annotations

from typing import Any

from analytics.enums import Job
from analytics.jobs.bandit import run_bandit
from analytics.management.nightly import NightlyCommand
from analytics.models import Run


class Command(NightlyCommand):
    help = "Measures what variants brought in, and publishes how often each is drawn from now on."
    job = Job.BANDIT
    looks_back = False

    def start(self, **arguments: Any) -> Run:
        return run_bandit(**arguments)

    def tell(self, run: Run) -> None:
        self.stdout.write(f"Run {run.pk}: {run.metrics['measured']} decisions measured.")

    def tell_skipped(self, run: Run) -> None:
        self.tell(run)
        super().tell_skipped(run)
