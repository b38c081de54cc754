"""Many hands on a coupon whose stock returns: batches, policies and the waiting list."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from coupons.enums import ClaimChannel, WaitingState
from coupons.models import Claim, Coupon, ReleaseBatch, StockMovement, StockPolicy, WaitingEntry
from coupons.services import claim_writing, release_batches
from coupons.services.claims import claim_create
from coupons.services.release_batches import release_batches_open_due
from coupons.services.stock import stock_top_up
from coupons.services.stock_policies import stock_policy_apply, stock_policy_stop
from coupons.services.waiting import waiting_grant_due, waiting_join, waiting_leave
from tests import factories
from tests.concurrency.crowd import MeetingPoint, rush, tally
from tests.factories import NOW, THAT_MORNING
from tests.invariants import assert_invariants
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)


def crowd_of(count: int) -> list[User]:
    return User.objects.bulk_create(User(username=f"crowd-{number}", password="!") for number in range(count))


def claim(coupon: Coupon, shopper: User) -> Claim:
    return claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)


def join(coupon: Coupon, shopper: User) -> WaitingEntry:
    return waiting_join(coupon=coupon, shopper=shopper, now=NOW)


def leave(coupon: Coupon, shopper: User) -> bool:
    return waiting_leave(coupon=coupon, shopper=shopper, now=NOW)


def queue_up(coupon: Coupon, shoppers: list[User]) -> None:
    WaitingEntry.objects.bulk_create(
        WaitingEntry(coupon=coupon, shopper=shopper, joined_at=THAT_MORNING + number * SECOND)
        for number, shopper in enumerate(shoppers)
    )


def states(coupon: Coupon) -> list[str]:
    return list(WaitingEntry.objects.filter(coupon=coupon).order_by("joined_at", "pk").values_list("state", flat=True))


@pytest.mark.parametrize("bucket_count", [1, 16])
def test_a_rush_upon_a_sold_out_coupon_opens_its_batches_once(bucket_count: int) -> None:
    coupon = factories.make_coupon(stock=0, bucket_count=bucket_count)
    for number in range(2):
        ReleaseBatch.objects.create(coupon=coupon, quantity=30, opens_at=THAT_MORNING + number * SECOND)
    shoppers = crowd_of(150)
    results = rush([partial(claim, coupon, shopper) for shopper in shoppers[:100]], threads=50)
    # Who looked a moment before another one opened them has heard "sold out", truly.
    assert set(tally(results)) == {"done", "SoldOut"}
    assert StockMovement.objects.filter(coupon=coupon).count() == 2
    assert_invariants(coupon)
    rush([partial(claim, coupon, shopper) for shopper in shoppers[100:]], threads=50)
    assert coupon.stock.remaining() == max(0, 60 - tally(results)["done"] - 50)
    assert_invariants(coupon)


def test_many_jobs_and_claims_open_a_batch_once() -> None:
    coupon = factories.make_coupon(stock=0)
    ReleaseBatch.objects.create(coupon=coupon, quantity=5, opens_at=NOW)
    jobs = [partial(release_batches_open_due, now=NOW)] * 20
    rush([*jobs, *[partial(claim, coupon, shopper) for shopper in crowd_of(20)]], threads=40)
    assert StockMovement.objects.get(coupon=coupon).quantity == 5
    assert_invariants(coupon)


def test_control_without_the_lock_a_batch_opens_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    coupon = factories.make_coupon(stock=0)
    ReleaseBatch.objects.create(coupon=coupon, quantity=5, opens_at=NOW)
    meeting, release = MeetingPoint(5), release_batches.stock_open_batch

    def release_together(**details: object) -> None:
        meeting.wait()
        release(**details)  # type: ignore[arg-type]

    monkeypatch.setattr(release_batches, "stock_lock", lambda coupon_id: coupon.stock)
    monkeypatch.setattr(release_batches, "stock_open_batch", release_together)
    rush([partial(release_batches_open_due, now=NOW)] * 5, threads=5)
    assert StockMovement.objects.filter(coupon=coupon).count() == 5


def test_many_watchers_alert_and_top_up_once() -> None:
    coupon = factories.make_coupon(stock=0, reserve=7)
    StockPolicy.objects.create(coupon=coupon, low_below=5, open_reserve=5, top_up=50, top_ups_a_day=1)
    results = rush([partial(stock_policy_apply, coupon=coupon, now=NOW)] * 30, threads=30)
    assert len([result for result in results if result is not None]) == 1
    assert list(StockMovement.objects.filter(coupon=coupon).values_list("quantity", flat=True)) == [5]
    assert_invariants(coupon)


def test_stopping_while_the_last_ones_are_claimed() -> None:
    """Whoever got one keeps it, and nothing is left on a coupon that has stopped."""
    shoppers = crowd_of(40)
    for _round in range(5):
        coupon = factories.make_coupon(stock=20)
        StockPolicy.objects.create(coupon=coupon, low_below=5, stop_when_sold_out=True)
        calls = [partial(claim, coupon, shopper) for shopper in shoppers]
        stops = [partial(stock_policy_stop, coupon=coupon, now=NOW)] * 10
        results = rush([*calls, *stops], threads=25)
        assert set(tally(results)) <= {"done", "SoldOut", "Ended"}
        stock_policy_stop(coupon=coupon, now=NOW)
        coupon.refresh_from_db()
        assert (coupon.status, coupon.stock.remaining()) == ("ended", 0)
        assert_invariants(coupon)


def test_fifty_threads_join_leave_and_claim_while_stock_returns() -> None:
    """Stock is exact, nobody gets two, and what was granted is the head of the queue."""
    shoppers = crowd_of(150)
    waiting, passing, wavering = shoppers[:60], shoppers[60:110], shoppers[110:]
    for bucket_count in (1, 16):
        coupon = factories.make_coupon(stock=0, bucket_count=bucket_count)
        queue_up(coupon, waiting)
        calls = []
        for number in range(10):
            calls += [partial(claim, coupon, shopper) for shopper in passing[number::10]]
            calls += [partial(join, coupon, shopper) for shopper in wavering[number::10]]
            calls += [partial(leave, coupon, shopper) for shopper in wavering[number::10]]
            calls.append(partial(stock_top_up, coupon=coupon, quantity=4, actor=None, now=NOW))
            calls.append(partial(waiting_grant_due, now=NOW))
        results = rush(calls, threads=50)
        waiting_grant_due(now=NOW)

        # 40 came back and 60 were waiting before: nobody who came later got any.
        assert set(tally(results)) <= {"done", "SoldOut"}
        assert states(coupon)[:60] == ["granted"] * 40 + ["waiting"] * 20
        assert set(states(coupon)[60:]) <= {"waiting", "left"}
        assert Claim.objects.filter(coupon=coupon).count() == 40
        assert coupon.stock.remaining() == 0
        assert_invariants(coupon)


def test_one_shopper_and_fifty_parallel_joins() -> None:
    coupon, shopper = factories.make_coupon(stock=0), factories.make_shopper()
    results = rush([partial(join, coupon, shopper)] * 50, threads=50)
    assert tally(results) == {"done": 50}
    assert len({entry.pk for entry in results}) == 1


def test_what_lies_beyond_the_list_is_claimed_to_the_last_unit() -> None:
    shoppers = crowd_of(60)
    coupon = factories.make_coupon(stock=30)
    queue_up(coupon, shoppers[:20])
    grants = [partial(waiting_grant_due, now=NOW)] * 4
    results = rush([*[partial(claim, coupon, shopper) for shopper in shoppers[20:]], *grants], threads=44)
    assert tally(results) == {"done": 10 + 4, "SoldOut": 30}
    assert states(coupon) == [WaitingState.GRANTED] * 20
    assert_invariants(coupon)


def test_control_without_the_count_those_who_come_later_overtake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_writing, "stock_beyond_waiting", lambda coupon_id: 1)
    shoppers = crowd_of(40)
    coupon = factories.make_coupon(stock=20)
    queue_up(coupon, shoppers[:20])
    rush([partial(claim, coupon, shopper) for shopper in shoppers[20:]], threads=20)
    waiting_grant_due(now=NOW)
    assert states(coupon) == [WaitingState.WAITING] * 20


def test_a_shopper_s_own_claim_and_grant_at_once_are_one() -> None:
    """The limit is one: granted or claimed, never both, and no deadlock between the two."""
    shoppers = crowd_of(20)
    coupon = factories.make_coupon(stock=40)
    queue_up(coupon, shoppers)
    grants = [partial(waiting_grant_due, now=NOW)] * 5
    results = rush([*[partial(claim, coupon, shopper) for shopper in shoppers], *grants], threads=25)
    assert set(tally(results)) <= {"done", "LimitReached"}
    assert states(coupon) == [WaitingState.GRANTED] * 20
    assert Claim.objects.filter(coupon=coupon).count() == 20
    assert_invariants(coupon)
