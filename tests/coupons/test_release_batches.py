"""Release batches: slices of stock that open at a set time, each exactly once."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from coupons import tasks
from coupons.enums import ClaimChannel, CouponState, StockMovementKind
from coupons.errors import SoldOut
from coupons.models import Claim, Coupon, ReleaseBatch, StockMovement
from coupons.services.claims import claim_create, claim_create_by_code
from coupons.services.release_batches import release_batches_open, release_batches_open_due
from tests import factories
from tests.factories import LONG_AGO, NOW, THAT_MORNING
from tests.invariants import assert_invariants

pytestmark = pytest.mark.django_db

TICK = timedelta(microseconds=1)


def make_batch(coupon: Coupon, quantity: int = 5, opens_at: datetime = NOW) -> ReleaseBatch:
    return ReleaseBatch.objects.create(coupon=coupon, quantity=quantity, opens_at=opens_at)


def claim(coupon: Coupon, now: datetime = NOW) -> Claim:
    return claim_create(shopper=factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=now)


@pytest.mark.parametrize("bucket_count", [1, 16])
def test_a_batch_opens_at_its_time_and_not_a_moment_before(bucket_count: int) -> None:
    coupon = factories.make_coupon(stock=0, bucket_count=bucket_count)
    batch = make_batch(coupon, 40)

    assert release_batches_open_due(now=NOW - TICK) == 0
    assert coupon.stock.remaining() == 0

    assert release_batches_open_due(now=NOW) == 1
    batch.refresh_from_db()
    assert (batch.opened_at, coupon.stock.remaining()) == (NOW, 40)
    assert_invariants(coupon)


@pytest.mark.reliability(26)
def test_it_opens_once_however_often_the_job_runs() -> None:
    coupon = factories.make_coupon(stock=0)
    make_batch(coupon, opens_at=LONG_AGO)

    assert (tasks.open_release_batches(), tasks.open_release_batches()) == (1, 0)
    assert coupon.stock.remaining() == 5
    assert_invariants(coupon)


def test_each_batch_leaves_a_line_in_the_ledger() -> None:
    coupon = factories.make_coupon(stock=3)
    make_batch(coupon, 5)
    make_batch(coupon, 7, NOW - timedelta(hours=1))

    release_batches_open(coupon_id=coupon.pk, now=NOW)

    lines = StockMovement.objects.filter(coupon=coupon, kind=StockMovementKind.BATCH_OPENED).order_by("pk")
    assert [(line.quantity, line.actor, line.created_at) for line in lines] == [(7, None, NOW), (5, None, NOW)]


@pytest.mark.parametrize("state", [CouponState.DRAFT, CouponState.SCHEDULED, CouponState.PAUSED, CouponState.ENDED])
def test_a_coupon_that_is_not_live_opens_nothing(state: CouponState) -> None:
    coupon = factories.make_coupon(stock=0, state=state)
    make_batch(coupon)
    assert release_batches_open_due(now=NOW) == 0
    assert release_batches_open(coupon_id=coupon.pk, now=NOW) == 0


def test_a_coupon_without_a_limit_is_left_alone() -> None:
    make_batch(factories.make_coupon(stock=None))
    assert release_batches_open_due(now=NOW) == 0


def test_who_finds_a_coupon_sold_out_opens_the_batch_that_is_due() -> None:
    coupon = factories.make_coupon(stock=0)
    make_batch(coupon)

    claim(coupon)

    assert coupon.stock.remaining() == 4
    assert_invariants(coupon)


def test_who_comes_before_the_batch_hears_sold_out() -> None:
    coupon = factories.make_coupon(stock=0)
    make_batch(coupon)
    with pytest.raises(SoldOut):
        claim(coupon, now=NOW - TICK)
    assert not StockMovement.objects.filter(coupon=coupon).exists()


def test_a_code_opens_it_too() -> None:
    coupon = factories.make_coupon(stock=0, handout="code")
    factories.make_code(coupon=coupon)
    make_batch(coupon)
    shopper = factories.make_shopper()
    assert claim_create_by_code(shopper=shopper, text="welcome2026", channel=ClaimChannel.CODE, now=NOW).pk


def test_the_command_says_what_it_did() -> None:
    make_batch(factories.make_coupon(stock=0), opens_at=THAT_MORNING - timedelta(days=365))
    out = StringIO()
    call_command("open_release_batches", stdout=out)
    assert "Opened 1 release batches." in out.getvalue()
