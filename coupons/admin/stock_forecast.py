"""The forecast of a coupon's stock, as its page shows it: figures, a drawing, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.safestring import SafeString

from config.kernel.clock import database_now, shop_date
from coupons.enums import Handout
from coupons.models import StockForecast
from coupons.selectors.stock_forecasts import forecast_in_force, topped_up_since

WIDTH, HEIGHT, LABEL_HEIGHT = 720, 150, 18
COLUMN_SHARE = 0.8
DAYS_BETWEEN_LABELS = 7
# Of a column without claims nothing is drawn; of one with few, something.
SHORTEST = 1.0


@dataclass(frozen=True, slots=True)
class Day:
    """One column: its place and height as SVG writes numbers, and what it says. `label` is empty under most days."""

    x: str
    y: str
    width: str
    height: str
    text: str
    label: str
    is_ahead: bool


def forecast_panel(*, coupon_id: int, now: datetime) -> SafeString | str:
    """Returns the forecast of a coupon as HTML; a dash when there is none in force."""
    forecast = forecast_in_force(coupon_id=coupon_id, now=now)
    if forecast is None:
        return "–"
    return render_to_string("admin/coupons/coupon/stock_forecast.html", panel_context(forecast))


def panel_context(forecast: StockForecast) -> dict[str, Any]:
    """Returns what the panel says; of an automatic promotion, which nobody claims, only how long its budget lasts."""
    is_claimed = forecast.coupon.handout != Handout.AUTOMATIC
    return {
        "forecast": forecast,
        "is_claimed": is_claimed,
        "days": forecast_days(forecast) if is_claimed else [],
        "width": WIDTH,
        "height": HEIGHT,
        "batches": [
            (parse_datetime(batch["opens_at"]), batch["quantity"])
            for batch in forecast.batches
            if batch["opens_at"] and batch["quantity"]
        ],
    }


def forecast_days(forecast: StockForecast) -> list[Day]:
    """Returns past days and the ones ahead as columns, the oldest first."""
    numbers = [*forecast.claims_past, *forecast.claims_ahead]
    if not numbers:
        return []
    first = shop_date(forecast.made_at) - timedelta(days=len(forecast.claims_past))
    step, highest = WIDTH / len(numbers), max(numbers) or 1
    room = HEIGHT - LABEL_HEIGHT
    days = []
    for place, number in enumerate(numbers):
        tall = max(SHORTEST, number / highest * room) if number > 0 else 0.0
        day = date_format(first + timedelta(days=place), "m-d")
        days.append(
            Day(
                x=f"{place * step:.1f}",
                y=f"{room - tall:.1f}",
                width=f"{step * COLUMN_SHARE:.1f}",
                height=f"{tall:.1f}",
                text=f"{day}: {number:g}",
                label="" if place % DAYS_BETWEEN_LABELS else day,
                is_ahead=place >= len(forecast.claims_past),
            )
        )
    return days


def suggested_top_up(*, coupon_id: int, now: datetime) -> int:
    """Returns how many more a coupon should have; 0 when nothing is suggested, or it has been added since."""
    forecast = forecast_in_force(coupon_id=coupon_id, now=now)
    if forecast is None:
        return 0
    return max(0, forecast.top_up - topped_up_since(coupon_id=coupon_id, since=forecast.made_at))


class SuggestedQuantityMixin:
    """A stock dialog that opens with what the forecast suggests."""

    def __init__(self, request: HttpRequest, object_id: int | str | None = None, **kwargs: Any) -> None:
        suggested = 0
        if str(object_id).isdecimal():
            suggested = suggested_top_up(coupon_id=int(str(object_id)), now=database_now())
        if suggested:
            kwargs["initial"] = {"quantity": suggested, **(kwargs.get("initial") or {})}
        super().__init__(request=request, object_id=object_id, **kwargs)  # type: ignore[call-arg]  # of the dialog
