"""Bulks beside each other and beside a crowd of single claims: exact, and never in each other's way for good."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import pytest
from django.db import transaction

from config.kernel.errors import DomainError
from coupons.enums import ClaimChannel
from coupons.models import Claim, Coupon, DailyClaimCount, ReleaseBatch
from coupons.services import bulk_claims
from coupons.services.bulk_claims import claims_create_many
from coupons.services.claims import claim_create
from tests import factories
from tests.concurrency.crowd import MeetingPoint, rush, tally
from tests.concurrency.test_claims import crowd_of
from tests.factories import NOW
from tests.forms import rounds
from tests.invariants import assert_invariants

pytestmark = pytest.mark.django_db(transaction=True)

BUCKETS = pytest.mark.parametrize("buckets", [1, 16], ids=["one row", "16 buckets"])


def hand_out(coupon: Coupon, shoppers: list[int]) -> list[Claim | DomainError]:
    with transaction.atomic():
        return claims_create_many(coupon_id=coupon.pk, shoppers=shoppers, channel=ClaimChannel.GRANT, now=NOW)


def shuffled_parts(shoppers: list[int], seed: int) -> list[list[int]]:
    """Everybody in bulks of twenty, in an order of this seed's own."""
    order = random.Random(seed).sample(shoppers, len(shoppers))
    return [order[start : start + 20] for start in range(0, len(order), 20)]


@BUCKETS
@pytest.mark.parametrize("seed", range(rounds(short=1, long=20)))
def test_bulks_and_single_claims_sell_what_there_is(buckets: int, seed: int) -> None:
    """Three bulks go through the same 200 shoppers, each in another order, while each of them claims alone."""
    coupon = factories.make_coupon(stock=120, bucket_count=buckets)
    crowd = crowd_of(200)
    calls: list[Callable[[], object]] = [
        partial(claim_create, shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW) for shopper in crowd
    ]
    for number in range(3):
        parts = shuffled_parts([shopper.pk for shopper in crowd], 3 * seed + number)
        calls += [partial(hand_out, coupon, part) for part in parts]
    random.Random(seed).shuffle(calls)
    results = rush(calls, threads=24)
    assert set(tally(results)) <= {"done", "SoldOut", "LimitReached", "ClaimInFlight"}
    assert coupon.claims.count() == 120
    assert coupon.stock.remaining() == 0
    assert_invariants(coupon)


@BUCKETS
def test_everybody_gets_one_while_there_is_enough(buckets: int) -> None:
    coupon = factories.make_coupon(stock=200, bucket_count=buckets)
    shoppers = [shopper.pk for shopper in crowd_of(200)]
    calls = [partial(hand_out, coupon, part) for number in range(4) for part in shuffled_parts(shoppers, number)]
    results = rush(calls, threads=12)
    assert tally(results) == {"done": 40}
    assert sum(isinstance(outcome, Claim) for result in results for outcome in result) == 200
    assert coupon.stock.remaining() == 0
    assert_invariants(coupon)


def test_a_days_limit_and_a_due_batch_hold() -> None:
    coupon = factories.make_coupon(stock=10, limit_per_day=50, limit_per_shopper=2, bucket_count=4)
    ReleaseBatch.objects.create(coupon=coupon, opens_at=NOW, quantity=90)
    shoppers = [shopper.pk for shopper in crowd_of(40)]
    calls = [partial(hand_out, coupon, part) for number in range(4) for part in shuffled_parts(shoppers, number)]
    assert tally(rush(calls, threads=8)) == {"done": 8}
    assert DailyClaimCount.objects.get(coupon=coupon).claimed == coupon.claims.count() == 50
    assert coupon.stock.remaining() == 50
    assert_invariants(coupon)


class TestTheGuardIsWhatHolds:
    """Control: without the order of locks, and without the lock on the stock, the same must go wrong."""

    @pytest.fixture
    def opposite_orders(self) -> list[list[int]]:
        shoppers = sorted(shopper.pk for shopper in crowd_of(400))
        return [shoppers, shoppers[::-1]]

    def test_shoppers_in_any_order_make_a_deadlock(
        self, monkeypatch: pytest.MonkeyPatch, opposite_orders: list[list[int]]
    ) -> None:
        in_any_order = bulk_claims.COUNT_CLAIMS.replace("ORDER BY shopper", "")
        assert in_any_order != bulk_claims.COUNT_CLAIMS
        monkeypatch.setattr(bulk_claims, "COUNT_CLAIMS", in_any_order)
        # About every second meeting does; it takes a second each time, so the first one is enough.
        assert any("Busy" in self.meet(opposite_orders) for _meeting in range(50))

    def test_in_their_order_they_never_do(self, opposite_orders: list[list[int]]) -> None:
        for _meeting in range(rounds(short=5, long=100)):
            assert self.meet(opposite_orders) == {"done": 2}

    def meet(self, orders: list[list[int]]) -> dict[str, int]:
        coupon = factories.make_coupon(stock=1000)
        return tally(rush([partial(hand_out, coupon, order) for order in orders]))

    def test_reading_the_stock_before_writing_it_oversells(self, monkeypatch: pytest.MonkeyPatch) -> None:
        meeting = MeetingPoint(4)

        def take_after_a_look(*, coupon_id: int, stock: object, quantity: int) -> tuple[int, int]:
            left = Coupon.objects.get(pk=coupon_id).stock.remaining() or 0
            meeting.wait()
            return min(left, quantity), max(0, left - quantity)

        monkeypatch.setattr(bulk_claims, "stock_take", take_after_a_look)
        coupon = factories.make_coupon(stock=30)
        shoppers = [shopper.pk for shopper in crowd_of(80)]
        rush([partial(hand_out, coupon, shoppers[part::4]) for part in range(4)], threads=4)
        assert coupon.claims.count() == 80
        with pytest.raises(AssertionError):
            assert_invariants(coupon)
