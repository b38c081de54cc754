"""Bulk writing: COPY on PostgreSQL, `bulk_create` elsewhere."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection, models
from django.db.models import Max

COPY_BYTES = 1 << 16
BULK_ROWS = 2000
ID_BLOCK = 20_000
# What `str` writes as COPY reads it.
NUMBERS = (int, float)
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Shared:
    """A value that stands in many rows: COPY's text of it is made once."""

    __slots__ = ("text", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.text = _text(value)


def check_constraints_at_once() -> None:
    """Checks foreign keys after every statement of this transaction, so that no queue of checks piles up."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def copy_rows(model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes rows to a model's table without loading them all.

    Args:
        fields: attribute names such as `order_id`. Columns that are not among them get their model's constant
            default; a default that is computed for each row is not, and `save` does not run.
        rows: the values, in the order of `fields`; any of them may be `Shared`.
    """
    if connection.vendor == "postgresql":
        _copy(model, fields, rows)
        return
    manager = model._base_manager
    iterator = iter(rows)
    while batch := list(itertools.islice(iterator, BULK_ROWS)):
        manager.bulk_create(model(**dict(zip(fields, map(_plain, row), strict=True))) for row in batch)


def renew_rows(
    model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[Any]], *, key: Sequence[str]
) -> int:
    """Writes rows, or renews those that are there already; call it inside a transaction.

    Rows are locked in the order of their key, so that two that renew the same queue up rather than lock each other out.

    Args:
        fields: attribute names such as `coupon_id`.
        rows: the values, in the order of `fields`, any of them `Shared`; no two with the same key.
        key: which fields, unique together, say what is the same row.

    Returns:
        how many there were.

    Raises:
        IntegrityError: what a row refers to does not exist, or a constraint is broken.
    """
    others = [field for field in fields if field not in key]
    if connection.vendor != "postgresql":
        made = [model(**dict(zip(fields, map(_plain, row), strict=True))) for row in rows]
        model._base_manager.bulk_create(
            made,
            batch_size=BULK_ROWS,
            update_conflicts=True,
            unique_fields=key,
            update_fields=others,
        )
        return len(made)
    quote = connection.ops.quote_name
    table, staging = quote(model._meta.db_table), quote(f"renewed_{model._meta.db_table}")
    column = {field.attname: quote(str(field.column)) for field in model._meta.concrete_fields}
    columns = ", ".join(column[field] for field in fields)
    same = ", ".join(column[field] for field in key)
    renewed = ", ".join(f"{column[field]} = EXCLUDED.{column[field]}" for field in others)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        # Names come from models, values go through COPY.
        cursor.execute(f"CREATE TEMPORARY TABLE {staging} AS SELECT {columns} FROM {table} WITH NO DATA")  # noqa: S608
        cursor.copy_expert(f"COPY {staging} ({columns}) FROM STDIN", RowReader(rows), size=COPY_BYTES)
        source = f"SELECT {columns} FROM {staging} ORDER BY {same}"  # noqa: S608
        cursor.execute(f"INSERT INTO {table} ({columns}) {source} ON CONFLICT ({same}) DO UPDATE SET {renewed}")
        count: int = cursor.rowcount
        cursor.execute(f"DROP TABLE {staging}")
    return count


def refresh_statistics(*tables: type[models.Model]) -> None:
    """Tells the planner how much was written."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(table._meta.db_table)}")


class IdSource:
    """Primary keys handed out before their rows are written, for rows that point to each other."""

    def __init__(self, model: type[models.Model]) -> None:
        self._model = model
        self._ids = self._from_sequence() if connection.vendor == "postgresql" else self._after_the_last()

    def take(self) -> int:
        """Returns a key that no row has."""
        return next(self._ids)

    def _from_sequence(self) -> Iterator[int]:
        primary_key = self._model._meta.pk
        assert primary_key is not None
        while True:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
                    [connection.ops.quote_name(self._model._meta.db_table), primary_key.column, ID_BLOCK],
                )
                block = [key for (key,) in cursor.fetchall()]
            yield from block

    def _after_the_last(self) -> Iterator[int]:
        last = self._model._base_manager.aggregate(last=Max("pk"))["last"] or 0
        yield from itertools.count(last + 1)


def _copy(model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    quote = connection.ops.quote_name
    by_attribute = {field.attname: str(field.column) for field in model._meta.concrete_fields}
    constants = _constant_defaults(model, except_for=fields)
    columns = ", ".join(quote(by_attribute[field]) for field in [*fields, *constants])
    if constants:
        tail = tuple(constants.values())
        rows = ((*row, *tail) for row in rows)
    # Django does not translate the errors of this call by itself.
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(
            f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN", RowReader(rows), size=COPY_BYTES
        )


def _constant_defaults(model: type[models.Model], *, except_for: Sequence[str]) -> dict[str, Any]:
    return {
        field.attname: field.get_default()
        for field in model._meta.concrete_fields
        if field.attname not in except_for
        and not field.primary_key
        and not field.null
        and not (field.has_default() and callable(field.default))
        and (field.has_default() or field.empty_strings_allowed)
    }


class RowReader(io.TextIOBase):
    """A file of COPY's text format that is written while it is read."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._lines = (_line(row) for row in rows)
        self._rest = ""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> str:
        """Returns about `size` characters, never more; an empty text at the end."""
        if size is None or size < 0:
            text, self._rest = self._rest + "".join(self._lines), ""
            return text
        parts = [self._rest]
        length = len(self._rest)
        while length < size:
            line = next(self._lines, None)
            if line is None:
                break
            parts.append(line)
            length += len(line)
        text = "".join(parts)
        self._rest = text[size:]
        return text[:size]


def _line(row: Sequence[Any]) -> str:
    return (
        "\t".join(
            [
                str(value) if type(value) in NUMBERS else value.text if type(value) is Shared else _text(value)
                for value in row
            ]
        )
        + "\n"
    )


def _plain(value: Any) -> Any:
    return value.value if type(value) is Shared else value


def _text(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value).translate(ESCAPES)
