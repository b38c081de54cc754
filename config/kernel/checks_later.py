"""New checks on tables of millions: from now on at once, of the rows there are without keeping anybody waiting.

`AddCheckFromNowOn` in one migration, `CheckTheRest` in a later one: each is a transaction of its own, and the first one
alone takes the table for itself, for an instant. SQLite knows neither and checks at once.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db.migrations import AddConstraint


class AddCheckFromNowOn(AddConstraintNotValid):
    """Adds a check that holds for every row written from now on."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Adds it without looking at the rows that are there."""
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        else:
            AddConstraint.database_forwards(self, app_label, schema_editor, from_state, to_state)


class CheckTheRest(ValidateConstraint):
    """Makes sure that such a check holds for the older rows too, while the table is read and written."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Looks at the rows that are there."""
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
