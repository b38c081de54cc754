from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.enums import Job, RunState
from analytics.errors import RunInProgress
from analytics.jobs.segmentation import DEFAULT_SEED, run_segmentation
from analytics.management.moments import moment
from analytics.selectors.features import Chunk
from analytics.selectors.runs import last_published
from config.kernel.clock import database_now
from config.kernel.progress import progress


class Command(BaseCommand):
    help = "Segments the shoppers by what they bought in the last year, and tags each with segment:<key>."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as-of",
            metavar="MOMENT",
            help="look at nothing from here on: 2017-12-31 (its first instant in the shop) or an ISO date and time",
        )
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="default: %(default)s")
        parser.add_argument(
            "--if-missing", action="store_true", help="do nothing when a segmentation has been published before"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        published = last_published(Job.SEGMENTATION) if options["if_missing"] else None
        if published is not None:
            self.stdout.write(f"Nothing to do: run {published.pk} is published.")
            return
        as_of = moment(options["as_of"]) if options["as_of"] else None
        if options["seed"] < 0:
            raise CommandError("--seed must not be negative.")
        try:
            run = run_segmentation(now=database_now(), as_of=as_of, seed=options["seed"], progress=_in_chunks)
        except RunInProgress as refusal:
            raise CommandError(refusal.sentence) from refusal
        if run.state == RunState.SKIPPED:
            self.stdout.write(self.style.WARNING(f"Nothing published: {run.reason_text}"))
            return
        metrics = run.metrics
        self.stdout.write(
            f"Run {run.pk}: {metrics['tagged']} shoppers in {metrics['k']} segments, "
            f"silhouette {metrics['silhouette']}, {metrics['seconds']} s, {metrics['peak_memory_mib']} MiB."
        )
        for key, size in sorted(metrics["sizes"].items(), key=lambda pair: -pair[1]):
            self.stdout.write(f"  segment:{key}  {size}")


def _in_chunks(items: Iterable[Chunk], *, label: str, total: int | None) -> Iterable[Chunk]:
    return progress(items, label=label, total=total, unit="chunk")
