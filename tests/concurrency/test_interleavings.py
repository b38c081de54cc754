"""Single moments that a rush may or may not hit, arranged so that they always happen."""

from __future__ import annotations

from threading import Event, Thread

import pytest
from django.db import connection, transaction

from config.kernel.errors import Busy
from coupons.enums import ClaimChannel
from coupons.services.claims import claim_create
from coupons.services.stock import stock_take_one
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)


class GivesUp(Exception):
    pass


@pytest.mark.parametrize("buckets", [1, 16])
@pytest.mark.reliability(11)
def test_the_last_unit_comes_back_when_its_holder_gives_up(buckets: int) -> None:
    """A holder has the last unit in an open transaction; the next shopper waits instead of hearing "sold out"."""
    coupon = factories.make_coupon(stock=1, bucket_count=buckets)
    shopper = factories.make_shopper()
    holds, may_give_up = Event(), Event()

    def hold_and_give_up() -> None:
        try:
            with transaction.atomic():
                stock_take_one(coupon_id=coupon.pk, stock=coupon.stock)
                holds.set()
                may_give_up.wait(timeout=30)
                raise GivesUp
        except GivesUp:
            pass
        finally:
            connection.close()

    holder = Thread(target=hold_and_give_up)
    holder.start()
    holds.wait(timeout=30)
    results: list[object] = []

    def wait_for_it() -> None:
        try:
            results.append(claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW))
        finally:
            connection.close()

    waiter = Thread(target=wait_for_it)
    waiter.start()
    _until_somebody_waits_for_a_lock()
    may_give_up.set()
    holder.join(timeout=30)
    waiter.join(timeout=30)
    assert len(results) == 1
    assert coupon.stock.remaining() == 0


def test_a_lock_that_is_never_given_ends_in_busy_and_changes_nothing() -> None:
    coupon = factories.make_coupon(stock=1)
    shopper = factories.make_shopper()
    holds, may_end = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            stock_take_one(coupon_id=coupon.pk, stock=coupon.stock)
            holds.set()
            may_end.wait(timeout=30)
            transaction.set_rollback(True)
        connection.close()

    holder = Thread(target=hold)
    holder.start()
    holds.wait(timeout=30)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    try:
        with pytest.raises(Busy) as refused:
            claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
    finally:
        may_end.set()
        holder.join(timeout=30)
        connection.close()
    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    assert coupon.stock.remaining() == 1
    assert not coupon.claim_counters.exists()


def _until_somebody_waits_for_a_lock() -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _look in range(20_000):
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits: the shopper was answered while the last unit was still held")
