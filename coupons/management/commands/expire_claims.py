from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.models import Claim
from coupons.services.expiry import expire_claims


class Command(BaseCommand):
    help = "Expires the claims whose time is over."

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        overdue = Claim.objects.past_expiry(now).count()
        with progress_steps(label="expiry", total=overdue, unit="claim") as progressed:
            expired = expire_claims(now=now, progressed=progressed)
        self.stdout.write(f"Expired {expired} claims.")
