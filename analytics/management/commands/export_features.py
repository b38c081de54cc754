from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.management.moments import moment
from analytics.selectors.features import Chunk, buyer_features, feature_chunks
from analytics.selectors.windows import Window, learning_window
from config.kernel.clock import database_now
from config.kernel.errors import DomainError
from config.kernel.progress import progress


class Command(BaseCommand):
    help = "Writes what features are made of as Parquet, and lets DuckDB make them: the way past one database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="where the files go; made if it is not there")
        parser.add_argument(
            "--as-of",
            metavar="MOMENT",
            help="look at nothing from here on: 2017-12-31 (its first instant in the shop) or an ISO date and time",
        )
        parser.add_argument("--compare", action="store_true", help="make them in the database too, and compare")

    def handle(self, *args: Any, folder: Path, compare: bool, **options: Any) -> None:
        try:
            from analytics.scale.duck import parquet_features
            from analytics.scale.parquet import Table, export_tables
        except ImportError as error:
            raise CommandError(f"{error}. Install requirements-scale.txt first.") from error

        def shown(items: Iterable[Table], *, label: str, total: int | None) -> Iterable[Table]:
            return progress(items, label=label, total=total, unit="table")

        as_of = moment(options["as_of"]) if options["as_of"] else None
        window = learning_window(now=database_now(), as_of=as_of, fewest_shoppers=1)
        began = time.perf_counter()
        try:
            counts = export_tables(folder=folder, window=window, progress=shown)
        except DomainError as error:
            raise CommandError(error.sentence) from error
        self._tell(f"Parquet of {sum(counts.values()):,} rows", began)
        began = time.perf_counter()
        buyers = sum(len(chunk.shopper_ids) for chunk in parquet_features(folder=folder, window=window))
        self._tell(f"DuckDB: features of {buyers:,} buyers", began)
        if compare:
            self._compare(window, parquet_features(folder=folder, window=window))

    def _compare(self, window: Window, chunks: Iterator[Chunk]) -> None:
        began = time.perf_counter()
        with buyer_features(window) as buyers:
            pairs = zip_longest(chunks, feature_chunks())
            different = sum(not _are_equal(one, other) for one, other in pairs)
            self._tell(f"Database: features of {buyers:,} buyers", began)
        if different:
            raise CommandError(f"{different:,} chunks differ: did something change between the two?")
        self.stdout.write(self.style.SUCCESS("Equal to the last bit."))

    def _tell(self, what: str, began: float) -> None:
        self.stdout.write(f"{what}: {time.perf_counter() - began:.1f} s")


def _are_equal(one: Chunk | None, other: Chunk | None) -> bool:
    if one is None or other is None:
        return False
    return (
        np.array_equal(one.shopper_ids, other.shopper_ids)
        and np.array_equal(one.values, other.values)
        and one.earlier_tags == other.earlier_tags
    )
