"""Features of all buyers, by the statement of the database, over Parquet files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import duckdb

from analytics.scale.parquet import TABLES, literal
from analytics.selectors.features import (
    AGGREGATE_PARAMETERS,
    CHUNK_ROWS,
    READ,
    READ_PARAMETERS,
    Chunk,
    aggregate_statement,
    chunk_of,
)
from analytics.selectors.windows import Window

PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def parquet_features(*, folder: Path, window: Window, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
    """Reads the features of every buyer from the files of `export_tables`, in the order of the shoppers' ids.

    The statements are those of `analytics.selectors.features`, so that there is one definition of each feature; what
    comes out is equal to the last bit.

    Args:
        window: as the files were exported with, or a part of it.
        chunk_rows: how many shoppers a chunk has at most.
    """
    with duckdb.connect() as duck:
        for table in TABLES:
            file = literal(folder / f"{table.name}.parquet")
            duck.execute(f"CREATE VIEW {table.name} AS SELECT * FROM {file}")  # noqa: S608  # names of the code alone
        start, end = (moment.astimezone(UTC).replace(tzinfo=None) for moment in (window.start, window.end))
        duck.execute(_in_duckdb(aggregate_statement("duckdb")), {**AGGREGATE_PARAMETERS, "start": start, "end": end})
        found = duck.execute(_in_duckdb(READ), READ_PARAMETERS)
        while rows := found.fetchmany(chunk_rows):
            yield chunk_of(rows)


def _in_duckdb(statement: str) -> str:
    return PLACEHOLDER.sub(r"$\1", statement)
