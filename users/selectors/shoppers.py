"""Finding shoppers by the ids that other systems know."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from users.models import User


def shopper_find(*, public_id: UUID | None = None, external_id: str | None = None) -> User | None:
    """Returns the shopper with an id; None when there is none. Staff are nobody's shoppers.

    Args:
        public_id: the platform's id; looked at first.
        external_id: the shop's own id.
    """
    shoppers = User.objects.shoppers()
    if public_id is not None:
        return shoppers.filter(public_id=public_id).first()
    if external_id:
        return shoppers.filter(external_id=external_id).first()
    return None


def shopper_keys(*, public_ids: Collection[UUID], external_ids: Collection[str]) -> dict[UUID | str, int]:
    """Returns the primary keys of many shoppers by either kind of id, in two queries at most."""
    keys: dict[UUID | str, int] = {}
    shoppers = User.objects.shoppers()
    if public_ids:
        keys.update(shoppers.filter(public_id__in=public_ids).values_list("public_id", "pk"))
    if external_ids:
        keys.update(
            (external_id, key)
            for external_id, key in shoppers.filter(external_id__in=external_ids).values_list("external_id", "pk")
            if external_id is not None
        )
    return keys
