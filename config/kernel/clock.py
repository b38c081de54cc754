"""Time: what the database says it is, and days as the shop counts them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection


def database_now() -> datetime:
    """Returns the database's time in UTC: one clock for all web workers, whatever their own clocks say.

    Faces read it once per request and pass it on as `now`.
    """
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    return now.astimezone(UTC)


def shop_zone() -> ZoneInfo:
    """Returns the shop's time zone."""
    return ZoneInfo(settings.TIME_ZONE)


def shop_date(moment: datetime) -> date:
    """Returns the calendar day of a moment in the shop's time zone."""
    return moment.astimezone(shop_zone()).date()


def start_of_shop_day(day: date) -> datetime:
    """Returns the first instant of a shop day, in UTC (the gap of a clock change is skipped forward)."""
    return datetime.combine(day, time.min, tzinfo=shop_zone()).astimezone(UTC)


def end_of_shop_day(day: date) -> datetime:
    """Returns the first instant after a shop day, in UTC: the end of a half-open window."""
    return start_of_shop_day(day + timedelta(days=1))


def as_text(moment: datetime) -> str:
    """Writes a moment as the API does: ISO 8601 in UTC, such as 2026-11-21T04:00:00Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
