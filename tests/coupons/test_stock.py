"""Stock: what was released is always what is left plus what was claimed."""

from __future__ import annotations

import pytest

from coupons.enums import StockMovementKind
from coupons.errors import StockTooSmall, StockUnlimited
from coupons.models import Coupon, StockMovement
from coupons.services.stock import reserve_open, stock_top_up, stock_withdraw
from tests import factories
from tests.factories import NOW
from tests.invariants import assert_invariants
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[1, 16], ids=["one bucket", "16 buckets"])
def coupon(request) -> Coupon:
    """10 released, 20 in reserve, 3 claimed."""
    made = factories.make_coupon(stock=10, reserve=20, bucket_count=request.param, limit_per_shopper=3)
    shopper = factories.make_shopper()
    for _ in range(3):
        factories.make_claim(shopper=shopper, coupon=made)
    return made


def test_a_top_up_adds_to_what_is_left(coupon: Coupon, marketer: User) -> None:
    stock = stock_top_up(coupon=coupon, quantity=5, actor=marketer, now=NOW, reason="more demand")
    assert (stock.released, coupon.stock.remaining()) == (15, 12)
    assert_invariants(coupon)


def test_the_reserve_opens_into_what_is_left(coupon: Coupon, marketer: User) -> None:
    stock = reserve_open(coupon=coupon, quantity=20, actor=marketer, now=NOW)
    assert (stock.released, stock.reserve, coupon.stock.remaining()) == (30, 0, 27)
    assert_invariants(coupon)


def test_no_more_opens_than_the_reserve_holds(coupon: Coupon, marketer: User) -> None:
    with pytest.raises(StockTooSmall) as refused:
        reserve_open(coupon=coupon, quantity=21, actor=marketer, now=NOW)
    assert refused.value.data == {"reserve": 20}


def test_everything_unclaimed_can_be_withdrawn(coupon: Coupon, marketer: User) -> None:
    stock = stock_withdraw(coupon=coupon, quantity=7, actor=marketer, now=NOW)
    assert (stock.released, coupon.stock.remaining()) == (3, 0)
    assert_invariants(coupon)


def test_what_was_claimed_cannot_be_withdrawn(coupon: Coupon, marketer: User) -> None:
    with pytest.raises(StockTooSmall) as refused:
        stock_withdraw(coupon=coupon, quantity=8, actor=marketer, now=NOW)
    assert refused.value.data == {"remaining": 7}


@pytest.mark.parametrize("quantity", [0, -5])
def test_a_change_must_change_something(coupon: Coupon, marketer: User, quantity: int) -> None:
    for change in (stock_top_up, stock_withdraw, reserve_open):
        with pytest.raises(StockTooSmall):
            change(coupon=coupon, quantity=quantity, actor=marketer, now=NOW)
    assert_invariants(coupon)


def test_the_ledger_tells_every_change_and_who_made_it(coupon: Coupon, marketer: User) -> None:
    stock_top_up(coupon=coupon, quantity=5, actor=marketer, now=NOW, reason="more demand")
    stock_withdraw(coupon=coupon, quantity=2, actor=marketer, now=NOW)
    entries = [(entry.kind, entry.quantity, entry.actor) for entry in StockMovement.objects.filter(coupon=coupon)]
    assert entries == [
        (StockMovementKind.RELEASED, 10, None),
        (StockMovementKind.TOPPED_UP, 5, marketer),
        (StockMovementKind.WITHDRAWN, -2, marketer),
    ]


def test_an_unlimited_coupon_has_no_stock_to_change(marketer: User) -> None:
    unlimited = factories.make_coupon(stock=None)
    for change in (stock_top_up, stock_withdraw, reserve_open):
        with pytest.raises(StockUnlimited):
            change(coupon=unlimited, quantity=1, actor=marketer, now=NOW)


def test_every_unit_can_be_claimed_whatever_the_bucket_it_lies_in() -> None:
    coupon = factories.make_coupon(stock=1, bucket_count=16)
    factories.make_claim(coupon=coupon)
    assert coupon.stock.remaining() == 0
    assert_invariants(coupon)
