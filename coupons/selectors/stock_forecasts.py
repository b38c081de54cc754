"""What is expected of a coupon's stock, for whoever acts on it."""

from __future__ import annotations

from datetime import datetime

from coupons.models import StockForecast


def forecast_in_force(*, coupon_id: int, now: datetime) -> StockForecast | None:
    """Returns a coupon's forecast; None when there is none, or when it is too old to act on."""
    forecast = StockForecast.objects.filter(coupon_id=coupon_id).first()
    return forecast if forecast is not None and forecast.holds(now) else None
