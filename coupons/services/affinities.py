"""Affinities as a night leaves them: one edition replaces another from one moment to the next."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from config.kernel.bulk import Shared, copy_rows, refresh_statistics
from coupons.enums import AffinityReason
from coupons.models import Affinity, AffinityEdition
from coupons.services.editions import delete_by_shopper

FIELDS = ["edition_id", "shopper_id", "coupon_id", "place", "score", "reason", "reason_data"]
# What one transaction writes or deletes: some tenths of a second.
CHUNK_ROWS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class AffinityWhy:
    """Why a coupon stands where it stands; one of these serves all the places that say the same."""

    reason: AffinityReason
    # `name_en` and `name_zh` of the product type that the reason speaks of.
    data: Mapping[str, Any] = field(default_factory=dict)


class AffinityDraft(NamedTuple):
    """One coupon's place in a list; `shopper_id` None is everybody's list. A night makes a dozen for each shopper."""

    shopper_id: int | None
    coupon_id: int
    # 1 is best.
    place: int
    score: float
    why: AffinityWhy


def affinities_replace(*, drafts: Iterable[AffinityDraft], now: datetime) -> int:
    """Replaces what the showcase sorts by; call it outside a transaction, and one call at a time.

    Rows are written in chunks under an edition that nobody reads. One small transaction then shows it in place of
    the last; what was shown before is deleted afterwards. When anything fails on the way, the last edition stays.

    Args:
        drafts: read once; at most one for each shopper and coupon.

    Returns:
        how many were written.

    Raises:
        IntegrityError: a coupon or shopper does not exist, or is there twice.
    """
    # What a killed run left behind.
    _delete_hidden()
    edition = AffinityEdition.objects.create(computed_at=now)
    try:
        count = sum(_write(edition, chunk) for chunk in _chunks(drafts))
    except BaseException:
        _delete_hidden()
        raise
    refresh_statistics(Affinity)
    with transaction.atomic():
        AffinityEdition.objects.filter(is_shown=True).update(is_shown=False)
        AffinityEdition.objects.filter(pk=edition.pk).update(is_shown=True)
    _delete_hidden()
    return count


def _chunks(drafts: Iterable[AffinityDraft]) -> Iterator[list[AffinityDraft]]:
    remaining = iter(drafts)
    while chunk := list(itertools.islice(remaining, CHUNK_ROWS)):
        yield chunk


@transaction.atomic
def _write(edition: AffinityEdition, chunk: list[AffinityDraft]) -> int:
    said = {why: (Shared(why.reason.value), Shared(dict(why.data))) for why in {draft.why for draft in chunk}}
    copy_rows(Affinity, FIELDS, ((edition.pk, *draft[:4], *said[draft.why]) for draft in chunk))
    return len(chunk)


def _delete_hidden() -> None:
    hidden = list(AffinityEdition.objects.filter(is_shown=False).values_list("pk", flat=True))
    for edition_id in hidden:
        rows = Affinity.objects.filter(edition=edition_id)
        # Everybody's list, a row for each coupon.
        rows.filter(shopper=None).delete()
        delete_by_shopper(rows, chunk_rows=CHUNK_ROWS)
    AffinityEdition.objects.filter(pk__in=hidden).delete()
