from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive

from analytics.enums import Job, RunState
from analytics.errors import RunInProgress
from analytics.jobs.segmentation import DEFAULT_SEED, run_segmentation
from analytics.selectors.features import Chunk
from analytics.selectors.runs import last_published
from config.kernel.clock import database_now, shop_zone, start_of_shop_day
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
        as_of = _moment(options["as_of"]) if options["as_of"] else None
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


def _moment(text: str) -> datetime:
    try:
        day = parse_date(text)
        if day is not None:
            return start_of_shop_day(day)
        moment = parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--as-of: {error}") from error
    if moment is None:
        raise CommandError("--as-of takes a date or an ISO date and time.")
    return moment.replace(tzinfo=shop_zone()) if is_naive(moment) else moment
