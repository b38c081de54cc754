"""Stock lies in as many rows as its crowd needs, and every unit in one of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from coupons.enums import ClaimChannel
from coupons.models import Coupon
from coupons.services.claims import claim_create
from coupons.services.stock_heat import CROWD, CrowdCounter, stock_gather_cold, stock_spread_wider
from tests import factories
from tests.factories import NOW
from tests.invariants import assert_invariants

pytestmark = pytest.mark.django_db


def rows_of(coupon: Coupon) -> list[int]:
    return list(coupon.stock_buckets.order_by("number").values_list("remaining", flat=True))


def test_it_spreads_fourfold_up_to_sixty_four_rows() -> None:
    coupon = factories.make_coupon(stock=10)
    assert [stock_spread_wider(coupon_id=coupon.pk) for _crowd in range(4)] == [4, 16, 64, 64]
    assert rows_of(coupon) == [1] * 10 + [0] * 54
    assert_invariants(coupon)


def test_the_first_row_gets_the_first_unit() -> None:
    """Whoever waits for the one row there was finds something in it, as long as there is something."""
    coupon = factories.make_coupon(stock=1)
    stock_spread_wider(coupon_id=coupon.pk)
    assert rows_of(coupon) == [1, 0, 0, 0]


def test_an_unlimited_coupon_has_no_rows() -> None:
    coupon = factories.make_coupon(stock=None)
    assert stock_spread_wider(coupon_id=coupon.pk) == 1
    assert rows_of(coupon) == []


def test_claims_go_on_from_the_new_rows() -> None:
    coupon = factories.make_coupon(stock=3)
    stock_spread_wider(coupon_id=coupon.pk)
    for _shopper in range(3):
        claim_create(shopper=factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
    assert rows_of(coupon) == [0, 0, 0, 0]
    assert_invariants(coupon)


class TestGathering:
    def test_what_nobody_wants_any_more_lies_in_one_row(self) -> None:
        coupon = factories.make_coupon(stock=10, bucket_count=16)
        assert stock_gather_cold(now=NOW) == 1
        coupon.stock.refresh_from_db()
        assert (coupon.stock.bucket_count, rows_of(coupon)) == (1, [10])
        assert_invariants(coupon)
        assert stock_gather_cold(now=NOW) == 0

    def test_a_coupon_that_is_claimed_keeps_its_rows(self) -> None:
        coupon = factories.make_coupon(stock=10, bucket_count=16)
        claim_create(shopper=factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
        assert stock_gather_cold(now=NOW + timedelta(minutes=59)) == 0
        assert stock_gather_cold(now=NOW + timedelta(minutes=60)) == 1

    def test_a_coupon_whose_crowd_may_still_come_keeps_its_rows(self) -> None:
        coupon = factories.make_coupon(stock=10, bucket_count=16, claim_starts_at=NOW)
        assert stock_gather_cold(now=NOW + timedelta(minutes=59)) == 0
        assert len(rows_of(coupon)) == 16


class TestCrowds:
    def test_so_many_within_a_second_are_one_crowd(self) -> None:
        seconds = [0.0]
        counter = CrowdCounter(clock=lambda: seconds[0])
        assert [counter.is_crowd(1) for _met in range(CROWD)] == [False] * (CROWD - 1) + [True]
        assert not counter.is_crowd(1)

    def test_fewer_or_slower_are_none(self) -> None:
        seconds = [0.0]
        counter = CrowdCounter(clock=lambda: seconds[0])
        for number in range(3 * CROWD):
            seconds[0] += 0.5
            assert not counter.is_crowd(1)
            assert not counter.is_crowd(1000 + number)
