from __future__ import annotations

from typing import Any

from analytics.enums import Job
from analytics.jobs.stock_forecast import run_stock_forecast
from analytics.management.nightly import NightlyCommand
from analytics.models import Run


class Command(NightlyCommand):
    help = "Forecasts claims, uses, stock and budgets of live coupons with a limit, and what shelves will sell."
    job = Job.FORECAST
    looks_back = False
    can_be_missing = True

    def start(self, **arguments: Any) -> Run:
        return run_stock_forecast(**arguments)

    def tell(self, run: Run) -> None:
        metrics = run.metrics
        self.stdout.write(
            f"Run {run.pk}: {metrics['coupons']} coupons, {metrics['running_out']} of them run out within four weeks, "
            f"{metrics['seconds']} s, {metrics['peak_memory_mib']} MiB."
        )
