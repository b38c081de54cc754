"""Tags in bulk: what a job learned about millions of shoppers, written at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, transaction

from config.kernel.locks import busy_when_locked
from users.enums import TagSource

CHUNK_ROWS = 20_000

# Names are cut by length and not matched by LIKE, so that no character of a prefix is special.
DELETE_STALE = """
DELETE FROM users_tag
WHERE source = %(source)s AND substr(name, 1, %(length)s) = %(prefix)s
  AND NOT EXISTS (
      SELECT 1 FROM users_tag_staging AS staged
      WHERE staged.shopper_id = users_tag.shopper_id AND staged.name = users_tag.name
  )
"""
# A shopper who was erased while the job was running is left out.
MERGE = """
INSERT INTO users_tag (shopper_id, name, source, set_at, expires_at)
SELECT staged.shopper_id, staged.name, %(source)s, %(now)s, %(expires_at)s
FROM users_tag_staging AS staged JOIN users_user ON users_user.id = staged.shopper_id
WHERE TRUE ORDER BY staged.shopper_id
ON CONFLICT (shopper_id, name) DO UPDATE SET
    source = excluded.source, set_at = excluded.set_at, expires_at = excluded.expires_at
"""


def tags_replace(
    *,
    source: TagSource,
    prefix: str,
    assignments: Iterable[tuple[int, str]],
    expires_at: datetime | None,
    now: datetime,
) -> int:
    """Makes the tags of a source that begin with a prefix exactly these, all or nothing.

    Each shopper has at most one of them afterwards. A tag of the same name that somebody else set becomes this
    source's. Memory stays flat however many there are; on PostgreSQL they travel by COPY.

    Args:
        prefix: what every name begins with, such as `segment:`; not empty.
        assignments: shopper id and tag name, each shopper at most once; read once, inside the transaction.
        expires_at: when the tags end; None for never.

    Returns:
        how many shoppers carry a tag now.

    Raises:
        ValueError: a name does not begin with the prefix, or the prefix is empty.
        IntegrityError: a shopper comes twice.
    """
    if not prefix:
        raise ValueError("without a prefix this would replace every tag of the source")
    moment = connection.ops.adapt_datetimefield_value
    with busy_when_locked(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS users_tag_staging")
        cursor.execute(
            "CREATE TEMPORARY TABLE users_tag_staging (shopper_id bigint PRIMARY KEY, name varchar(64) NOT NULL)"
        )
        for chunk in _chunks(_checked(assignments, prefix)):
            _stage(cursor, chunk)
        values: dict[str, Any] = {"source": source.value, "prefix": prefix, "length": len(prefix)}
        cursor.execute(DELETE_STALE, values)
        cursor.execute(MERGE, {**values, "now": moment(now), "expires_at": expires_at and moment(expires_at)})
        written = int(cursor.rowcount)
        cursor.execute("DROP TABLE users_tag_staging")
        return written


def _checked(assignments: Iterable[tuple[int, str]], prefix: str) -> Iterator[tuple[int, str]]:
    for shopper_id, name in assignments:
        if not name.startswith(prefix):
            raise ValueError(f"{name!r} does not begin with {prefix!r}")
        yield shopper_id, name


def _chunks(rows: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield chunk


def _stage(cursor: Any, rows: list[tuple[int, str]]) -> None:
    if connection.vendor != "postgresql":
        cursor.executemany("INSERT INTO users_tag_staging (shopper_id, name) VALUES (%s, %s)", rows)
        return
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    text.seek(0)
    # COPY goes around Django, which would raise its own errors.
    with connection.wrap_database_errors:
        cursor.copy_expert("COPY users_tag_staging (shopper_id, name) FROM STDIN WITH (FORMAT csv)", text)
