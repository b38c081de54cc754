"""Every job and its bare counterpart at each size, one after the other."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import connection

from benchmarks.nightly.names import BARE, BLOCK, MEASURES
from benchmarks.nightly.process import measure_apart
from benchmarks.nightly.shop import make_shop, settle
from benchmarks.nightly.table import Cost, GivenUp, Outcome, parse, render
from benchmarks.report import PAGE, block_of, write


def measure_nightly(
    *, sizes: Sequence[int], only: Sequence[str] = (), patience: float | None = None, is_written: bool = False
) -> str:
    """Measures at each size, smallest first, in the database that the settings name; its contents are lost.

    What fails or takes too long leaves a note in the table; at larger sizes it is not tried again.

    Args:
        only: of which jobs; all if empty. What the page says of the others stays.
        patience: how long each is waited for, in seconds; None for what `names` says.
        is_written: puts the table into the page after every size, so that nothing is lost when a later one is cut off.

    Returns:
        the table as Markdown, with where and when it was taken.
    """
    names = [name for name in MEASURES if not only or name.removesuffix(BARE) in only]
    whole = not only and len(sizes) > 1
    outcomes: dict[tuple[str, int], Outcome] = {} if whole else parse(block_of(PAGE, block=BLOCK))
    _one_core()
    given_up: set[str] = set()
    text = ""
    for size in sorted(sizes):
        make_shop(shoppers=size)
        settle()
        for name in names:
            outcomes.pop((name, size), None)
            if name in given_up:
                continue
            outcomes[name, size] = outcome = measure_apart(name, patience=patience)
            if not isinstance(outcome, Cost):
                given_up.add(name)
            print(f"  {name}: {_told(outcome)}", flush=True)
        text = f"{_conditions()}\n\n{render(outcomes)}"
        if is_written:
            write(PAGE, text, block=BLOCK)
    return text


def _told(outcome: Outcome) -> str:
    match outcome:
        case Cost():
            return f"{outcome.seconds:,.1f} s, {outcome.processor:,.1f} s of CPU, {outcome.memory:,.0f} MiB"
        case GivenUp():
            return f"given up after {outcome.patience:,.0f} s"
        case _:
            return "failed"


def _one_core() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        (database,) = cursor.fetchone()
        cursor.execute(f"ALTER DATABASE {connection.ops.quote_name(database)} SET max_parallel_workers_per_gather = 0")


def _conditions() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone()
    return (
        f"Last taken on {datetime.now(UTC):%Y-%m-%d} on a machine of {os.cpu_count()} cores with Python "
        f"{platform.python_version()} and PostgreSQL {version}; each on one core."
    )
