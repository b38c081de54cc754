"""Codes for a file, what they are of, how often they were used, and what is still to be made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import Count, F, QuerySet, Sum

from coupons.enums import CodeBatchState, Handout
from coupons.models import Code, CodeBatch, CodeUse, Coupon

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


def takes_codes(coupon: Coupon) -> bool:
    """Tells whether a code could be turned into a claim of a coupon; who types one is not asked for terms."""
    return coupon.handout in (Handout.SHOWCASE, Handout.CODE) and not coupon.is_fitted


def times_used(codes: Iterable[Code]) -> dict[int, int]:
    """Returns by key how often each code was used.

    A code without a limit is not counted while it is used, since the whole rush would queue for that count.
    """
    used = {code.pk: code.used for code in codes}
    uses = CodeUse.objects.filter(code__in=used, code__maximum_uses=None).order_by().values("code")
    for code_id, count in uses.annotate(count=Count("pk")).values_list("code", "count"):
        used[code_id] = max(used[code_id], count)
    return used


def rows_waiting() -> int:
    """Returns how many rows of all batches are still to be worked on."""
    open_batches = CodeBatch.objects.filter(state__in=[CodeBatchState.WAITING, CodeBatchState.RUNNING])
    return open_batches.aggregate(left=Sum(F("quantity") - F("done")))["left"] or 0
