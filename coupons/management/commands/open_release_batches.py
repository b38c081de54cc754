from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.models import ReleaseBatch
from coupons.services.release_batches import release_batches_open_due


class Command(BaseCommand):
    help = "Opens the slices of stock whose time has come."

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        due = ReleaseBatch.objects.due(now).count()
        with progress_steps(label="release batches", total=due, unit="batch") as progressed:
            opened = release_batches_open_due(now=now, progressed=progressed)
        self.stdout.write(f"Opened {opened} release batches.")
