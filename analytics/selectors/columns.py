"""Many rows of whole numbers and moments as one array, without a Python object for each value."""

from __future__ import annotations

import io
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import QuerySet
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MICROSECONDS = 1_000_000
# PostgreSQL counts from the year 2000.
ITS_EPOCH = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * MICROSECONDS
# COPY's binary format: a head, for each row how many values it has and for each value its length, and an end.
HEAD_BYTES, END_BYTES, VALUE_BYTES = 19, 2, 8


def columns_of(rows: QuerySet[Any, tuple[Any, ...]], *, columns: int, moments: Collection[int] = ()) -> Ints:
    """Returns the rows of a `values_list` as rows × columns, in the order in which the database gives them.

    Args:
        columns: how many there are; each a `bigint` or a moment, none of them ever NULL.
        moments: which of them are moments; they come as microseconds since 1970.

    Raises:
        ValueError: a value is NULL or of another type; beside PostgreSQL, NULL is a `TypeError`.
    """
    if connection.vendor != "postgresql":
        return _fetched(rows, columns, moments)
    table = _copied(rows, columns)
    for column in moments:
        table[:, column] += ITS_EPOCH
    return table


def _copied(rows: QuerySet[Any, tuple[Any, ...]], columns: int) -> Ints:
    query, parameters = rows.query.sql_with_params()
    received = io.BytesIO()
    with connection.cursor() as cursor, connection.wrap_database_errors:
        statement = cursor.mogrify(query, parameters).decode()
        cursor.copy_expert(f"COPY ({statement}) TO STDOUT (FORMAT binary)", received)
    record = np.dtype([("values", ">i2"), ("columns", [("length", ">i4"), ("value", ">i8")], (columns,))])
    size = len(received.getbuffer()) - HEAD_BYTES - END_BYTES
    count, rest = divmod(size, record.itemsize)
    if rest:
        raise ValueError("A column is NULL or of another type than bigint.")
    table = np.frombuffer(received.getbuffer(), dtype=record, count=count, offset=HEAD_BYTES)
    if (table["values"] != columns).any() or (table["columns"]["length"] != VALUE_BYTES).any():
        raise ValueError("A column is NULL or of another type than bigint.")
    numbers: Ints = table["columns"]["value"].astype(np.int64)
    return numbers


def _fetched(rows: QuerySet[Any, tuple[Any, ...]], columns: int, moments: Collection[int]) -> Ints:
    fetched = [tuple(_microseconds(value) if at in moments else value for at, value in enumerate(row)) for row in rows]
    return np.array(fetched, dtype=np.int64).reshape(-1, columns)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * MICROSECONDS)
