"""What time does to claims and locks, as the jobs do it."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from coupons import tasks
from coupons.enums import ClaimState, OrderState
from coupons.models import Claim, ClaimEntry, Coupon, Order
from coupons.services.expiry import expire_claims, release_expired_locks
from coupons.services.orders import order_lock
from tests import factories
from tests.factories import NOW
from users.models import User

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)


def make_claims_ending_at_noon(count: int) -> list[Claim]:
    coupon = factories.make_coupon(usable_until=NOW)
    return [factories.make_claim(coupon=coupon, now=NOW - WEEK) for _ in range(count)]


def make_locked_order(shopper: User | None = None) -> Order:
    """An order with one claim on it, locked at the test moment."""
    claim = factories.make_claim(shopper=shopper)
    return order_lock(
        shopper=claim.shopper,
        reference=f"order-{claim.pk}",
        items=[factories.cart_item()],
        claim_ids=[claim.public_id],
        shipping=0,
        expected_payable=None,
        now=NOW,
    )


def states(claims: list[Claim]) -> set[str]:
    return set(Claim.objects.filter(pk__in=[claim.pk for claim in claims]).values_list("state", flat=True))


@pytest.mark.django_db
def test_claims_expire_at_their_end_and_not_a_moment_before() -> None:
    claims = make_claims_ending_at_noon(3)

    assert expire_claims(now=NOW - timedelta(microseconds=1)) == 0
    assert states(claims) == {ClaimState.AVAILABLE}

    steps: list[int] = []
    assert expire_claims(now=NOW, batch_size=2, progressed=steps.append) == 3
    assert states(claims) == {ClaimState.EXPIRED}
    assert steps == [2, 1]


@pytest.mark.django_db
def test_each_expiry_leaves_one_ledger_entry() -> None:
    (claim,) = make_claims_ending_at_noon(1)
    expire_claims(now=NOW)

    entry = ClaimEntry.objects.filter(claim=claim).latest("pk")
    assert (entry.from_state, entry.to_state, entry.reason) == ("available", "expired", "expired")
    assert ClaimEntry.objects.filter(claim=claim).count() == 2


@pytest.mark.django_db
def test_a_lock_is_released_when_its_time_is_over(coupon: Coupon) -> None:
    order = make_locked_order()
    assert order.lock_expires_at is not None

    assert release_expired_locks(now=order.lock_expires_at - timedelta(microseconds=1)) == 0
    steps: list[int] = []
    assert release_expired_locks(now=order.lock_expires_at, progressed=steps.append) == 1

    assert Order.objects.get().state == OrderState.RELEASED
    assert Claim.objects.get().state == ClaimState.AVAILABLE
    assert steps == [1]


@pytest.mark.reliability(26)
@pytest.mark.django_db
def test_every_job_run_twice_leaves_the_same_state() -> None:
    make_claims_ending_at_noon(2)
    order = make_locked_order()
    assert order.lock_expires_at is not None
    later = order.lock_expires_at

    def everything() -> list[list[dict[str, object]]]:
        return [list(model.objects.order_by("pk").values()) for model in (Claim, ClaimEntry, Order)]

    assert (expire_claims(now=later), release_expired_locks(now=later)) == (2, 1)
    once = everything()
    assert (expire_claims(now=later), release_expired_locks(now=later)) == (0, 0)
    assert everything() == once


@pytest.mark.reliability(26)
@pytest.mark.django_db
def test_tasks_and_commands_run_twice_without_harm() -> None:
    make_claims_ending_at_noon(2)
    order = make_locked_order()
    # The jobs read the real clock, which is behind the test moment.
    Claim.objects.filter(state=ClaimState.AVAILABLE).update(
        usable_from=factories.LONG_AGO, expires_at=factories.LONG_AGO + HOUR
    )
    Order.objects.filter(pk=order.pk).update(lock_expires_at=factories.LONG_AGO)

    assert (tasks.expire_claims(), tasks.release_expired_locks()) == (2, 1)
    assert (tasks.expire_claims(), tasks.release_expired_locks()) == (0, 0)

    out = StringIO()
    call_command("expire_claims", stdout=out)
    call_command("release_locks", stdout=out)
    assert out.getvalue().splitlines() == ["Expired 0 claims.", "Released 0 orders."]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
def test_the_sweep_passes_over_a_claim_that_is_being_used() -> None:
    held, free = make_claims_ending_at_noon(2)
    expired: list[int] = []

    def sweep() -> None:
        try:
            expired.append(expire_claims(now=NOW))
        finally:
            connection.close()

    with transaction.atomic():
        Claim.objects.select_for_update().get(pk=held.pk)
        thread = threading.Thread(target=sweep)
        thread.start()
        thread.join(timeout=20)
        assert expired == [1]

    assert states([held]) == {ClaimState.AVAILABLE}
    assert states([free]) == {ClaimState.EXPIRED}
    assert expire_claims(now=NOW) == 1


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_expire_each_claim_once() -> None:
    claims = make_claims_ending_at_noon(20)
    start = threading.Barrier(3)
    counts: list[int] = []

    def sweep() -> None:
        try:
            start.wait(timeout=20)
            counts.append(expire_claims(now=NOW, batch_size=4))
        finally:
            connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sum(counts) == 20
    assert states(claims) == {ClaimState.EXPIRED}
    assert ClaimEntry.objects.filter(to_state=ClaimState.EXPIRED).count() == 20
