from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from campaigns.selectors.grants import shoppers_still_to_see
from campaigns.services.grants import grants_run
from config.kernel.clock import database_now
from config.kernel.progress import progress_steps


class Command(BaseCommand):
    help = "Goes on with the grants that are not done, such as after a crash."

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_steps(label="grants", total=shoppers_still_to_see(), unit="shopper") as progressed:
            seen = grants_run(clock=database_now, seconds=None, progressed=progressed)
        self.stdout.write(f"Went through {seen} shoppers.")
