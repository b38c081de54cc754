"""Ledgers that can be added to and never changed: triggers for migrations, an exception for Python."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython

POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION quan_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""


class AppendOnly(Exception):
    """Somebody tried to change or delete a ledger entry."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Refuses bulk changes before they reach the database, which refuses them too."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly(f"{self.model.__name__} is append-only")

    def delete(self) -> NoReturn:
        raise AppendOnly(f"{self.model.__name__} is append-only")


class AppendOnlyModel(models.Model):
    """A model whose rows are written once."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly(f"{type(self).__name__} is append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly(f"{type(self).__name__} is append-only")


def append_only(*tables: str) -> RunPython:
    """Returns the migration operation that makes tables refuse UPDATE and DELETE in the database itself."""

    def add(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            # No parameters: the % of RAISE must reach PostgreSQL as it is.
            editor.execute(POSTGRESQL_FUNCTION, params=None)
        for table in tables:
            for statement in _create_statements(editor.connection.vendor, table):
                editor.execute(statement)

    def remove(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        for table in tables:
            if editor.connection.vendor == "postgresql":
                editor.execute(f'DROP TRIGGER "{table}_append_only" ON "{table}"')
            else:
                for event in ("update", "delete"):
                    editor.execute(f'DROP TRIGGER "{table}_no_{event}"')

    return RunPython(add, remove)


def _create_statements(vendor: str, table: str) -> list[str]:
    if vendor == "postgresql":
        return [
            f'CREATE TRIGGER "{table}_append_only" BEFORE UPDATE OR DELETE ON "{table}" '
            "FOR EACH ROW EXECUTE FUNCTION quan_refuse_change()"
        ]
    return [
        f'CREATE TRIGGER "{table}_no_{event}" BEFORE {event.upper()} ON "{table}" '
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for event in ("update", "delete")
    ]
