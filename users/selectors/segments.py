"""Which learned segment a shopper is in."""

from __future__ import annotations

from datetime import datetime

from users.enums import SEGMENT_PREFIX, TagSource
from users.models import Tag, User


def segment_tag_of(shopper: User, *, now: datetime) -> str:
    """Returns the tag that the nightly segmentation gave a shopper, such as `segment:loyal`; "" without one."""
    tags = Tag.objects.active(now).filter(
        shopper=shopper, source=TagSource.SEGMENTATION, name__startswith=SEGMENT_PREFIX
    )
    return tags.order_by("name").values_list("name", flat=True).first() or ""
