"""What features are made of, out of the database and into Parquet files, without a row passing through Python."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import duckdb
from django.db import connection, transaction

from analytics.errors import NeedsPostgreSQL
from analytics.selectors.windows import Window


@dataclass(frozen=True, slots=True)
class Table:
    """One table: the columns that features look at with their types in DuckDB, and which rows."""

    name: str
    columns: dict[str, str]
    rows: str = "true"


# Moments leave as UTC without a zone: reading zones would need an extension that DuckDB downloads.
TABLES = (
    Table(
        "users_behaviourevent",
        {"shopper_id": "BIGINT", "kind": "VARCHAR", "value": "BIGINT", "occurred_at": "TIMESTAMP"},
        "occurred_at >= %(start)s AND occurred_at < %(end)s",
    ),
    Table(
        "coupons_order",
        {
            "id": "BIGINT",
            "shopper_id": "BIGINT",
            "payable": "BIGINT",
            "discount": "BIGINT",
            "state": "VARCHAR",
            "redeemed_at": "TIMESTAMP",
            "closed_at": "TIMESTAMP",
        },
        "redeemed_at >= %(start)s AND redeemed_at < %(end)s",
    ),
    Table("coupons_redemption", {"order_id": "BIGINT"}),
    Table(
        "coupons_claim",
        {"shopper_id": "BIGINT", "claimed_at": "TIMESTAMP"},
        "claimed_at >= %(start)s AND claimed_at < %(end)s",
    ),
    Table("users_user", {"id": "BIGINT", "is_active": "BOOLEAN", "is_staff": "BOOLEAN"}),
    Table("users_tag", {"shopper_id": "BIGINT", "name": "VARCHAR", "source": "VARCHAR"}),
)


class Progress(Protocol):
    """Shows how far a loop has come, such as `config.kernel.progress.progress`."""

    def __call__(self, items: Iterable[Table], *, label: str, total: int | None) -> Iterable[Table]: ...


def silently(items: Iterable[Table], *, label: str, total: int | None) -> Iterable[Table]:
    """Shows nothing."""
    return items


def export_tables(*, folder: Path, window: Window, progress: Progress = silently) -> dict[str, int]:
    """Writes every table that features are made of as `<folder>/<table>.parquet`; a file of that name is replaced.

    All tables are read in one snapshot. Memory stays flat: PostgreSQL writes a file by COPY, DuckDB turns it into
    columns.

    Args:
        window: rows outside it are left out where a table has a time.

    Returns:
        how many rows each table has.

    Raises:
        NeedsPostgreSQL: on another database.
    """
    if connection.vendor != "postgresql":
        raise NeedsPostgreSQL
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    with (
        TemporaryDirectory(dir=folder) as scratch,
        duckdb.connect() as duck,
        transaction.atomic(durable=True),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for table in progress(TABLES, label="Writing Parquet", total=len(TABLES)):
            rows = Path(scratch) / f"{table.name}.csv"
            with rows.open("wb") as file:
                cursor.copy_expert(_copy_statement(cursor, table, window), file)
            counts[table.name] = _to_parquet(duck, table, rows, folder / f"{table.name}.parquet")
            rows.unlink()
    return counts


def _copy_statement(cursor: Any, table: Table, window: Window) -> str:
    columns = ", ".join(
        f"{name} AT TIME ZONE 'UTC'" if kind == "TIMESTAMP" else name for name, kind in table.columns.items()
    )
    select = f"SELECT {columns} FROM {table.name} WHERE {table.rows}"  # noqa: S608  # names of this file alone
    statement: bytes = cursor.mogrify(select, {"start": window.start, "end": window.end})
    return f"COPY ({statement.decode()}) TO STDOUT (FORMAT csv)"


def _to_parquet(duck: duckdb.DuckDBPyConnection, table: Table, rows: Path, target: Path) -> int:
    # Types are told, never guessed: a column of NULLs must stay what it is.
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in table.columns.items())
    how = f"auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', columns = {{{columns}}}"
    read = f"SELECT * FROM read_csv({literal(rows)}, {how})"  # noqa: S608  # names of this file alone
    duck.execute(f"COPY ({read}) TO {literal(target)} (FORMAT parquet, COMPRESSION zstd)")
    (count,) = duck.execute(f"SELECT count(*) FROM {literal(target)}").fetchone() or (0,)  # noqa: S608
    return int(count)


def literal(path: Path) -> str:
    """Returns a path as DuckDB's SQL writes it; some of its statements take no parameter there."""
    return "'" + str(path).replace("'", "''") + "'"
