"""What is expected of a coupon's stock, for whoever acts on it."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Sum

from coupons.enums import StockMovementKind
from coupons.models import StockForecast, StockMovement

# Batches open when the forecast said they would; these it did not know of.
ADDED_BY_HAND = [StockMovementKind.TOPPED_UP, StockMovementKind.RESERVE_OPENED]


def forecast_in_force(*, coupon_id: int, now: datetime) -> StockForecast | None:
    """Returns a coupon's forecast; None when there is none, or when it is too old to act on."""
    forecast = StockForecast.objects.filter(coupon_id=coupon_id).first()
    return forecast if forecast is not None and forecast.holds(now) else None


def topped_up_since(*, coupon_id: int, since: datetime) -> int:
    """Returns how much was added to a coupon's stock beyond what was planned; it counts against the suggestion."""
    added = StockMovement.objects.filter(coupon_id=coupon_id, kind__in=ADDED_BY_HAND, created_at__gte=since)
    return added.aggregate(sum=Sum("quantity"))["sum"] or 0
