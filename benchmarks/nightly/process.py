"""A measurement in a process of its own, so that its peak of memory is its own too."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from django.db import connection

from analytics.jobs.measuring import peak_memory
from benchmarks.nightly.names import PATIENCE, USUAL_PATIENCE
from benchmarks.nightly.table import Cost, Failed, GivenUp, Outcome
from config.env import BASE_DIR

# Where the name of the process ends in what Linux tells of it; then user's and system's ticks are the 12th and 13th.
STAT_TICKS = slice(11, 13)
# One core each, so that the processor's seconds of a job and of its bare counterpart are of the same kind.
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
TOLD_LINES = 5

FORGOTTEN = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def measure_here(name: str) -> Cost:
    """Measures in this process; its libraries are loaded before."""
    # What it takes along is not the run's.
    from benchmarks.nightly.measures import measured

    task = measured(name)
    connection.ensure_connection()
    memory, processor, began = peak_memory(), _processor_seconds(), time.perf_counter()
    task()
    return Cost(
        seconds=time.perf_counter() - began,
        processor=_processor_seconds() - processor,
        memory=max(0.0, peak_memory() - memory),
    )


def measure_apart(name: str, *, patience: float | None = None) -> Outcome:
    """Measures in a process of its own, and goes on whatever becomes of it."""
    seconds = patience or PATIENCE.get(name, USUAL_PATIENCE)
    try:
        finished = subprocess.run(
            [sys.executable, "-m", "benchmarks.nightly", "--measure", name],
            cwd=BASE_DIR,
            env={**os.environ, **ONE_THREAD},
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds,
        )
        return Cost(**json.loads(finished.stdout.splitlines()[-1]))
    except subprocess.TimeoutExpired:
        # PostgreSQL would go on for a process that is gone.
        with connection.cursor() as cursor:
            cursor.execute(FORGOTTEN)
        return GivenUp(seconds)
    except subprocess.CalledProcessError as error:
        print("\n".join(error.stderr.splitlines()[-TOLD_LINES:]), file=sys.stderr, flush=True)
        return Failed()


def report_here(name: str) -> None:
    """Measures in this process, and prints what `measure_apart` reads."""
    print(json.dumps(asdict(measure_here(name))))


def _processor_seconds() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime + _backend_seconds()


def _backend_seconds() -> float:
    """Returns what the connection's backend has taken; 0 where it runs on another machine, or not on Linux."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (number,) = cursor.fetchone()
    stat = Path(f"/proc/{number}/stat")
    if not stat.exists():
        return 0.0
    ticks = stat.read_text().rpartition(")")[2].split()[STAT_TICKS]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
