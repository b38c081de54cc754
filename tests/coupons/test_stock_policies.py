"""Stock policies: alert, reserve, top-up and stop, by themselves and within their limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from coupons.enums import CouponState, CouponStatus, StockMovementKind
from coupons.models import Coupon, ReleaseBatch, StockMovement, StockPolicy
from coupons.selectors.low_stock import coupons_to_watch
from coupons.services.stock import stock_top_up, stock_withdraw
from coupons.services.stock_policies import BY_POLICY, stock_policy_apply, stock_policy_stop
from tests import factories
from tests.factories import NOW
from tests.invariants import assert_invariants

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def make_watched(*, stock: int | None = 4, reserve: int = 0, state: str = "live", **policy: Any) -> Coupon:
    """A coupon whose stock counts as low below 5."""
    coupon = factories.make_coupon(stock=stock, reserve=reserve, state=state)
    StockPolicy.objects.create(coupon=coupon, **{"low_below": 5, **policy})
    return coupon


def movements(coupon: Coupon) -> list[tuple[str, int]]:
    by_policy = StockMovement.objects.filter(coupon=coupon, reason=BY_POLICY, actor=None)
    return list(by_policy.order_by("pk").values_list("kind", "quantity"))


class TestAlert:
    def test_comes_once_for_a_crossing(self) -> None:
        coupon = make_watched()
        low = stock_policy_apply(coupon=coupon, now=NOW)
        assert low is not None
        assert (low.coupon, low.left) == (coupon, 4)
        assert stock_policy_apply(coupon=coupon, now=NOW) is None

    def test_comes_again_after_the_stock_has_risen(self) -> None:
        coupon = make_watched()
        stock_policy_apply(coupon=coupon, now=NOW)
        stock_top_up(coupon=coupon, quantity=1, actor=None, now=NOW)
        assert stock_policy_apply(coupon=coupon, now=NOW) is None
        stock_withdraw(coupon=coupon, quantity=1, actor=None, now=NOW)
        assert stock_policy_apply(coupon=coupon, now=NOW) is not None

    def test_comes_again_for_each_time_that_the_policy_had_to_help(self) -> None:
        coupon = make_watched(reserve=10, open_reserve=2)
        assert stock_policy_apply(coupon=coupon, now=NOW) is not None
        stock_withdraw(coupon=coupon, quantity=3, actor=None, now=NOW)
        assert stock_policy_apply(coupon=coupon, now=NOW) is not None

    @pytest.mark.parametrize(("stock", "is_low"), [(5, False), (4, True), (0, True), (None, False)])
    def test_only_what_is_below_the_limit_is_watched(self, stock: int | None, is_low: bool) -> None:
        coupon = make_watched(stock=stock)
        assert (coupon in coupons_to_watch(now=NOW)) is is_low

    def test_what_rose_again_is_looked_at_once_more(self) -> None:
        coupon = make_watched(stock=5, is_low=True)
        assert coupon in coupons_to_watch(now=NOW)
        stock_policy_apply(coupon=coupon, now=NOW)
        assert coupon not in coupons_to_watch(now=NOW)

    @pytest.mark.parametrize("state", [each for each in CouponState if each != CouponState.LIVE])
    def test_a_coupon_that_is_not_live_is_left_alone(self, state: CouponState) -> None:
        coupon = make_watched(state=state, top_up=5, top_ups_a_day=1)
        assert not coupons_to_watch(now=NOW)
        assert stock_policy_apply(coupon=coupon, now=NOW) is None
        assert movements(coupon) == []


class TestReserve:
    def test_opens_by_its_portion_until_the_stock_is_not_low(self) -> None:
        coupon = make_watched(stock=1, reserve=10, open_reserve=3)
        for _tick in range(5):
            stock_policy_apply(coupon=coupon, now=NOW)
        assert movements(coupon) == [("reserve_opened", 3), ("reserve_opened", 3)]
        assert (coupon.stock.remaining(), type(coupon.stock).objects.get(coupon=coupon).reserve) == (7, 4)
        assert_invariants(coupon)

    def test_its_last_portion_may_be_smaller(self) -> None:
        coupon = make_watched(stock=0, reserve=2, open_reserve=3)
        for _tick in range(3):
            stock_policy_apply(coupon=coupon, now=NOW)
        assert movements(coupon) == [("reserve_opened", 2)]

    def test_stays_closed_without_a_portion(self) -> None:
        coupon = make_watched(reserve=10)
        stock_policy_apply(coupon=coupon, now=NOW)
        assert movements(coupon) == []


class TestTopUp:
    def test_comes_when_the_reserve_is_used_up(self) -> None:
        coupon = make_watched(stock=0, reserve=1, open_reserve=3, top_up=2, top_ups_a_day=9)
        for _tick in range(9):
            stock_policy_apply(coupon=coupon, now=NOW)
        assert movements(coupon) == [("reserve_opened", 1), ("topped_up", 2), ("topped_up", 2)]
        assert_invariants(coupon)

    def test_is_counted_by_the_shops_day(self) -> None:
        coupon = make_watched(stock=0, top_up=1, top_ups_a_day=2)
        # Just before and at midnight in Shanghai.
        midnight = NOW.replace(hour=16)
        for now in (*[midnight - timedelta(seconds=1)] * 4, *[midnight] * 4):
            stock_policy_apply(coupon=coupon, now=now)
        assert movements(coupon) == [("topped_up", 1)] * 4

    def test_of_an_operator_does_not_count(self) -> None:
        coupon = make_watched(stock=0, top_up=1, top_ups_a_day=1)
        stock_top_up(coupon=coupon, quantity=1, actor=factories.make_marketer(), now=NOW)
        stock_policy_apply(coupon=coupon, now=NOW)
        assert movements(coupon) == [("topped_up", 1)]

    def test_needs_money_in_every_budget(self) -> None:
        coupon = make_watched(stock=0, top_up=1, top_ups_a_day=1)
        coupon.budgets.set([factories.make_budget(), factories.make_budget(cap=5_00, spent=5_00)])
        stock_policy_apply(coupon=coupon, now=NOW)
        assert movements(coupon) == []

        coupon.budgets.update(spent=4_99)
        stock_policy_apply(coupon=coupon, now=NOW)
        assert movements(coupon) == [("topped_up", 1)]


class TestStop:
    def status(self, coupon: Coupon) -> str:
        return Coupon.objects.get(pk=coupon.pk).status

    def test_comes_when_all_is_gone(self) -> None:
        coupon = make_watched(stock=0, stop_when_sold_out=True)
        assert stock_policy_stop(coupon=coupon, now=NOW)
        assert self.status(coupon) == CouponStatus.ENDED
        assert not stock_policy_stop(coupon=coupon, now=NOW)

    def test_is_in_the_coupons_history(self) -> None:
        coupon = make_watched(stock=0, stop_when_sold_out=True)
        stock_policy_stop(coupon=coupon, now=NOW)
        record = Coupon.history.filter(id=coupon.pk).latest()  # type: ignore[attr-defined]
        assert (record.history_change_reason, record.history_user) == ("ended", None)

    def test_comes_only_when_asked_for(self) -> None:
        assert not stock_policy_stop(coupon=make_watched(stock=0), now=NOW)

    def test_waits_for_what_is_left(self) -> None:
        assert not stock_policy_stop(coupon=make_watched(stock=1, stop_when_sold_out=True), now=NOW)

    @pytest.mark.parametrize("policy", [{"reserve": 1, "open_reserve": 1}, {"top_up": 1, "top_ups_a_day": 1}])
    def test_waits_for_what_the_policy_can_add(self, policy: dict[str, int]) -> None:
        assert not stock_policy_stop(coupon=make_watched(stock=0, stop_when_sold_out=True, **policy), now=NOW)

    def test_does_not_wait_for_what_the_budget_forbids(self) -> None:
        coupon = make_watched(stock=0, stop_when_sold_out=True, top_up=1, top_ups_a_day=1)
        coupon.budgets.add(factories.make_budget(cap=5_00, spent=5_00))
        assert stock_policy_stop(coupon=coupon, now=NOW)

    def test_waits_for_a_batch_to_come(self) -> None:
        coupon = make_watched(stock=0, stop_when_sold_out=True)
        ReleaseBatch.objects.create(coupon=coupon, quantity=5, opens_at=NOW + DAY)
        assert not stock_policy_stop(coupon=coupon, now=NOW)


def test_the_ledger_knows_what_the_policy_did() -> None:
    coupon = make_watched(stock=0, top_up=1, top_ups_a_day=1)
    stock_policy_apply(coupon=coupon, now=NOW)
    assert StockMovement.objects.filter(coupon=coupon, kind=StockMovementKind.TOPPED_UP, created_at=NOW).count() == 1
