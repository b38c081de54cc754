from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.errors import RunInProgress
from analytics.jobs.stock_forecast import run_stock_forecast
from config.kernel.clock import database_now


class Command(BaseCommand):
    help = "Forecasts claims, uses and stock of every live coupon with a limit; shown on the coupon's page."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = run_stock_forecast(now=database_now())
        except RunInProgress as refusal:
            raise CommandError(refusal.sentence) from refusal
        metrics = run.metrics
        self.stdout.write(
            f"Run {run.pk}: {metrics['coupons']} coupons, {metrics['running_out']} of them run out within four weeks, "
            f"{metrics['seconds']} s, {metrics['peak_memory_mib']} MiB."
        )
