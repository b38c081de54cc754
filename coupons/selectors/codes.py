"""Codes for a file, and what is still to be made."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, QuerySet, Sum

from coupons.enums import CodeBatchState
from coupons.models import Code, CodeBatch

READ_AT_ONCE = 5000


def codes_in_turn(codes: QuerySet[Code]) -> Iterator[Code]:
    """Yields codes in the order in which they were made, any number of them.

    One short query after another rather than one cursor: it works behind a connection pool too, and holds no
    snapshot open while somebody's slow line takes the file.
    """
    after = 0
    codes = codes.order_by("pk").only("text", "maximum_uses", "used", "created_at")
    while page := list(codes.filter(pk__gt=after)[:READ_AT_ONCE]):
        yield from page
        after = page[-1].pk


def rows_waiting() -> int:
    """Returns how many rows of all batches are still to be worked on."""
    open_batches = CodeBatch.objects.filter(state__in=[CodeBatchState.WAITING, CodeBatchState.RUNNING])
    return open_batches.aggregate(left=Sum(F("quantity") - F("done")))["left"] or 0
