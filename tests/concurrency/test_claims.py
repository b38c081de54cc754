"""Claiming under a rush: exact, with no false refusal; and the proof that the guard is what makes it so."""

from __future__ import annotations

from functools import partial

import pytest

from coupons.enums import ClaimChannel
from coupons.errors import SoldOut
from coupons.models import Claim, Coupon, Stock, StockBucket
from coupons.services import claims as claims_service
from coupons.services.claims import claim_create
from coupons.services.publishing import coupon_pause
from coupons.services.stock import stock_top_up, stock_withdraw
from tests import factories
from tests.concurrency.crowd import MeetingPoint, rush, tally
from tests.factories import NOW
from tests.invariants import assert_invariants, assert_stock_adds_up
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

BUCKETS = pytest.mark.parametrize("buckets", [1, 16], ids=["one row", "16 buckets"])


def crowd_of(count: int) -> list[User]:
    return User.objects.bulk_create(User(username=f"crowd-{number}", password="!") for number in range(count))


def claim(coupon: Coupon, shopper: User) -> Claim:
    return claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)


@BUCKETS
@pytest.mark.reliability(1)
def test_fifty_threads_and_a_coupon_of_a_hundred(buckets: int) -> None:
    coupon = factories.make_coupon(stock=100, bucket_count=buckets)
    results = rush([partial(claim, coupon, shopper) for shopper in crowd_of(400)], threads=50)
    assert tally(results) == {"done": 100, "SoldOut": 300}
    assert coupon.stock.remaining() == 0
    assert_invariants(coupon)


@BUCKETS
@pytest.mark.reliability(1)
def test_more_attempts_than_shoppers_and_more_shoppers_than_coupons(buckets: int) -> None:
    coupon = factories.make_coupon(stock=100, bucket_count=buckets)
    shoppers = crowd_of(300) * 3
    results = rush([partial(claim, coupon, shopper) for shopper in shoppers], threads=30)
    assert tally(results)["done"] == 100
    assert set(tally(results)) <= {"done", "SoldOut", "LimitReached"}
    assert_invariants(coupon)


@pytest.mark.reliability(11)
def test_everybody_wins_while_there_is_enough() -> None:
    coupon = factories.make_coupon(stock=300, bucket_count=16)
    results = rush([partial(claim, coupon, shopper) for shopper in crowd_of(300)], threads=30)
    assert tally(results) == {"done": 300}
    assert_invariants(coupon)


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.reliability(2)
def test_one_shopper_and_two_hundred_parallel_claims(limit: int) -> None:
    coupon = factories.make_coupon(stock=1000, bucket_count=16, limit_per_shopper=limit)
    shopper = factories.make_shopper()
    results = rush([partial(claim, coupon, shopper)] * 200)
    assert tally(results) == {"done": limit, "LimitReached": 200 - limit}
    assert_invariants(coupon)


@pytest.mark.reliability(4)
def test_daily_limits_hold() -> None:
    coupon = factories.make_coupon(stock=1000, limit_per_shopper=99, limit_per_shopper_per_day=2, limit_per_day=25)
    shoppers = crowd_of(20)
    results = rush([partial(claim, coupon, shopper) for shopper in shoppers * 5])
    assert tally(results) == {"done": 25, "LimitReached": 75}
    assert all(coupon.claims.filter(shopper=shopper).count() <= 2 for shopper in shoppers)
    assert_invariants(coupon)


class TestTheGuardIsWhatHolds:
    """Control: the same rush with the guard taken out must go wrong, or the tests above prove nothing."""

    ROUNDS = 5

    @pytest.mark.reliability(5)
    def test_reading_before_writing_oversells_every_round(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for _round in range(self.ROUNDS):
            meeting = MeetingPoint(10)

            def read_then_write(*, coupon_id: int, stock: Stock, meeting: MeetingPoint = meeting) -> None:
                bucket = StockBucket.objects.get(coupon_id=coupon_id)
                if bucket.remaining < 1:
                    raise SoldOut
                meeting.wait()
                bucket.remaining -= 1
                bucket.save(update_fields=["remaining"])

            monkeypatch.setattr(claims_service, "stock_take_one", read_then_write)
            coupon = factories.make_coupon(stock=5)
            shoppers = [factories.make_shopper() for _ in range(10)]
            rush([partial(claim, coupon, shopper) for shopper in shoppers], threads=10)
            assert coupon.claims.count() > 5
            with pytest.raises(AssertionError):
                assert_stock_adds_up(coupon)

    def test_with_the_guard_the_same_rounds_never_do(self) -> None:
        for _round in range(self.ROUNDS):
            coupon = factories.make_coupon(stock=5)
            shoppers = [factories.make_shopper() for _ in range(10)]
            rush([partial(claim, coupon, shopper) for shopper in shoppers], threads=10)
            assert coupon.claims.count() == 5
            assert_invariants(coupon)


class TestAgainstAMarketer:
    @pytest.mark.reliability(8)
    def test_withdrawing_what_is_being_claimed(self) -> None:
        for _round in range(10):
            coupon = factories.make_coupon(stock=20, bucket_count=4)
            calls = [partial(claim, coupon, factories.make_shopper()) for _ in range(20)]
            calls.insert(10, partial(stock_withdraw, coupon=coupon, quantity=10, actor=None, now=NOW))
            kinds = tally(rush(calls, threads=21))
            assert set(kinds) <= {"done", "SoldOut", "StockTooSmall"}
            assert_invariants(coupon)

    @pytest.mark.reliability(8)
    def test_topping_up_what_is_being_claimed(self) -> None:
        for _round in range(5):
            coupon = factories.make_coupon(stock=5, bucket_count=4)
            calls = [partial(claim, coupon, factories.make_shopper()) for _ in range(20)]
            calls.insert(10, partial(stock_top_up, coupon=coupon, quantity=5, actor=None, now=NOW))
            assert set(tally(rush(calls, threads=21))) <= {"done", "SoldOut"}
            assert_invariants(coupon)

    @pytest.mark.reliability(9)
    def test_nothing_is_claimed_after_a_pause_was_committed(self) -> None:
        coupon = factories.make_coupon(stock=1000)
        marketer = factories.make_marketer()
        coupon_pause(coupon=coupon, actor=marketer, now=NOW)
        results = rush([partial(claim, coupon, shopper) for shopper in crowd_of(30)])
        assert tally(results) == {"Paused": 30}
