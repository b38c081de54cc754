"""What the commands of all nightly jobs share: their options, how they are refused, what a skipped run says."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.enums import Job, RunState
from analytics.management.moments import moment
from analytics.models import Run
from analytics.selectors.runs import last_published
from config.kernel.clock import database_now
from config.kernel.errors import DomainError


class NightlyCommand(BaseCommand):
    """A nightly job by hand.

    Attributes:
        job: which one.
        looks_back: whether it takes `--as-of`.
        default_seed: of `--seed`; None for a job without chance in it.
        can_be_missing: whether it takes `--if-missing`.
    """

    job: ClassVar[Job]
    looks_back: ClassVar[bool] = True
    default_seed: ClassVar[int | None] = None
    can_be_missing: ClassVar[bool] = False

    def start(self, **arguments: Any) -> Run:
        """Runs the job with `now`, and `as_of` and `seed` where it takes them."""
        raise NotImplementedError

    def tell(self, run: Run) -> None:
        """Writes what came of a run that was not skipped."""
        raise NotImplementedError

    def tell_skipped(self, run: Run) -> None:
        """Writes why a run published nothing."""
        self.stdout.write(self.style.WARNING(f"Nothing published: {run.reason_text}"))

    def add_arguments(self, parser: CommandParser) -> None:
        if self.looks_back:
            parser.add_argument(
                "--as-of",
                metavar="MOMENT",
                help="look at nothing from here on: 2017-12-31 (its first instant in the shop) or an ISO date and time",
            )
        if self.default_seed is not None:
            parser.add_argument("--seed", type=int, default=self.default_seed, help="default: %(default)s")
        if self.can_be_missing:
            parser.add_argument("--if-missing", action="store_true", help="do nothing when a run was published before")

    def handle(self, *args: Any, **options: Any) -> None:
        published = last_published(self.job) if options.get("if_missing") else None
        if published is not None:
            self.stdout.write(f"Nothing to do: run {published.pk} is published.")
            return
        arguments: dict[str, Any] = {}
        if self.looks_back:
            arguments["as_of"] = moment(options["as_of"]) if options["as_of"] else None
        if self.default_seed is not None:
            if options["seed"] < 0:
                raise CommandError("--seed must not be negative.")
            arguments["seed"] = options["seed"]
        try:
            run = self.start(now=database_now(), **arguments)
        except DomainError as refusal:
            raise CommandError(refusal.sentence) from refusal
        if run.state == RunState.SKIPPED:
            self.tell_skipped(run)
        else:
            self.tell(run)
