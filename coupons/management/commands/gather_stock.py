from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.services.stock_heat import stock_gather_cold


class Command(BaseCommand):
    help = "Puts the stock of coupons that nobody wants any more back into one row each."

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_steps(label="stock", unit="coupon") as progressed:
            gathered = stock_gather_cold(now=database_now(), progressed=progressed)
        self.stdout.write(f"Gathered the stock of {gathered} coupons.")
