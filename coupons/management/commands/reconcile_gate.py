from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.services.gate_reconciling import reconcile_gates


class Command(BaseCommand):
    help = "Compares what Redis knows of hot coupons with the database and puts it right."

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_steps(label="gates", unit="coupon") as progressed:
            drift = reconcile_gates(now=database_now(), progressed=progressed)
        self.stdout.write(
            f"Repaired {drift.total} differences: {drift.sold_out} coupons wrongly sold out, {drift.too_many} shoppers "
            f"with too many claims, {drift.too_few} with too few, {drift.full_days} days wrongly full."
        )
