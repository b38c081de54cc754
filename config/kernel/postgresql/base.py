"""The database backend itself: Django asks for a module of this name and a class of that."""

from __future__ import annotations

import select
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db.backends.postgresql import base
from psycopg2 import extensions

from config.kernel.postgresql.patience import Wait


def _answered_in_time(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a method of a connection or a cursor that waits for the server."""

    @wraps(method)
    def call(self: Connection | Cursor, *args: Any, **kwargs: Any) -> Any:
        connection = self if isinstance(self, Connection) else self.connection
        # Whoever has no socket any more says so at once.
        if connection.closed:
            return method(self, *args, **kwargs)
        connection.wait.begin(connection.fileno())
        try:
            return method(self, *args, **kwargs)
        finally:
            connection.wait.end()

    return call


class Connection(extensions.connection):
    """A connection that is given up when the server does not answer in time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.wait = Wait()
        super().__init__(*args, **kwargs)

    commit = _answered_in_time(extensions.connection.commit)
    rollback = _answered_in_time(extensions.connection.rollback)
    reset = _answered_in_time(extensions.connection.reset)

    def cursor(self, name: str | None = None, **options: Any) -> Any:
        """Opens a cursor; one with a name lives in the server."""
        if name is None:
            return super().cursor(**options)
        return super().cursor(name, cursor_factory=NamedCursor, **options)


class Cursor(extensions.cursor):
    """Runs statements on such a connection."""

    execute = _answered_in_time(extensions.cursor.execute)
    executemany = _answered_in_time(extensions.cursor.executemany)
    callproc = _answered_in_time(extensions.cursor.callproc)
    copy_expert = _answered_in_time(extensions.cursor.copy_expert)
    copy_from = _answered_in_time(extensions.cursor.copy_from)
    copy_to = _answered_in_time(extensions.cursor.copy_to)


class NamedCursor(Cursor):
    """A cursor in the server, which is asked for each piece of its rows."""

    fetchone = _answered_in_time(extensions.cursor.fetchone)
    fetchmany = _answered_in_time(extensions.cursor.fetchmany)
    fetchall = _answered_in_time(extensions.cursor.fetchall)
    close = _answered_in_time(extensions.cursor.close)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper over such connections."""

    def get_connection_params(self) -> dict[str, Any]:
        """Adds the two classes to what Django passes to the driver."""
        return {**super().get_connection_params(), "connection_factory": Connection, "cursor_factory": Cursor}

    def is_usable(self) -> bool:
        """Tells whether a connection that was idle can go on, and asks the server only when something is odd.

        A server that hung up, or said that it is about to, has left something to read. A network that silently lost
        the connection is not found here; no question could find it sooner than the next statement does.
        """
        if self.connection is not None and not self.connection.closed and not _has_something_to_read(self.connection):
            return True
        usable: bool = super().is_usable()
        return usable


def _has_something_to_read(connection: Connection) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
