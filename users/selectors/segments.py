"""Which learned segment a shopper is in."""

from __future__ import annotations

from datetime import datetime

from users.models import Tag, User


def segment_tag_of(shopper: User, *, now: datetime) -> str:
    """Returns the tag that the nightly segmentation gave a shopper, such as `segment:loyal`; "" without one."""
    tags = Tag.objects.segments(now).filter(shopper=shopper)
    return tags.order_by("name").values_list("name", flat=True).first() or ""
