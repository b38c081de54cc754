"""Stretches of shop days that a figure is measured over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Max, Min

from config.kernel.clock import end_of_shop_day, shop_date, shop_zone, start_of_shop_day
from coupons.models import Claim, Order

DEFAULT_DAYS = 30
# Up to so many days a chart has a column a day; beyond, a column a week.
DAILY_UP_TO = 62
WEEKLY_UP_TO = 400


@dataclass(frozen=True, slots=True)
class Period:
    """Shop days from `first` to `last`, both included; as moments the half-open `[start, end)`."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        return start_of_shop_day(self.first)

    @property
    def end(self) -> datetime:
        return end_of_shop_day(self.last)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def days_a_column(self) -> int:
        """How many days one column of a chart stands for: 1, 7 or 28."""
        if self.days <= DAILY_UP_TO:
            return 1
        return 7 if self.days <= WEEKLY_UP_TO else 28

    def columns(self) -> list[date]:
        """Returns the first day of each column."""
        return [self.first + timedelta(days=offset) for offset in range(0, self.days, self.days_a_column)]


def last_days(newest: date, days: int) -> Period:
    """Returns the so many days that end with a day, itself included."""
    return Period(first=newest - timedelta(days=days - 1), last=newest)


def days_with_data(*, now: datetime) -> Period:
    """Returns the days from the first claim or order to the newest one; today alone when there is neither.

    What is dated later than now (an import may be) is left out.
    """
    moments = [
        *Claim.objects.filter(claimed_at__lte=now).aggregate(Min("claimed_at"), Max("claimed_at")).values(),
        *Order.objects.filter(placed_at__lte=now).aggregate(Min("placed_at"), Max("placed_at")).values(),
    ]
    known = [shop_date(moment) for moment in moments if moment is not None] or [shop_date(now)]
    return Period(first=min(known), last=max(known))


def years_with_claims(*, now: datetime) -> list[Period]:
    """Returns the shop's calendar years in which coupons were claimed, oldest first; one query.

    What is dated later than now (an import may be) is left out.
    """
    starts = Claim.objects.filter(claimed_at__lte=now).datetimes("claimed_at", "year", tzinfo=shop_zone())
    return [Period(first=date(start.year, 1, 1), last=date(start.year, 12, 31)) for start in starts]
