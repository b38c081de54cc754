from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.models import RedPacket
from coupons.services.red_packets import close_red_packets


class Command(BaseCommand):
    help = "Closes the red packets whose time is over and returns what nobody grabbed."

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        overdue = RedPacket.objects.past_end(now).count()
        with progress_steps(label="red packets", total=overdue, unit="packet") as progressed:
            closed = close_red_packets(now=now, progressed=progressed)
        self.stdout.write(f"Closed {closed} red packets.")
