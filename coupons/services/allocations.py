"""Setting coupons aside for shoppers, as some upper app has decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from config.kernel.bulk import copy_rows
from coupons.models import Allocation

FIELDS = ("coupon_id", "shopper_id", "until", "computed_at", "explanation")


def allocations_replace(
    *,
    coupon_ids: Collection[int],
    rows: Iterable[tuple[int, int, dict[str, Any]]],
    until: datetime,
    now: datetime,
) -> int:
    """Replaces whom coupons are set aside for, all or nothing; a claim sees the old or the new ones, never none.

    Args:
        coupon_ids: the coupons that were decided on, those that go to nobody too.
        rows: coupon, shopper and explanation of each; read once.
        until: when they end, renewed or not.

    Returns:
        how many there are now.
    """
    count = 0

    def counted() -> Iterable[tuple[Any, ...]]:
        nonlocal count
        for coupon_id, shopper_id, explanation in rows:
            count += 1
            yield coupon_id, shopper_id, until, now, explanation

    with transaction.atomic():
        Allocation.objects.filter(coupon_id__in=coupon_ids).delete()
        copy_rows(Allocation, FIELDS, counted())
    return count
