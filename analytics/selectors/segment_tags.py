"""Which segment each shopper is in, by the tag of the nightly segmentation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from config.kernel.among import Among
from users.models import Tag

FETCHED_ROWS = 20_000


def segments_of(shopper_ids: NDArray[np.int64], *, now: datetime) -> list[str]:
    """Returns the segment's tag of each of these shoppers, "" for one without."""
    tags = dict(_tags(now).filter(Among("shopper_id", shopper_ids.tolist())).values_list("shopper_id", "name"))
    return [tags.get(shopper_id, "") for shopper_id in shopper_ids.tolist()]


def tagged_shoppers(*, now: datetime, except_for: NDArray[np.int64]) -> Iterator[tuple[int, str]]:
    """Yields everybody with a segment, and its tag.

    Args:
        except_for: shoppers to leave out, ascending.
    """
    tagged = _tags(now).order_by("shopper_id").values_list("shopper_id", "name").iterator(FETCHED_ROWS)
    while chunk := list(itertools.islice(tagged, FETCHED_ROWS)):
        ids = np.array([shopper_id for shopper_id, _ in chunk])
        # Only those that can be in this chunk.
        first, last = np.searchsorted(except_for, [ids[0], ids[-1] + 1])
        wanted = ~np.isin(ids, except_for[first:last])
        yield from itertools.compress(chunk, wanted)


def _tags(now: datetime) -> QuerySet[Tag]:
    return Tag.objects.segments(now).filter(shopper__is_active=True, shopper__is_staff=False)
