from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.enums import RunState
from analytics.errors import RunInProgress
from analytics.jobs.response import DEFAULT_SEED, run_response
from analytics.management.moments import moment
from config.kernel.clock import database_now


class Command(BaseCommand):
    help = "Learns who uses which coupon, and scores the coupons of campaigns that run or come next."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as-of",
            metavar="MOMENT",
            help="look at nothing from here on: 2017-12-31 (its first instant in the shop) or an ISO date and time",
        )
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["seed"] < 0:
            raise CommandError("--seed must not be negative.")
        as_of = moment(options["as_of"]) if options["as_of"] else None
        try:
            run = run_response(now=database_now(), as_of=as_of, seed=options["seed"])
        except RunInProgress as refusal:
            raise CommandError(refusal.sentence) from refusal
        if run.state == RunState.SKIPPED:
            self.stdout.write(self.style.WARNING(f"Nothing published: {run.reason_text}"))
            return
        metrics = run.metrics
        self.stdout.write(
            f"Run {run.pk}: {metrics['outcome']}; {metrics['scores']} scores, "
            f"{metrics['seconds']} s, {metrics['peak_memory_mib']} MiB."
        )
        for key, expected in metrics["expected_redemptions"].items():
            self.stdout.write(f"  {key}: {expected} redemptions expected")
