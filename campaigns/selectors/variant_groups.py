"""Variant groups by their keys, and the coupons that they lead to."""

from __future__ import annotations

from datetime import datetime

from campaigns.models import Decision, VariantGroup
from config.kernel.errors import NotFound
from coupons.models import Coupon
from coupons.selectors.showcase import visible_coupons


def variant_group_known(*, key: str) -> VariantGroup:
    """Returns the group with a key, on or off.

    Raises:
        NotFound: there is none.
    """
    group = VariantGroup.objects.filter(key=key).first()
    if group is None:
        raise NotFound
    return group


def coupon_offered(*, decision: Decision, now: datetime) -> Coupon:
    """Returns the coupon of a decision that was just made, with all that is shown of it to its shopper."""
    coupons = visible_coupons(now=now, shopper=decision.shopper)
    return coupons.prefetch_related("scope_entries__product", "scope_entries__category").get(pk=decision.coupon_id)
