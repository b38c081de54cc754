"""Setting coupons aside for shoppers, as some upper app has decided."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from config.kernel.bulk import copy_rows, refresh_statistics
from coupons.models import Allocation, AllocationEdition
from coupons.services.editions import delete_by_shopper

FIELDS = ("edition_id", "coupon_id", "shopper_id", "until", "computed_at", "explanation")
# What one transaction writes or deletes: some tenths of a second.
CHUNK_ROWS = 20_000
KEPT_AFTER_END = timedelta(days=1)

Row = tuple[int, int, dict[str, Any]]


def allocations_replace(
    *,
    coupon_ids: Collection[int],
    rows: Iterable[Row],
    until: datetime,
    now: datetime,
    before_switch: Callable[[], None] | None = None,
) -> int:
    """Replaces whom coupons are set aside for; call it outside a transaction, and one call at a time.

    Rows are written in chunks under editions that decide nothing yet. One small transaction then puts them in force in
    place of the last; those are deleted afterwards. A claim sees the old or the new ones, never none and never both,
    and waits for neither. When anything fails on the way, the last ones stay.

    Args:
        coupon_ids: the coupons that were decided on, those that go to nobody too.
        rows: coupon, shopper and explanation of each; read once.
        until: when they end, renewed or not.
        before_switch: called when all is written, and before any of it is in force.

    Returns:
        how many there are now.

    Raises:
        IntegrityError: a coupon or shopper does not exist, or is there twice.
    """
    # What a killed run left behind.
    _delete_others(coupon_ids)
    editions = {
        coupon_id: AllocationEdition.objects.create(coupon_id=coupon_id, computed_at=now).pk
        for coupon_id in sorted(coupon_ids)
    }
    try:
        count = sum(_write(editions, chunk, until, now) for chunk in _chunks(rows))
        refresh_statistics(Allocation)
        if before_switch is not None:
            before_switch()
        with transaction.atomic():
            # Always in the order of their keys, so that two switches wait for each other instead of locking up.
            of_coupons = AllocationEdition.objects.filter(coupon_id__in=coupon_ids).order_by("pk").select_for_update()
            list(of_coupons.values_list("pk", flat=True))
            of_coupons.filter(is_in_force=True).order_by().update(is_in_force=False)
            AllocationEdition.objects.filter(pk__in=editions.values()).update(is_in_force=True)
    finally:
        # After the switch that is what was in force before; after a failure it is what was being written.
        _delete_others(coupon_ids)
    return count


def allocations_clear_ended(*, now: datetime) -> int:
    """Deletes what no run renews any more, such as that of a plan that is over; call it outside a transaction.

    What ended decides nothing, so that nobody's coupons change. What ended within the last day stays to be looked at.

    Returns:
        how many editions went.
    """
    # An edition's allocations all end at once.
    of_edition = Allocation.objects.filter(edition=OuterRef("pk")).order_by("shopper")
    editions = AllocationEdition.objects.annotate(until=Subquery(of_edition.values("until")[:1]))
    return _delete(editions.filter(until__lt=now - KEPT_AFTER_END))


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while chunk := list(itertools.islice(remaining, CHUNK_ROWS)):
        yield chunk


@transaction.atomic
def _write(editions: dict[int, int], chunk: list[Row], until: datetime, now: datetime) -> int:
    copy_rows(
        Allocation,
        FIELDS,
        (
            (editions[coupon_id], coupon_id, shopper_id, until, now, explanation)
            for coupon_id, shopper_id, explanation in chunk
        ),
    )
    return len(chunk)


def _delete_others(coupon_ids: Collection[int]) -> None:
    _delete(AllocationEdition.objects.filter(coupon_id__in=coupon_ids, is_in_force=False))


def _delete(editions: QuerySet[AllocationEdition]) -> int:
    gone = list(editions.values_list("pk", flat=True))
    for edition_id in gone:
        delete_by_shopper(Allocation.objects.filter(edition=edition_id), chunk_rows=CHUNK_ROWS)
    AllocationEdition.objects.filter(pk__in=gone).delete()
    return len(gone)
