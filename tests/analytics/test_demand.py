"""Weekly demand: what counts, in which week, and under which category."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.evaluation import forecast as evaluation
from analytics.evaluation.errors import DataMissing
from analytics.jobs.demand import demand_ahead
from analytics.jobs.stock_forecast import run_stock_forecast
from analytics.selectors.demand import weekly_demand, weeks_known
from config.kernel.clock import start_of_shop_day
from coupons.models import Category, OrderLine, Product
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


def sell(product: Product, *, weeks: int, each: int = 3, before: date = MONDAY) -> None:
    """So many orders in each of the whole weeks before a Monday."""
    for week in range(1, weeks + 1):
        for _number in range(each):
            buy(product, start_of_shop_day(before - week * WEEK))


@pytest.mark.django_db
class TestWeeksKnown:
    def test_are_whole_and_end_before_this_one(self) -> None:
        assert weeks_known(now=start_of_shop_day(MONDAY), most=52) is None
        product = factories.make_product()
        buy(product, start_of_shop_day(MONDAY - 3 * WEEK + timedelta(days=2)))
        # The first week is a part of one, and so is this week.
        assert weeks_known(now=start_of_shop_day(MONDAY + timedelta(days=3)), most=52) == (MONDAY - 2 * WEEK, 2)
        buy(product, start_of_shop_day(MONDAY - 5 * WEEK))
        assert weeks_known(now=start_of_shop_day(MONDAY), most=52) == (MONDAY - 5 * WEEK, 5)
        assert weeks_known(now=start_of_shop_day(MONDAY), most=4) == (MONDAY - 4 * WEEK, 4)

    def test_of_a_shop_that_has_been_closed_end_when_it_closed(self) -> None:
        sell(factories.make_product(), weeks=3)
        later = start_of_shop_day(MONDAY + 40 * WEEK)
        assert weeks_known(now=later, most=52) == (MONDAY - 3 * WEEK, 2)
        # With an order on the last day of a week, that week is whole.
        buy(factories.make_product(), start_of_shop_day(MONDAY) - timedelta(hours=1))
        assert weeks_known(now=later, most=52) == (MONDAY - 3 * WEEK, 3)

    def test_of_an_imported_history_are_not_hidden_by_a_few_orders_of_today(self) -> None:
        product = factories.make_product()
        sell(product, weeks=4)
        later = start_of_shop_day(MONDAY + 100 * WEEK)
        imported = weeks_known(now=later, most=52)
        for day in range(1, 10):
            buy(product, later - timedelta(days=day))
        assert weeks_known(now=later, most=52) == imported == (MONDAY - 4 * WEEK, 3)
        # Control: one more, and the shop is alive.
        buy(product, later - timedelta(days=1))
        assert weeks_known(now=later, most=52) == (MONDAY + 48 * WEEK, 52)


@pytest.mark.django_db
class TestTheNight:
    def test_forecasts_shelves_that_earn_most(self) -> None:
        much, little = factories.make_product(), factories.make_product()
        sell(much, weeks=20, each=3)
        sell(little, weeks=20, each=1)
        found = demand_ahead(now=start_of_shop_day(MONDAY))

        assert [shelf["category"] for shelf in found["shelves"]] == [much.category_id, little.category_id]
        assert found["shelves"][0]["past"] == [3] * 16
        assert found["shelves"][0]["ahead"] == pytest.approx([3] * 4, abs=0.3)
        assert (found["weeks_known"], found["first_monday"]) == (20, (MONDAY - 16 * WEEK).isoformat())
        assert found["wape"] <= found["wape_of_mean"]

    def test_knows_nothing_of_what_comes_later(self) -> None:
        product = factories.make_product()
        sell(product, weeks=16)
        before = demand_ahead(now=start_of_shop_day(MONDAY))
        for _number in range(9):
            buy(product, start_of_shop_day(MONDAY))
        assert demand_ahead(now=start_of_shop_day(MONDAY)) == before
        # Control: a week later it does.
        assert demand_ahead(now=start_of_shop_day(MONDAY + WEEK)) != before

    def test_of_a_young_shop_is_a_mean_that_nobody_has_judged(self) -> None:
        sell(factories.make_product(), weeks=3)
        found = demand_ahead(now=start_of_shop_day(MONDAY))
        assert found["wape"] is None
        assert found["shelves"][0]["ahead"] == [3.0] * 4

    def test_of_an_empty_shop_is_none(self) -> None:
        now = start_of_shop_day(MONDAY)
        assert demand_ahead(now=now) == {}
        assert run_stock_forecast(now=now).artefact == {"demand": {}}


@pytest.mark.django_db
class TestThePage:
    @pytest.fixture
    def analyst(self, client: Client) -> Client:
        client.force_login(factories.make_marketer())
        return client

    def page(self, client: Client, **query: str) -> str:
        return client.get(reverse("figures:demand"), query, headers={"accept-language": "en"}).content.decode()

    def test_shows_one_shelf_and_lists_all(self, analyst: Client) -> None:
        much, little = factories.make_product(), factories.make_product()
        Category.objects.filter(pk=little.category_id).update(name_en="<b>Tea & more</b>", name_zh="")
        sell(much, weeks=16, each=3)
        sell(little, weeks=16, each=1)
        run_stock_forecast(now=start_of_shop_day(MONDAY))

        assert "&lt;b&gt;Tea &amp; more&lt;/b&gt;" in self.page(analyst)
        page = self.page(analyst, shelf=str(little.category_id))
        assert '<span aria-current="true">&lt;b&gt;Tea' in page
        for odd in ("-1", "99999999999999999999", "%00", "x"):
            assert f"?shelf={little.category_id}" in self.page(analyst, shelf=odd)
        rows = analyst.get(reverse("figures:export", args=["demand"]))
        assert b"".join(rows.streaming_content).count(b"\n") == 1 + 2 * (16 + 4)  # type: ignore[attr-defined]

    def test_before_the_first_night_and_without_a_right(self, analyst: Client, client: Client) -> None:
        assert "No forecast yet" in self.page(analyst)
        client.force_login(factories.make_shopper(is_staff=True))
        assert client.get(reverse("figures:demand")).status_code == 403

    def test_leaves_out_a_shelf_that_is_gone(self, analyst: Client) -> None:
        sell(factories.make_product(), weeks=2)
        run = run_stock_forecast(now=start_of_shop_day(MONDAY))
        run.artefact["demand"]["shelves"][0]["category"] = 0
        run.save(update_fields=["artefact"])
        assert "No forecast yet" in self.page(analyst)
