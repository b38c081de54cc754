from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from campaigns.services.stock_watch import stock_watch
from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.selectors.low_stock import coupons_to_watch


class Command(BaseCommand):
    help = "Does what the stock policies of coupons that run low ask for."

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        with progress_steps(label="low stock", total=coupons_to_watch(now=now).count(), unit="coupon") as progressed:
            told = stock_watch(now=now, progressed=progressed)
        self.stdout.write(f"Told operators of {told} coupons.")
