"""Single moments that a rush may or may not hit, arranged so that they always happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from threading import Event, Thread

import pytest
from django.db import connection, transaction

from config.kernel.errors import Busy
from coupons.enums import ClaimChannel
from coupons.errors import SoldOut
from coupons.models import Claim, Coupon, StockBucket
from coupons.services import stock as stock_service
from coupons.services import stock_heat
from coupons.services.claims import claim_create
from coupons.services.stock import stock_take, stock_take_one
from coupons.services.stock_heat import CrowdCounter, stock_spread_wider
from tests import factories
from tests.concurrency.crowd import PATIENCE, rush, tally, until_somebody_waits_for_a_lock
from tests.factories import NOW
from tests.invariants import assert_invariants
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def open_transaction(write: Callable[[], object], *, is_kept: bool) -> Iterator[Event]:
    """Another connection has written; it commits, or rolls back, once the event is set."""
    has_written, may_end = Event(), Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                write()
                has_written.set()
                may_end.wait(timeout=PATIENCE)
                transaction.set_rollback(not is_kept)
        finally:
            connection.close()

    holder = Thread(target=hold)
    holder.start()
    try:
        assert has_written.wait(timeout=PATIENCE)
        yield may_end
    finally:
        may_end.set()
        holder.join(timeout=PATIENCE)


def somebody_holds_a_unit_of(coupon: Coupon) -> AbstractContextManager[Event]:
    """Another connection has taken a unit and not committed; it rolls back once the event is set."""
    return open_transaction(partial(stock_take_one, coupon_id=coupon.pk, stock=coupon.stock), is_kept=False)


def stock_that_is_being_spread(coupon: Coupon, *, to: int) -> AbstractContextManager[Event]:
    """Another connection has moved the only unit to the last of new rows and not committed yet."""

    def spread() -> None:
        stock_spread_wider(coupon_id=coupon.pk)
        StockBucket.objects.filter(coupon=coupon).update(remaining=0)
        StockBucket.objects.filter(coupon=coupon, number=to).update(remaining=1)

    return open_transaction(spread, is_kept=True)


def claim(coupon: Coupon, shopper: User) -> Claim:
    return claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)


@pytest.mark.parametrize("buckets", [1, 16])
@pytest.mark.reliability(11)
def test_the_last_unit_comes_back_when_its_holder_gives_up(buckets: int) -> None:
    """The last unit is in an open transaction; the next shopper waits instead of hearing "sold out"."""
    coupon, shopper = factories.make_coupon(stock=1, bucket_count=buckets), factories.make_shopper()
    made: list[Claim] = []

    def wait_for_it() -> None:
        try:
            made.append(claim(coupon, shopper))
        finally:
            connection.close()

    with somebody_holds_a_unit_of(coupon) as may_give_up:
        waiter = Thread(target=wait_for_it)
        waiter.start()
        until_somebody_waits_for_a_lock()
        may_give_up.set()
        waiter.join(timeout=PATIENCE)
    assert len(made) == 1
    assert coupon.stock.remaining() == 0
    assert_invariants(coupon)


@pytest.mark.reliability(11)
def test_control_without_the_fallback_a_shopper_hears_sold_out_and_the_unit_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stock_service, "_take_from_any_bucket", lambda _coupon_id: False)
    coupon, shopper = factories.make_coupon(stock=1, bucket_count=16), factories.make_shopper()
    with somebody_holds_a_unit_of(coupon), pytest.raises(SoldOut):
        claim(coupon, shopper)
    assert coupon.stock.remaining() == 1


@pytest.mark.reliability(11)
def test_a_unit_that_moved_while_a_shopper_waited_is_found() -> None:
    coupon, shopper = factories.make_coupon(stock=1), factories.make_shopper()
    made: list[Claim] = []

    def wait_for_it() -> None:
        try:
            made.append(claim(coupon, shopper))
        finally:
            connection.close()

    with stock_that_is_being_spread(coupon, to=3) as may_commit:
        waiter = Thread(target=wait_for_it)
        waiter.start()
        until_somebody_waits_for_a_lock()
        may_commit.set()
        waiter.join(timeout=PATIENCE)
    assert len(made) == 1
    assert_invariants(coupon)


@pytest.mark.reliability(11)
def test_a_unit_that_moved_while_many_claims_waited_is_found() -> None:
    coupon, taken = factories.make_coupon(stock=1), []

    def wait_for_it() -> None:
        try:
            with transaction.atomic():
                taken.append(stock_take(coupon_id=coupon.pk, stock=coupon.stock, quantity=2))
                transaction.set_rollback(True)
        finally:
            connection.close()

    with stock_that_is_being_spread(coupon, to=3) as may_commit:
        waiter = Thread(target=wait_for_it)
        waiter.start()
        until_somebody_waits_for_a_lock()
        may_commit.set()
        waiter.join(timeout=PATIENCE)
    assert taken == [(1, 0)]


@pytest.mark.reliability(1)
def test_a_crowd_at_one_row_gets_more_rows_and_every_unit_is_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock_heat, "crowds", CrowdCounter(clock=lambda: 0.0))
    coupon = factories.make_coupon(stock=150)
    shoppers = User.objects.bulk_create(User(username=f"crowd-{number}", password="!") for number in range(400))
    results = rush([partial(claim, coupon, shopper) for shopper in shoppers], threads=50)
    assert tally(results) == {"done": 150, "SoldOut": 250}
    coupon.stock.refresh_from_db()
    assert coupon.stock.bucket_count > 1
    assert_invariants(coupon)


@pytest.mark.parametrize("buckets", [1, 16])
def test_a_lock_that_is_never_given_ends_in_busy_and_changes_nothing(buckets: int) -> None:
    coupon, shopper = factories.make_coupon(stock=1, bucket_count=buckets), factories.make_shopper()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    try:
        with somebody_holds_a_unit_of(coupon), pytest.raises(Busy) as refused:
            claim(coupon, shopper)
    finally:
        # The next test gets a connection with the usual patience.
        connection.close()
    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    assert coupon.stock.remaining() == 1
    assert_invariants(coupon)
