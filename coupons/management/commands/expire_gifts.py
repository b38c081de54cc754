from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.models import Gift
from coupons.services.gifts import expire_gifts


class Command(BaseCommand):
    help = "Gives coupons back whose gift nobody accepted in time."

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        overdue = Gift.objects.past_expiry(now).count()
        with progress_steps(label="gifts", total=overdue, unit="gift") as progressed:
            expired = expire_gifts(now=now, progressed=progressed)
        self.stdout.write(f"Gave {expired} coupons back.")
