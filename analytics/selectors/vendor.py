"""What only one kind of database can do."""

from __future__ import annotations

from django.db import connection

from analytics.errors import NeedsPostgreSQL


def require_postgresql() -> None:
    """Refuses on any other database, in words and before a statement that it would not understand.

    Raises:
        NeedsPostgreSQL: the shop runs on another database, such as SQLite.
    """
    if connection.vendor != "postgresql":
        raise NeedsPostgreSQL
