from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.models import Lottery
from coupons.services.lotteries import draw_lotteries


class Command(BaseCommand):
    help = (
        "Fixes the entries of lotteries that have closed, and draws those whose entries were fixed by an earlier run. "
        "Tries prizes again that could not be handed out."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        due = Lottery.objects.due(now).count()
        with progress_steps(label="lotteries", total=due, unit="lottery") as progressed:
            drawn = draw_lotteries(now=now, progressed=progressed)
        self.stdout.write(f"Drew {drawn} lotteries.")
