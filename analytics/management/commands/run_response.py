from __future__ import annotations

from typing import Any

from analytics.enums import Job
from analytics.jobs.response import DEFAULT_SEED, run_response
from analytics.management.nightly import NightlyCommand
from analytics.models import Run


class Command(NightlyCommand):
    help = "Learns who uses which coupon, and scores the coupons of campaigns that run or come next."
    job = Job.RESPONSE
    default_seed = DEFAULT_SEED

    def start(self, **arguments: Any) -> Run:
        return run_response(**arguments)

    def tell(self, run: Run) -> None:
        metrics = run.metrics
        self.stdout.write(
            f"Run {run.pk}: {metrics['outcome']}; {metrics['scores']} scores, "
            f"{metrics['seconds']} s, {metrics['peak_memory_mib']} MiB."
        )
        for key, expected in metrics["expected_redemptions"].items():
            self.stdout.write(f"  {key}: {expected} redemptions expected")
