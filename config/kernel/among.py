"""A condition over many numbers that the database gets as one value rather than as a parameter each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F
from django.db.models.lookups import Lookup
from django.db.models.sql.compiler import SQLCompiler


class Among(Lookup):
    """Whether a field of whole numbers is one of those given, as in `filter(Among("shopper_id", ids))`.

    `shopper_id__in` looks at every number in Python, several times over, and writes each into the statement; a night
    asks for thousands at a time, millions in all.
    """

    lookup_name = "among"
    prepare_rhs = False

    def __init__(self, field: Any, numbers: Iterable[int]) -> None:
        super().__init__(F(field) if isinstance(field, str) else field, tuple(numbers))

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Writes the condition for databases that read JSON, such as SQLite."""
        field, parameters = self.process_lhs(compiler, connection)
        statement = f"{field} IN (SELECT value FROM json_each(%s))"  # noqa: S608 - a column's quoted name
        return statement, (*parameters, json.dumps(self.rhs))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Writes the condition so that an index serves it."""
        field, parameters = self.process_lhs(compiler, connection)
        return f"{field} = ANY(%s::bigint[])", (*parameters, "{" + ",".join(map(str, self.rhs)) + "}")
