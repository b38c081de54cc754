"""One run of a job at a time, on whatever machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from analytics.errors import RunInProgress


@contextmanager
def exclusively(name: str) -> Iterator[None]:
    """Holds the lock of a job for the block; the database lets go of it when this process or its connection dies.

    A lock of the session and not of a transaction: a run of minutes must not hold one transaction open. SQLite,
    which serves one developer, has no such lock; there nothing is refused.

    Raises:
        RunInProgress: another run of this job holds it.
    """
    if connection.vendor != "postgresql":
        yield
        return
    key = int.from_bytes(hashlib.blake2b(f"job:{name}".encode(), digest_size=8).digest(), "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        (taken,) = cursor.fetchone()
    if not taken:
        raise RunInProgress
    try:
        yield
    finally:
        # A connection that broke has given the lock back already.
        if connection.connection is not None and not connection.connection.closed and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
