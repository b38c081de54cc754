from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.services.expiry import release_expired_locks


class Command(BaseCommand):
    help = "Releases the orders that were not paid in time, so that their claims can be used again."

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_steps(label="locks", unit="order") as progressed:
            released = release_expired_locks(now=database_now(), progressed=progressed)
        self.stdout.write(f"Released {released} orders.")
