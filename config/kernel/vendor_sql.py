"""Migration operations that only one database understands."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython


def postgresql_only(sql: str, reverse_sql: str) -> RunPython:
    """Returns an operation that runs on PostgreSQL and does nothing on SQLite."""

    def run(statement: str) -> Any:
        def operation(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
            if editor.connection.vendor == "postgresql":
                editor.execute(statement, params=None)

        return operation

    return RunPython(run(sql), run(reverse_sql))
