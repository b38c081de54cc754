"""Clearing away what an edition holds: rows that a night wrote in bulk, and that nobody reads any more."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet


def delete_by_shopper(rows: QuerySet[Any], *, chunk_rows: int) -> None:
    """Deletes an edition's rows that have a shopper in chunks; call it outside a transaction.

    It walks from shopper to shopper along the index of edition and shopper: going by the primary key would pass every
    row of the edition that is read, again for each chunk.

    Args:
        rows: all of one edition.
        chunk_rows: what one statement deletes, and a little more where a shopper has several rows.
    """
    last: int | None = 0
    while last is not None:
        rest = rows.filter(shopper__gt=last)
        last = rest.order_by("shopper").values_list("shopper_id", flat=True)[chunk_rows : chunk_rows + 1].first()
        (rest if last is None else rest.filter(shopper__lte=last)).delete()
