"""Days as the shop counts them, through clock changes and over the date line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from config.kernel.clock import database_now, end_of_shop_day, shop_date, start_of_shop_day


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Shanghai", date(2026, 11, 21), 24),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Pacific/Kiritimati", date(2024, 2, 29), 24),
        ("Etc/GMT+12", date(2026, 12, 31), 24),
        # Midnight itself falls into the gap of this clock change.
        ("America/Asuncion", date(2023, 10, 1), 23),
    ],
)
def test_a_shop_day_is_half_open_and_follows_the_next(settings, zone: str, day: date, hours: int) -> None:
    settings.TIME_ZONE = zone
    starts_at, ends_at = start_of_shop_day(day), end_of_shop_day(day)
    assert ends_at - starts_at == timedelta(hours=hours)
    assert shop_date(starts_at) == day
    assert shop_date(ends_at - timedelta(microseconds=1)) == day
    assert shop_date(ends_at) == day + timedelta(days=1)


@pytest.mark.django_db
def test_the_database_tells_the_time_and_it_moves_inside_a_transaction() -> None:
    first = database_now()
    second = database_now()
    assert first.tzinfo is UTC
    assert second > first
    assert abs(second - datetime.now(UTC)) < timedelta(minutes=1)
    assert connection.in_atomic_block
