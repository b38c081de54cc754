"""Time: what the database says it is, and days as the shop counts them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
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


class RecentClock:
    """The database's time, told by this process' own seconds since it last asked.

    The host's idea of the date does not matter, only that its seconds are as long as the database's. It is never ahead
    of the database, and behind by no more than the last answer took on its way.
    """

    def __init__(self, *, seconds: Callable[[], float] = time.monotonic) -> None:
        """Makes a clock that has not asked yet.

        Args:
            seconds: that only grow.
        """
        self._seconds = seconds
        self._asked: tuple[float, datetime] | None = None

    def now(self, ask: Callable[[], datetime]) -> datetime:
        """Returns the time, asking for it once a second at the most."""
        asked, seconds = self._asked, self._seconds()
        if asked is not None and 0 <= seconds - asked[0] < ASK_AGAIN_SECONDS:
            return asked[1] + timedelta(seconds=seconds - asked[0])
        told = ask()
        # Noted after the answer, so that the time it took never makes this clock run ahead.
        self._asked = (self._seconds(), told)
        return told


ASK_AGAIN_SECONDS = 1.0

_recent = RecentClock()


def recent_database_now() -> datetime:
    """Returns the database's time as `database_now` does, without asking it each time; a moment behind.

    For what a crowd does at once. What it writes is never later than what anybody reads afterwards.
    """
    return _recent.now(database_now)


def shop_zone() -> ZoneInfo:
    """Returns the shop's time zone."""
    return ZoneInfo(settings.TIME_ZONE)


def shop_date(moment: datetime) -> date:
    """Returns the calendar day of a moment in the shop's time zone."""
    return moment.astimezone(shop_zone()).date()


def start_of_shop_day(day: date) -> datetime:
    """Returns the first instant of a shop day, in UTC (the gap of a clock change is skipped forward)."""
    return datetime.combine(day, time_of_day.min, tzinfo=shop_zone()).astimezone(UTC)


def end_of_shop_day(day: date) -> datetime:
    """Returns the first instant after a shop day, in UTC: the end of a half-open window."""
    return start_of_shop_day(day + timedelta(days=1))


def as_text(moment: datetime) -> str:
    """Writes a moment as the API does: ISO 8601 in UTC, such as 2026-11-21T04:00:00Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
