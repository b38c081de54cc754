"""The nightly run as a shop grows: seconds, memory, how both grow, and beside them bare SQL with bare scikit-learn.

    python -m benchmarks.nightly --write
    python -m benchmarks.nightly --only timing response --shoppers 10000 100000

Every shop is made by the database from a fixed seed, in a database of its own.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import django
from django.core.management import call_command

from benchmarks.database import use_own_database
from benchmarks.nightly.names import JOBS


def main() -> None:
    """Measures each size, prints the table, and keeps it when asked to."""
    options = _options()
    if options.measure:
        _set_up()
        from benchmarks.nightly.process import report_here

        report_here(options.measure)
        return
    use_own_database()
    _set_up()
    call_command("migrate", verbosity=0)
    from benchmarks.nightly.run import measure_nightly

    text = measure_nightly(
        sizes=options.shoppers,
        only=[job for job in JOBS if any(job.startswith(asked) for asked in options.only)],
        patience=options.patience,
        is_written=options.write,
    )
    print(f"\n{text}")


def _set_up() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    django.setup()


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nightly", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--shoppers", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes (%(default)s)"
    )
    parser.add_argument("--only", nargs="+", default=[], help=f"how the jobs' names begin: {', '.join(JOBS)}")
    parser.add_argument("--patience", type=float, help="seconds that each is waited for, in place of its own")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    # Of the command itself, for its own processes.
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := [asked for asked in options.only if not any(job.startswith(asked) for job in JOBS)]:
        parser.error(f"no job is called {', '.join(unknown)}")
    return options


if __name__ == "__main__":
    main()
