"""Stock policies with a forecast: told in time, and topped up by what is suggested, within all limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation

from campaigns.models import Message
from campaigns.selectors.message_content import MessageContent, things_of
from campaigns.services.stock_watch import stock_watch
from coupons.models import Coupon, Stock, StockForecast, StockPolicy
from coupons.selectors.low_stock import coupons_to_watch
from coupons.services.stock import stock_top_up
from coupons.services.stock_policies import stock_policy_apply
from tests import factories

NOW = factories.NOW
DAY = timedelta(days=1)


def make_watched(*, stock: int = 3, suggested: int = 40, cover: float | None = 1, **policy: Any) -> Coupon:
    """A coupon with a policy and a forecast of this night: so many days of cover, so many more suggested."""
    coupon = factories.make_coupon(stock=stock)
    StockPolicy.objects.create(coupon=coupon, **{"low_below": 5, **policy})
    StockForecast.objects.create(
        coupon=coupon,
        made_at=NOW,
        claims_a_day=3,
        redemptions_a_week=1,
        days_of_cover=cover,
        runs_out_at=None if cover is None else NOW + cover * DAY,
        top_up=suggested,
    )
    return coupon


def left(coupon: Coupon) -> int | None:
    return Stock.objects.get(coupon=coupon).remaining()


@pytest.mark.django_db
class TestTopUps:
    FOLLOWS = {"top_up": 100, "top_ups_a_day": 2, "follows_forecast": True}

    def test_add_what_is_suggested(self) -> None:
        coupon = make_watched(**self.FOLLOWS)
        stock_policy_apply(coupon=coupon, now=NOW)

        assert left(coupon) == 3 + 40

    def test_add_no_more_than_the_policy_allows(self) -> None:
        coupon = make_watched(**{**self.FOLLOWS, "top_up": 25})
        stock_policy_apply(coupon=coupon, now=NOW)

        assert left(coupon) == 3 + 25

    def test_add_nothing_where_nothing_is_suggested(self) -> None:
        coupon = make_watched(**{**self.FOLLOWS, "top_up": 25}, cover=None)
        StockForecast.objects.update(top_up=0)
        stock_policy_apply(coupon=coupon, now=NOW)

        assert left(coupon) == 3

    def test_do_not_add_the_same_suggestion_twice(self) -> None:
        coupon = make_watched(**self.FOLLOWS)
        stock_policy_apply(coupon=coupon, now=NOW)
        coupon.stock_buckets.update(remaining=1)
        stock_policy_apply(coupon=coupon, now=NOW)

        assert left(coupon) == 1

    def test_count_what_somebody_added_by_hand(self) -> None:
        coupon = make_watched(stock=0, **self.FOLLOWS)
        stock_top_up(coupon=coupon, quantity=4, actor=None, now=NOW)
        stock_policy_apply(coupon=coupon, now=NOW)

        assert left(coupon) == 40

    def test_keep_to_so_many_a_day(self) -> None:
        coupon = make_watched(**{**self.FOLLOWS, "top_up": 10})
        for _crossing in range(4):
            coupon.stock_buckets.update(remaining=1)
            stock_policy_apply(coupon=coupon, now=NOW)

        assert Stock.objects.get(coupon=coupon).released == 3 + 2 * 10

    def test_stop_where_a_budget_is_spent(self) -> None:
        coupon = make_watched(**self.FOLLOWS)
        coupon.budgets.add(factories.make_budget(cap=100, spent=100))
        stock_policy_apply(coupon=coupon, now=NOW)

        assert left(coupon) == 3

    @pytest.mark.parametrize(("follows", "age"), [(False, 0 * DAY), (True, 2 * DAY)])
    def test_are_the_policys_own_without_a_forecast_to_follow(self, follows: bool, age: timedelta) -> None:
        coupon = make_watched(**{**self.FOLLOWS, "follows_forecast": follows})
        stock_policy_apply(coupon=coupon, now=NOW + age)

        assert left(coupon) == 3 + 100


@pytest.mark.django_db
class TestWarnings:
    def test_come_before_it_runs_out_and_once(self) -> None:
        coupon = make_watched(stock=50, cover=1.5)
        assert list(coupons_to_watch(now=NOW)) == [coupon]
        told = [stock_policy_apply(coupon=coupon, now=NOW) for _look in range(3)]

        assert told[1:] == [None, None]
        assert told[0] is not None
        assert (told[0].left, told[0].runs_out_at) == (50, NOW + 1.5 * DAY)

    @pytest.mark.parametrize("fields", [{"cover": 2.5}, {"cover": None}, {"cover": 1.5, "warn_days": 0}])
    def test_do_not_come_too_early_or_unasked(self, fields: dict[str, Any]) -> None:
        coupon = make_watched(stock=50, **fields)

        assert stock_policy_apply(coupon=coupon, now=NOW) is None

    def test_end_when_somebody_tops_up_as_suggested_and_come_again(self) -> None:
        coupon = make_watched(stock=50)
        assert stock_policy_apply(coupon=coupon, now=NOW) is not None
        stock_top_up(coupon=coupon, quantity=40, actor=None, now=NOW)
        assert stock_policy_apply(coupon=coupon, now=NOW) is None
        assert not StockPolicy.objects.get().is_short

        StockForecast.objects.update(made_at=NOW + DAY, runs_out_at=NOW + 2 * DAY)
        assert stock_policy_apply(coupon=coupon, now=NOW + DAY) is not None

    def test_give_way_to_the_news_that_it_is_low(self) -> None:
        coupon = make_watched(stock=3)
        low = stock_policy_apply(coupon=coupon, now=NOW)

        assert low is not None
        assert low.runs_out_at is None
        assert stock_policy_apply(coupon=coupon, now=NOW) is None

    @pytest.mark.parametrize(("language", "words"), [("en", "it runs out around"), ("zh-hans", "预计")])
    def test_reach_the_operators_in_words(self, language: str, words: str) -> None:
        factories.make_marketer()
        make_watched(stock=50)
        assert stock_watch(now=NOW) == 1
        assert stock_watch(now=NOW) == 0

        message = Message.objects.filter(channel="in_app").get()
        with translation.override(language):
            content = MessageContent(message, things_of([message])[message.pk])
            assert words in content.short
            assert words in content.text
            assert words in content.html
            assert "50" in content.subject
