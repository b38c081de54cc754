"""Emptying the database after a test that committed: only what has rows, in milliseconds.

Django's own way truncates every table and makes content types and permissions anew, a third of a second each time,
which was a sixth of the test run. The outcome is the same: every table as it was when the database was made. Where that
cannot be had (SQLite, a role without the right, a test that changed what migrations wrote), Django's way is taken.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

# By table: a checksum of the rows that migrations wrote.
_made: dict[str, str] = {}
_django_empties = TransactionTestCase._fixture_teardown


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Makes the test database as ever, and remembers what is in it from the start."""
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            _made.update({table: _checksum(table) for table in _filled()})


def pytest_configure() -> None:
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[method-assign]


def _empty(case: TransactionTestCase) -> None:
    if not (_can_be_quick(case) and all(_checksum(table) == rows for table, rows in _made.items())):
        _django_empties(case)
        _made.update({table: _checksum(table) for table in _made})
        return
    filled = [table for table in _filled() if table not in _made]
    with transaction.atomic(), connection.cursor() as cursor:
        # Neither the triggers of the ledgers nor the order of foreign keys matter when everything goes.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table in filled:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


def _can_be_quick(case: Any) -> bool:
    if connection.vendor != "postgresql" or case.available_apps is not None or case.serialized_rollback:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser') = 'on'")
        (is_superuser,) = cursor.fetchone()
    return bool(is_superuser)


def _filled() -> list[str]:
    """The tables that have rows."""
    tables = connection.introspection.table_names()
    questions = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM {connection.ops.quote_name(table)})" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(questions))
        return [table for (table,) in cursor.fetchall()]


def _checksum(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {connection.ops.quote_name(table)} t"
        )
        (checksum,) = cursor.fetchone()
    return str(checksum)
