"""A crowd: many threads that start together, each with a database connection of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

from django.db import connection, connections

from tests.forms import rounds

PATIENCE = rounds(short=120, long=900)  # seconds; a crowd that takes longer is stuck

Call = Callable[[], Any]
# The fixture `meet`: calls in, results out.
Meet = Callable[..., list[Any]]


def rush(calls: Iterable[Call], *, threads: int = 30) -> list[Any]:
    """Runs the calls on so many threads that all start at one moment.

    Returns:
        One result per call, in their order; the exception where a call raised one.
    """
    calls = list(calls)
    with standing_crowd(min(threads, len(calls))) as rush_again:
        return rush_again(calls)


@contextmanager
def standing_crowd(threads: int) -> Iterator[Callable[[Sequence[Call]], list[Any]]]:
    """Gives a `rush` on threads that stay, and keep their connections, for as many rushes as the test wants."""
    start = Barrier(threads)

    def work(mine: Sequence[Call]) -> list[Any]:
        start.wait(timeout=PATIENCE)
        return [_result_of(call) for call in mine]

    def rush_again(calls: Sequence[Call]) -> list[Any]:
        results: list[Any] = [None] * len(calls)
        parts = [pool.submit(work, calls[part::threads]) for part in range(threads)]
        for part, done in enumerate(parts):
            results[part::threads] = done.result(timeout=PATIENCE)
        return results

    with ThreadPoolExecutor(threads, initializer=_wait_for_locks_as_long_as_it_takes) as pool:
        try:
            yield rush_again
        finally:
            rush_again([connections.close_all] * threads)


def _result_of(call: Call) -> Any:
    try:
        return call()
    # What a call raises is its result; the test looks at it.
    except Exception as error:
        return error


def _wait_for_locks_as_long_as_it_takes() -> None:
    # A test machine with much to do must not look like a shop with too many shoppers.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = %s", [PATIENCE * 1000])


def until_somebody_waits_for_a_lock() -> None:
    """Returns as soon as another connection to this database waits for a lock."""
    for _look in range(20_000):
        if somebody_waits_for_a_lock():
            return
    raise AssertionError("nobody waits for a lock")


def somebody_waits_for_a_lock() -> bool:
    """Tells whether another connection to this database waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with connection.cursor() as cursor:
        cursor.execute(waiting)
        return bool(cursor.fetchone()[0])


def tally(results: Iterable[Any]) -> Counter[str]:
    """Counts results by kind: `done`, or the name of the error's class."""
    return Counter(type(result).__name__ if isinstance(result, Exception) else "done" for result in results)


class MeetingPoint:
    """Makes racing callers meet between their read and their write, so that a missing guard always shows.

    Use it where nothing but the guard that was taken out could keep one of them from coming this far.
    """

    def __init__(self, callers: int) -> None:
        self._barrier = Barrier(callers)

    def wait(self) -> None:
        """Returns when all callers have come; then the next round may meet."""
        self._barrier.wait(timeout=PATIENCE)
