"""How often the shelves of the shop were bought from, week by week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db.models import Count, Exists, Max, Min, OuterRef, Sum
from numpy.typing import NDArray

from config.kernel.clock import shop_date, start_of_shop_day
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
    category_ids = list(Category.objects.filter(Exists(selling)).order_by("pk").values_list("pk", flat=True))
    row_of = {category_id: row for row, category_id in enumerate(category_ids)}
    purchases, money = np.zeros((2, len(category_ids), weeks))
    # A week at a time: telling the orders of years apart would take a sort of all their lines on disk.
    for week, monday in enumerate(first_days):
        sold = (
            OrderLine.objects.filter(
                order__state=OrderState.REDEEMED,
                order__placed_at__gte=start_of_shop_day(monday),
                order__placed_at__lt=start_of_shop_day(monday + timedelta(days=DAYS_A_WEEK)),
                product__category__in=category_ids,
            )
            .order_by()
            .values_list("product__category")
            .annotate(Count("order", distinct=True), Sum("payable"))
        )
        for category_id, count, payable in sold.iterator():
            purchases[row_of[category_id], week], money[row_of[category_id], week] = count, payable
    return WeeklyDemand(first_days, np.array(category_ids, dtype=np.int64), purchases, money)
