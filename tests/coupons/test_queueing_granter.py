"""Queued mode: how a granter answers places, what its crashes leave, and what it cannot serve."""

from __future__ import annotations

import json
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as project_settings
from django.db import transaction
from django_redis import get_redis_connection

from config.kernel.breaker import CircuitBreaker
from config.kernel.clock import database_now
from coupons.enums import TicketState
from coupons.models import Claim, ClaimTicket, Coupon
from coupons.queue import Queue
from coupons.queue import queue as queue_module
from coupons.selectors.shelf import shelf
from coupons.services import granting
from coupons.services.granting import Granter, batch_answer, batch_grant
from coupons.services.queueing import ticket_read
from tests import factories
from tests.coupons.queues import grant, own_breaker, take
from tests.invariants import assert_invariants
from users.models import User

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis"),
]


@pytest.fixture(autouse=True)
def breaker(monkeypatch: pytest.MonkeyPatch) -> CircuitBreaker:
    return own_breaker(monkeypatch)


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon(is_queued=True, stock=2)


@pytest.mark.reliability(25)
def test_a_granter_that_dies_after_its_commit_grants_nothing_twice(coupon: Coupon, shopper: User) -> None:
    ticket = take(coupon, shopper)
    queue = Queue(coupon.public_id)
    with transaction.atomic():
        entries, _unreadable = queue.take("dead", 500)
        batch_answer(public_id=coupon.public_id, entries=entries, now=database_now())
    # It never told the stream.
    assert ticket_read(ticket=ticket.id, shopper=shopper).state == TicketState.WAITING

    assert grant(coupon) == 1
    assert ticket_read(ticket=ticket.id, shopper=shopper).claim == Claim.objects.get()
    assert queue.length() == 0
    assert_invariants(coupon)


def test_control_without_the_answers_in_the_database_it_would_grant_twice(shopper: User) -> None:
    coupon = factories.make_coupon(is_queued=True, stock=5, limit_per_shopper=5)
    take(coupon, shopper)
    queue = Queue(coupon.public_id)
    with transaction.atomic():
        entries, _unreadable = queue.take("dead", 500)
        batch_answer(public_id=coupon.public_id, entries=entries, now=database_now())
    ClaimTicket.objects.all().delete()

    grant(coupon)
    assert Claim.objects.count() == 2


def test_a_granter_that_dies_before_its_commit_leaves_its_places_first_in_line(coupon: Coupon) -> None:
    crowd = [factories.make_shopper() for _number in range(4)]
    for shopper in crowd:
        take(coupon, shopper)
    taken, _unreadable = Queue(coupon.public_id).take("dead", 2)
    assert [entry.shopper for entry in taken] == [shopper.pk for shopper in crowd[:2]]

    assert grant(coupon, size=3) == 3
    assert set(Claim.objects.values_list("shopper", flat=True)) == {shopper.pk for shopper in crowd[:2]}


def test_what_nobody_can_read_or_serve_does_not_hold_up_the_rest(coupon: Coupon, shopper: User) -> None:
    redis = get_redis_connection("default")
    stream = f"quan:queue:{{{coupon.public_id.hex}}}:stream"
    gone = factories.make_shopper()
    take(coupon, gone)
    User.objects.filter(pk=gone.pk).delete()
    nonsense: list[dict[Any, Any]] = [
        {"x": "y"},
        {"ticket": "no id", "shopper": shopper.pk, "arrival": 1},
        {"ticket": uuid4().hex, "shopper": 2**70, "arrival": 1},
        {"ticket": uuid4().hex, "shopper": "0", "arrival": 1},
    ]
    for fields in nonsense:
        redis.xadd(stream, fields)
    ticket = take(coupon, shopper)

    assert grant(coupon) == 6
    assert Queue(coupon.public_id).length() == 0
    assert ticket_read(ticket=ticket.id, shopper=shopper).state == TicketState.GRANTED
    assert ClaimTicket.objects.count() == 1


def test_a_place_that_breaks_its_batch_is_found_and_dropped(coupon: Coupon, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = [factories.make_shopper() for _number in range(6)]
    Coupon.objects.filter(pk=coupon.pk).update(limit_per_shopper=1)
    tickets = [take(coupon, shopper) for shopper in crowd]
    original = granting.claims_create_many

    def breaking(*, shoppers: list[int], **arguments: Any) -> Any:
        if crowd[1].pk in shoppers:
            raise ValueError("this one")
        return original(shoppers=shoppers, **arguments)

    monkeypatch.setattr(granting, "claims_create_many", breaking)
    assert Granter(consumer="test", stop=Event(), batch=4).drain() == 6

    states = [ticket_read(ticket=ticket.id, shopper=None).state for ticket in tickets]
    lost, won, refused = TicketState.LOST, TicketState.GRANTED, TicketState.REFUSED
    assert states == [won, lost, won, refused, refused, refused]
    assert_invariants(coupon)


def test_the_queue_of_a_coupon_that_is_no_more_is_cleared(shopper: User) -> None:
    unknown = uuid4()
    get_redis_connection("default").xadd(
        f"quan:queue:{{{unknown.hex}}}:stream", {"ticket": uuid4().hex, "shopper": shopper.pk, "arrival": 1}
    )
    assert batch_grant(public_id=unknown, consumer="test") == 1
    assert Queue(unknown).length() == 0


def test_numbers_start_anew_when_redis_was_emptied(coupon: Coupon) -> None:
    for _number in range(3):
        take(coupon, factories.make_shopper())
    with transaction.atomic():
        entries, _unreadable = Queue(coupon.public_id).take("test", 500)
        answers = batch_answer(public_id=coupon.public_id, entries=entries, now=database_now())
    get_redis_connection("default").flushdb()
    take(coupon, factories.make_shopper())
    Queue(coupon.public_id).answer(answers)

    assert [take(coupon, factories.make_shopper()).position for _number in range(2)] == [1, 2]


def test_switched_off_it_still_serves_who_waits(coupon: Coupon, shopper: User) -> None:
    ticket = take(coupon, shopper)
    Coupon.objects.filter(pk=coupon.pk).update(is_queued=False)
    shelf.forget(coupon.public_id)

    assert Granter(consumer="test", stop=Event()).drain() == 1
    assert ticket_read(ticket=ticket.id, shopper=shopper).state == TicketState.GRANTED


def test_refusals_keep_what_belongs_to_them(shopper: User) -> None:
    coupon = factories.make_coupon(is_queued=True, limit_per_day=1)
    take(coupon, factories.make_shopper())
    ticket = take(coupon, shopper)
    grant(coupon)
    redis = get_redis_connection("default")

    for _stage in ("in the queue", "in the database"):
        refusal = ticket_read(ticket=ticket.id, shopper=shopper).refusal
        assert refusal is not None
        assert (refusal.code, refusal.data["scope"], refusal.data["limit"]) == ("limit_reached", "day", 1)
        assert refusal.data["resets_at"].endswith("Z")
        assert "tomorrow" in refusal.sentence
        redis.flushdb()
    assert json.dumps(ClaimTicket.objects.get(pk=ticket.id).data)


def test_a_queue_that_nobody_announces_is_forgotten(
    coupon: Coupon, shopper: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(coupon, shopper)
    monkeypatch.setattr(queue_module, "FORGOTTEN_SECONDS", -1)
    assert queue_module.coupons_with_queues() == [coupon.public_id]
    grant(coupon)
    assert queue_module.coupons_with_queues() == []
