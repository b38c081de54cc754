"""`make bench`, or `python -m benchmarks` where PostgreSQL and Valkey run already; see `--help`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import django
from django.core.management import call_command

from benchmarks.database import use_own_database
from config.env import BASE_DIR

LOG = BASE_DIR / "var" / "bench-gunicorn.log"


def main() -> None:
    """Measures, prints the table, and keeps it when asked to."""
    options = _options()
    postgres = use_own_database()
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()
    # Modules with models can be read only now.
    from benchmarks import batches
    from benchmarks.measure import TARGETS, measure
    from benchmarks.nightly.run import measure_nightly
    from benchmarks.prepare import sign_in_shoppers
    from benchmarks.pricing import BLOCK, measure_pricing
    from benchmarks.report import PAGE, conditions, table, write
    from benchmarks.server import running_server

    print("Building the tables …", flush=True)
    call_command("migrate", verbosity=0)
    sessions = sign_in_shoppers(options.shoppers)
    LOG.parent.mkdir(exist_ok=True)
    with running_server(workers=options.workers, log=LOG) as port:
        figures = measure(
            port=port,
            sessions=sessions,
            targets=[target for target in TARGETS if target.key in options.targets],
            crowds=options.clients,
            seconds=options.seconds,
            rounds=options.rounds,
        )
    text = f"{conditions(options.seconds, options.rounds, options.workers, postgres)}\n\n{table(figures)}"
    print(f"\n{text}")
    many = batches.measure_batches(audience=options.audience)
    print(f"\n{many}")
    pricing = measure_pricing()
    print(f"\n{pricing}")
    if options.write:
        write(PAGE, text)
        write(PAGE, many, block=batches.BLOCK)
        write(PAGE, pricing, block=BLOCK)
        print(f"\nWritten to {Path(PAGE).relative_to(BASE_DIR)}.")
    # The last one: it empties the database. It keeps its table by itself, size by size.
    print(f"\n{measure_nightly(sizes=options.nights, is_written=options.write)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Claims beside two baselines, queues, a grant, quotes, best combinations, nightly runs.",
    )
    parser.add_argument("--clients", type=int, nargs="+", default=[16, 64], help="connections at once (%(default)s)")
    parser.add_argument(
        "--targets", nargs="+", default=["a", "b", "c", "c1", "d", "e"], help="keys of the table's lines"
    )
    parser.add_argument("--seconds", type=float, default=2.5, help="length of one round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=6, help="rounds of each target (%(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="gunicorn's workers (%(default)s)")
    parser.add_argument("--shoppers", type=int, default=4000, help="each claims once a round (%(default)s)")
    parser.add_argument(
        "--audience", type=int, default=1_000_000, help="shoppers that a coupon is granted to (%(default)s)"
    )
    parser.add_argument(
        "--nights",
        type=int,
        nargs="+",
        default=[10_000, 100_000, 1_000_000],
        help="shoppers of the nightly runs (%(default)s)",
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
