"""Weekly demand: what counts, in which week, and under which category."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from analytics.evaluation import forecast as evaluation
from analytics.evaluation.errors import DataMissing
from analytics.selectors.demand import weekly_demand
from config.kernel.clock import start_of_shop_day
from coupons.models import OrderLine, Product
from tests import factories
from tests.analytics.builders import make_order

MONDAY = date(2026, 11, 2)
WEEK = timedelta(days=7)


def buy(product: Product, at: datetime, *, lines: int = 1, **fields: Any) -> None:
    order = make_order(factories.make_shopper(), at, **fields)
    for number in range(1, lines + 1):
        OrderLine.objects.create(
            order=order, number=number, product=product, unit_price=30_00, quantity=2, payable=60_00
        )


@pytest.mark.django_db
class TestWeeklyDemand:
    def test_counts_orders_once_and_money_of_all_lines(self) -> None:
        product = factories.make_product()
        buy(product, start_of_shop_day(MONDAY), lines=2)
        buy(product, start_of_shop_day(MONDAY + 2 * WEEK))

        demand = weekly_demand(first_monday=MONDAY, weeks=3)
        assert demand.category_ids.tolist() == [product.category_id]
        assert demand.purchases.tolist() == [[1, 0, 1]]
        assert demand.money.tolist() == [[120_00, 0, 60_00]]
        assert demand.first_days == (MONDAY, MONDAY + WEEK, MONDAY + 2 * WEEK)

    def test_weeks_turn_over_at_the_shops_midnight(self) -> None:
        product = factories.make_product()
        step = timedelta(microseconds=1)
        for moment in (MONDAY, MONDAY + WEEK, MONDAY + 2 * WEEK):
            buy(product, start_of_shop_day(moment) - step)

        # The first lies before the window, and each other one in the week that it ends.
        assert weekly_demand(first_monday=MONDAY, weeks=2).purchases.tolist() == [[1, 1]]

    def test_leaves_out_refunded_orders_and_shelves_that_sell_nothing(self) -> None:
        at = start_of_shop_day(MONDAY)
        buy(factories.make_product(), at, refunded_at=at)
        buy(factories.make_product(is_on_sale=False), at)

        demand = weekly_demand(first_monday=MONDAY, weeks=1)
        assert demand.purchases.tolist() == [[0]]

    def test_refuses_a_week_that_begins_on_another_day(self) -> None:
        with pytest.raises(ValueError, match="Monday"):
            weekly_demand(first_monday=MONDAY + timedelta(days=1), weeks=1)

    def test_an_empty_shop_cannot_be_evaluated(self) -> None:
        with pytest.raises(DataMissing, match="load_complete_journey"):
            evaluation.evaluate(7, lambda text: None)
