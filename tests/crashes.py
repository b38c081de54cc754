"""Crash points: a process dies, or loses its database, at a chosen point of whatever it is doing.

    with crash_at(7, LOST) as crash:
        order_redeem(order=order, now=NOW)

Points are counted from 1: each statement is one, and a commit is two, just before it and just after it, when the
effect is there and nobody has heard of it. A statement outside a transaction commits itself, and is two as well. What
is called raises `Crash` when it dies; when the connection is lost, whatever the code under test makes of that.
`crash.happened` tells whether it came as far as the point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

# The process ends: the statement is never sent.
DIES = "dies"
# PostgreSQL ends the session before the statement arrives, as it does when it is restarted.
LOST = "loses its connection"

ENDS_SAVEPOINT = re.compile("RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT")


class Crash(BaseException):
    """The end of a process in the middle of its work; no `except Exception` holds it up."""


@dataclass(slots=True)
class CrashPoint:
    """A point at which to crash, and how far things have come."""

    point: int
    how: str
    is_inside: bool
    passed: int = 0
    happened: bool = False

    def pass_one(self) -> None:
        """Counts one more point, and crashes at the chosen one."""
        self.passed += 1
        if self.passed == self.point:
            self.happened = True
            if self.how == LOST:
                end_session()
                return
            # A process that ends takes its connection along; inside a test's transaction a savepoint goes instead.
            if not self.is_inside:
                connection.close()
            raise Crash


@contextmanager
def crash_at(point: int, how: str = DIES) -> Iterator[CrashPoint]:
    """Crashes at one point of this thread's database work; leaves a connection of its own behind where it did.

    Inside a transaction of the caller, as in a test that is rolled back, only `DIES` makes sense, and a savepoint that
    is released stands for the commit.
    """
    crash = CrashPoint(point, how, is_inside=connection.in_atomic_block)
    commit = connection._commit

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if crash.is_inside and ENDS_SAVEPOINT.match(sql) and crash.passed + 1 == crash.point:
            # With its transaction all of it would be gone; here the savepoint stands for the transaction.
            execute(ENDS_SAVEPOINT.sub("ROLLBACK TO SAVEPOINT", sql), params, many, context)
        crash.pass_one()
        result = execute(sql, params, many, context)
        if not connection.in_atomic_block:
            crash.pass_one()
        return result

    def commit_between_two_points() -> None:
        crash.pass_one()
        commit()
        crash.pass_one()

    connection._commit = commit_between_two_points  # type: ignore[method-assign]
    try:
        with connection.execute_wrapper(watch):
            yield crash
    finally:
        del connection._commit
        if crash.happened and not crash.is_inside:
            connection.close()


def end_session() -> None:
    """Makes PostgreSQL end the session of this thread's connection, and waits until it has."""
    if connection.connection is None:
        return
    pid = connection.connection.info.backend_pid
    operator = connection.copy()
    try:
        with operator.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    finally:
        operator.close()
