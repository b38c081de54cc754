from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.enums import WaitingState
from coupons.models import WaitingEntry
from coupons.services.waiting import waiting_grant_due


class Command(BaseCommand):
    help = "Hands returned stock to those who wait for it, in their order."

    def handle(self, *args: Any, **options: Any) -> None:
        waiting = WaitingEntry.objects.filter(state=WaitingState.WAITING).count()
        with progress_steps(label="waiting", total=waiting, unit="shopper") as progressed:
            granted = waiting_grant_due(now=database_now(), progressed=progressed)
        self.stdout.write(f"Granted {granted} claims.")
