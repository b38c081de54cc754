"""How often the shelves of the shop were bought from, week by week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db import connection
from django.db.models import Exists, F, Max, Min, OuterRef, Sum
from django.db.models.functions import TruncWeek
from numpy.typing import NDArray

from config.kernel.clock import shop_date, shop_zone, start_of_shop_day
from coupons.enums import OrderState
from coupons.models import Category, Order, OrderLine, Product

DAYS_A_WEEK = 7
CLOSED_FOR = timedelta(days=28)
YEAR = timedelta(days=364)
FEWEST_ORDERS = 10


@dataclass(frozen=True, slots=True)
class WeeklyDemand:
    """Categories that sell something, one row each, and whole weeks from Monday on, one column each.

    `purchases` counts paid orders with at least one product of the category; `money` is what these lines cost after
    discounts, in minor units.
    """

    first_days: tuple[date, ...]
    category_ids: NDArray[np.int64]
    purchases: NDArray[np.float64]
    money: NDArray[np.float64]


def weeks_known(*, now: datetime, most: int) -> tuple[date, int] | None:
    """Returns the first Monday and the number of whole weeks that the shop has sold something in, up to the last one.

    They end before this week; or with the last whole week that saw an order, where there was none in the month before
    it (imported history, a shop that has been closed). None when there is no whole week.

    Args:
        most: so many of the newest weeks at most.
    """
    end = _monday_of(shop_date(now))
    sold = Order.objects.filter(state=OrderState.REDEEMED, placed_at__lt=start_of_shop_day(end))
    first, newest = sold.aggregate(first=Min("placed_at"), newest=Max("placed_at")).values()
    if first is None:
        return None
    before = start_of_shop_day(end - YEAR)
    if sold.filter(placed_at__gte=before)[:FEWEST_ORDERS].count() < FEWEST_ORDERS:
        # A handful of orders, such as trials beside an imported history, are no year of a shop.
        newest = sold.filter(placed_at__lt=before).aggregate(newest=Max("placed_at"))["newest"] or newest
    first, last = shop_date(first), shop_date(newest)
    if last < end - CLOSED_FOR:
        end = _monday_of(last + timedelta(days=1))
    # The week of the first order is a part of one, unless that was a Monday's.
    start = _monday_of(first + timedelta(days=DAYS_A_WEEK - 1))
    weeks = min(most, (end - start).days // DAYS_A_WEEK)
    return (end - timedelta(days=DAYS_A_WEEK * weeks), weeks) if weeks > 0 else None


def _monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def weekly_demand(*, first_monday: date, weeks: int) -> WeeklyDemand:
    """Returns the demand of so many whole weeks.

    Only a product's own category counts, not the ones above it. Categories in which nothing is on sale are left out:
    what an import keeps there are fees, fuel and the like.

    Args:
        first_monday: of the oldest week.

    Raises:
        ValueError: it is no Monday.
    """
    if first_monday.weekday():
        raise ValueError("weeks begin on Monday")
    first_days = tuple(first_monday + timedelta(days=DAYS_A_WEEK * week) for week in range(weeks))
    selling = Product.objects.filter(category=OuterRef("pk"), is_on_sale=True)
    categories = Category.objects.filter(Exists(selling))
    category_ids = list(categories.order_by("pk").values_list("pk", flat=True))
    row_of = {category_id: row for row, category_id in enumerate(category_ids)}
    purchases, money = np.zeros((2, len(category_ids), weeks))
    start, end = first_days[0], first_days[-1] + timedelta(days=DAYS_A_WEEK)
    of_orders = (
        OrderLine.objects.filter(
            order__state=OrderState.REDEEMED,
            order__placed_at__gte=start_of_shop_day(start),
            order__placed_at__lt=start_of_shop_day(end),
            product__category__in=categories.order_by().values("pk"),
        )
        .annotate(week=TruncWeek("order__placed_at", tzinfo=shop_zone()), category=F("product__category"))
        .order_by()
        .values("order_id", "category", "week")
        .annotate(paid=Sum("payable"))
    )
    # Counting distinct orders in one step would sort the lines of years on disk; by hash it takes as long as reading.
    statement, parameters = of_orders.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT category, week, COUNT(*), SUM(paid) FROM ({statement}) AS of_orders GROUP BY 1, 2",  # noqa: S608  # Django's own text
            parameters,
        )
        for category_id, week, count, paid in cursor.fetchall():
            monday = date.fromisoformat(str(week)[:10])
            place = row_of[category_id], (monday - first_monday).days // DAYS_A_WEEK
            purchases[place], money[place] = count, paid
    return WeeklyDemand(first_days, np.array(category_ids, dtype=np.int64), purchases, money)
