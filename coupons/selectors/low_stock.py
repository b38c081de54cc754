"""Coupons that need the attention of their stock policy."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q, QuerySet

from coupons.models import Coupon
from coupons.selectors.showcase import remaining_stock


def coupons_to_watch(*, now: datetime) -> QuerySet[Coupon]:
    """Returns the live coupons with a policy whose stock is low or expected to end soon, or was when last looked at."""
    return (
        Coupon.objects.live(now)
        .filter(stock_policy__isnull=False, stock__is_unlimited=False)
        .annotate(stock_left=remaining_stock())
        .filter(
            Q(stock_policy__is_low=True)
            | Q(stock_policy__is_short=True)
            | Q(stock_left__lt=F("stock_policy__low_below"))
            # Counted from last night; which of these few end too soon by now is asked one by one.
            | Q(stock_policy__warn_days__gt=0, stock_forecast__days_of_cover__lte=F("stock_policy__warn_days") + 2)
        )
        .order_by("pk")
    )
