"""The nightly run as a shop grows: seconds, memory, how both grow, and beside them bare SQL with bare scikit-learn.

    python -m benchmarks.nightly --shoppers 10000 100000 1000000

Twenty events a shopper, made by the database from a fixed seed. Every measurement is a process of its own, so that its
peak of memory is its own too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from analytics.jobs.measuring import peak_memory
from benchmarks.database import use_own_database
from config.env import BASE_DIR

BLOCK = "nightly"
EVENTS_A_SHOPPER = 20
SEED = 7
# Seconds after which a measurement is given up.
PATIENCE = 3600

SHOPPERS = """
INSERT INTO users_user (password, is_superuser, public_id, username, name, email, phone, birthday, language,
                        wants_reminders, is_staff, is_active, joined_at)
SELECT '!', false, gen_random_uuid(), 'night-' || number, '', '', '', NULL, 'en', false, false, true,
       %(now)s - interval '400 days'
FROM generate_series(1, %(count)s) AS number
"""
# Five habits: how many days between visits, how much is spent, and how often it is a purchase.
EVENTS = """
INSERT INTO users_behaviourevent (sender, event_id, shopper_id, kind, product_sku, coupon_public_id, value, data,
                                  occurred_at, received_at)
SELECT 'night', shopper.id || ':' || number, shopper.id,
       CASE WHEN random() < (ARRAY[.7, .5, .3, .2, .6])[habit] THEN 'purchase'
            WHEN random() < .2 THEN 'cart' ELSE 'view' END,
       'sku-' || (random() * 500)::integer, NULL,
       (exp(random() + (ARRAY[8.5, 7, 6.5, 8, 9])[habit]))::bigint, '{}',
       %(now)s - interval '1 day' * (lag + number * (ARRAY[2, 6, 12, 4, 16])[habit] * (.5 + random())), %(now)s
FROM (
    SELECT id, 1 + id %% 5 AS habit, (id %% 7) * (id %% 5) AS lag FROM users_user WHERE username LIKE 'night-%%'
) AS shopper
CROSS JOIN generate_series(1, %(each)s) AS number
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one measurement took: seconds, and MiB at its peak beyond what Python and its libraries hold."""

    seconds: float
    memory: float


def main() -> None:
    """Measures each size, prints the table, and keeps it when asked to."""
    options = _options()
    if options.measure:
        _set_up()
        print(json.dumps(_measured(options.measure)))
        return
    use_own_database()
    _set_up()
    from benchmarks.report import PAGE, write

    text = measure_nightly(sizes=options.shoppers)
    print(f"\n{text}")
    if options.write:
        write(PAGE, text, block=BLOCK)
        print(f"\nWritten to {Path(PAGE).relative_to(BASE_DIR)}.")


def measure_nightly(*, sizes: Sequence[int]) -> str:
    """Measures the jobs at each size, smallest first, in the database that the settings name.

    Returns:
        the table as Markdown.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in MEASURES}
    for size in sorted(sizes):
        print(f"{size:,} shoppers …", flush=True)
        _make(size)
        for name in MEASURES:
            costs[name].append(_in_own_process(name))
            print(f"  {name}: {costs[name][-1].seconds:.1f} s", flush=True)
    return _table(sorted(sizes), costs)


def _segmentation() -> None:
    from analytics.enums import RunState
    from analytics.jobs.segmentation import run_segmentation
    from config.kernel.clock import database_now

    run = run_segmentation(now=database_now(), seed=SEED)
    if run.state != RunState.PUBLISHED:
        raise SystemExit(f"nothing was published: {run.reason}")


def _bare_segmentation() -> None:
    """The same aggregates into one matrix, and the calls of scikit-learn that no segmentation can do without."""
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    from analytics.learners.segmentation import FITTED_SHOPPERS, JUDGED_SHOPPERS, SILHOUETTE_SHOPPERS
    from analytics.selectors.features import buyer_features, feature_chunks
    from analytics.selectors.windows import learning_window
    from config.kernel.clock import database_now

    with buyer_features(learning_window(now=database_now(), as_of=None, fewest_shoppers=1)):
        matrix = np.concatenate([chunk.features for chunk in feature_chunks()])
    with threadpool_limits(limits=1):
        points = StandardScaler().fit_transform(np.log1p(np.maximum(matrix, 0)))
        judged = points[:JUDGED_SHOPPERS]
        for k in range(3, 9):
            labels = KMeans(k, n_init=10, random_state=SEED).fit(judged).labels_
            silhouette_score(judged[:SILHOUETTE_SHOPPERS], labels[:SILHOUETTE_SHOPPERS])
        KMeans(5, n_init=10, random_state=SEED).fit(points[:FITTED_SHOPPERS]).predict(points)


def _timing() -> None:
    from analytics.jobs.timing import run_timing
    from config.kernel.clock import database_now

    run_timing(now=database_now())


# Each measure, and which of the others it is compared with.
MEASURES: dict[str, Callable[[], None]] = {
    "segmentation": _segmentation,
    "segmentation, bare SQL and scikit-learn": _bare_segmentation,
    "timing and channel": _timing,
}
BARE = {"segmentation": "segmentation, bare SQL and scikit-learn"}


def _measured(name: str) -> dict[str, float]:
    # Libraries first: what they hold is not the run's.
    import sklearn.cluster  # noqa: F401

    before, began = peak_memory(), time.perf_counter()
    MEASURES[name]()
    return {"seconds": time.perf_counter() - began, "memory": max(0.0, peak_memory() - before)}


def _in_own_process(name: str) -> Cost:
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.nightly", "--measure", name],
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    return Cost(**json.loads(finished.stdout.splitlines()[-1]))


def _make(size: int) -> None:
    from django.db import connection, transaction

    from config.kernel.clock import database_now

    with transaction.atomic(), connection.cursor() as cursor:
        # Only made-up rows: nothing refers to them that is not made here.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("TRUNCATE users_user, users_behaviourevent CASCADE")
        cursor.execute("SELECT setseed(0.7)")
        now = database_now() - timedelta(minutes=1)
        cursor.execute(SHOPPERS, {"now": now, "count": size})
        cursor.execute(EVENTS, {"now": now, "each": EVENTS_A_SHOPPER})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE users_user, users_behaviourevent")


def _table(sizes: Sequence[int], costs: dict[str, list[Cost]]) -> str:
    head = " | ".join(f"{size:,} s | MiB" for size in sizes)
    lines = [
        f"| {EVENTS_A_SHOPPER} events a shopper | {head} | growth | to bare |",
        f"|---{'|--:' * (2 * len(sizes) + 2)}|",
    ]
    for name, taken in costs.items():
        cells = " | ".join(f"{cost.seconds:,.1f} | {cost.memory:,.0f}" for cost in taken)
        bare = costs.get(BARE.get(name, ""), [])
        ratio = f"{taken[-1].seconds / bare[-1].seconds:.2f}" if bare else ""
        lines.append(f"| {name} | {cells} | {_growth(sizes, taken)} | {ratio} |")
    return "\n".join(lines)


def _growth(sizes: Sequence[int], costs: Sequence[Cost]) -> str:
    """The exponent by which seconds grow between the two largest sizes: 1 is twice the time for twice the shoppers."""
    if len(sizes) < 2:
        return "–"
    (small, large), (one, other) = sizes[-2:], costs[-2:]
    return f"{math.log(other.seconds / one.seconds) / math.log(large / small):.2f}"


def _set_up() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    django.setup()
    call_command("migrate", verbosity=0)


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nightly", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--shoppers", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes (%(default)s)"
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    # Of the command itself, for its own processes.
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
