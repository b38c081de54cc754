from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel.clock import database_now
from config.kernel.progress import progress_steps
from coupons.selectors.codes import rows_waiting
from coupons.services.code_batches import code_batches_run


class Command(BaseCommand):
    help = "Goes on with the batches of codes that are not done, such as after a crash."

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_steps(label="codes", total=rows_waiting(), unit="row") as progressed:
            finished = code_batches_run(now=database_now(), progressed=progressed)
        self.stdout.write(f"Finished {finished} rows.")
