"""Locks, and what it means when the database is too busy to give one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection

from config.kernel.counters import count_busy
from config.kernel.errors import Busy

# lock_not_available, deadlock_detected, query_canceled, disk_full, out_of_memory, too_many_connections, admin shutdown,
# crash shutdown, cannot connect now.
BUSY_SQLSTATES = {"55P03", "40P01", "57014", "53100", "53200", "53300", "57P01", "57P02", "57P03"}


def is_busy(error: BaseException) -> bool:
    """Tells whether a database error says "not now" (a lock, a restart, no connection, no room) rather than "wrong"."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    sqlstate = getattr(error.__cause__, "pgcode", None)
    # A lost or refused connection carries no SQLSTATE.
    return sqlstate is None or sqlstate in BUSY_SQLSTATES


@contextmanager
def busy_when_locked() -> Iterator[None]:
    """Turns "not now" of the database into `Busy`, which every face shows as 503 with Retry-After."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if is_busy(error):
            count_busy(error)
            raise Busy from error
        raise


def try_transaction_lock(name: str) -> bool:
    """Takes a named lock until the transaction ends, or returns False at once when another has it.

    On SQLite an open IMMEDIATE transaction is the only writer already, so the answer is always True.
    """
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_number(name)])
        (taken,) = cursor.fetchone()
    return bool(taken)


def lock_number(name: str) -> int:
    """Returns the number under which PostgreSQL knows a named lock."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
