from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.enums import RunState
from analytics.errors import RunInProgress
from analytics.jobs.timing import run_timing
from analytics.management.moments import moment
from config.kernel.clock import database_now


class Command(BaseCommand):
    help = "Plans at which hour and by which channel each shopper is best reached."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as-of",
            metavar="MOMENT",
            help="look at nothing from here on: 2017-12-31 (its first instant in the shop) or an ISO date and time",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = moment(options["as_of"]) if options["as_of"] else None
        try:
            run = run_timing(now=database_now(), as_of=as_of)
        except RunInProgress as refusal:
            raise CommandError(refusal.sentence) from refusal
        if run.state == RunState.SKIPPED:
            self.stdout.write(self.style.WARNING(f"Nothing published: {run.reason_text}"))
            return
        metrics = run.metrics
        self.stdout.write(
            f"Run {run.pk}: {metrics['shoppers']} plans, {metrics['triggered']} shoppers near to buying, "
            f"{metrics['seconds']} s, {metrics['peak_memory_mib']} MiB."
        )
