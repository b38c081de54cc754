from __future__ import annotations

from typing import Any

from analytics.enums import Job
from analytics.jobs.timing import run_timing
from analytics.management.nightly import NightlyCommand
from analytics.models import Run


class Command(NightlyCommand):
    help = "Plans at which hour and by which channel each shopper is best reached."
    job = Job.TIMING

    def start(self, **arguments: Any) -> Run:
        return run_timing(**arguments)

    def tell(self, run: Run) -> None:
        metrics = run.metrics
        self.stdout.write(
            f"Run {run.pk}: {metrics['shoppers']} plans, {metrics['triggered']} shoppers near to buying, "
            f"{metrics['seconds']} s, {metrics['peak_memory_mib']} MiB."
        )
