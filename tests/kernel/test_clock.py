"""Days as the shop counts them, through clock changes and over the date line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from config.kernel.clock import RecentClock, database_now, end_of_shop_day, shop_date, start_of_shop_day


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


class TestTheRecentClock:
    TOLD = datetime(2026, 11, 21, 4, tzinfo=UTC)

    def test_it_counts_its_own_seconds_and_asks_once_a_second(self) -> None:
        seconds = [100.0]
        asked: list[datetime] = []

        def ask() -> datetime:
            asked.append(self.TOLD + timedelta(hours=len(asked)))
            return asked[-1]

        clock = RecentClock(seconds=lambda: seconds[0])
        assert clock.now(ask) == self.TOLD
        seconds[0] += 0.75
        assert clock.now(ask) == self.TOLD + timedelta(seconds=0.75)
        seconds[0] += 0.75
        assert clock.now(ask) == self.TOLD + timedelta(hours=1)
        assert len(asked) == 2

    def test_an_answer_that_takes_long_leaves_it_behind_and_never_ahead(self) -> None:
        seconds = [100.0]

        def ask() -> datetime:
            told = self.TOLD + timedelta(seconds=seconds[0] - 100)
            seconds[0] += 0.5
            return told

        clock = RecentClock(seconds=lambda: seconds[0])
        clock.now(ask)
        assert clock.now(ask) == self.TOLD

    @pytest.mark.reliability(40)
    def test_a_host_that_believes_in_another_year_tells_the_database_s_time(self) -> None:
        with time_machine.travel(datetime(2031, 1, 1, tzinfo=UTC)):
            assert RecentClock().now(lambda: self.TOLD) == self.TOLD
