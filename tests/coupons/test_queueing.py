"""Queued mode: a place in the queue, what the queue refuses, its tickets, and claims while Redis is away."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as project_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection
from pytest_django import Settings

from config.kernel.breaker import CircuitBreaker
from config.kernel.clock import database_now, recent_database_now
from config.kernel.errors import Busy, DomainError, IdempotencyKeyMissing, IdempotencyKeyReused, NotFound
from config.kernel.idempotency import Answer, run_once
from coupons.enums import ClaimChannel, CouponStatus, TicketState
from coupons.errors import Ended, LimitReached, NotStarted, Paused, SoldOut
from coupons.models import Claim, ClaimTicket, Coupon
from coupons.queue import Queue, parse_ticket_id, ticket_id_of
from coupons.queue import queue as queue_module
from coupons.selectors.shelf import shelf
from coupons.services.granting import word_renew
from coupons.services.queueing import (
    claim_without_queue,
    queued_coupon,
    ticket_read,
    ticket_take,
    ticket_waiting,
    tickets_delete_old,
)
from tests import factories
from tests.coupons.queues import attempt_of, grant, own_breaker, take
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


def test_a_place_is_taken_without_the_database_and_answered_by_the_granter(coupon: Coupon, shopper: User) -> None:
    queued_coupon(public_id=coupon.public_id)
    recent_database_now()
    with CaptureQueriesContext(connection) as queries:
        ticket = take(coupon, shopper)
        seen = ticket_waiting(coupon=coupon, shopper=shopper)

    assert len(queries) == 0
    assert (ticket.state, ticket.position, ticket.retry_after) == (TicketState.WAITING, 1, 1)
    assert seen == ticket
    assert not Claim.objects.exists()

    assert grant(coupon) == 1
    answered = ticket_read(ticket=ticket.id, shopper=shopper)

    claim = Claim.objects.get()
    assert (answered.state, answered.claim) == (TicketState.GRANTED, claim)
    assert (claim.shopper, claim.channel) == (shopper, ClaimChannel.QUEUE)
    assert ticket_waiting(coupon=coupon, shopper=shopper) is None
    assert grant(coupon) == 0
    assert_invariants(coupon)


def test_the_same_request_is_the_same_place(coupon: Coupon, shopper: User) -> None:
    first = take(coupon, shopper)
    again = take(coupon, shopper)

    assert (first.is_repeated, again.is_repeated) == (False, True)
    assert again.id == first.id
    assert Queue(coupon.public_id).length() == 1
    with pytest.raises(IdempotencyKeyReused):
        take(coupon, shopper, fingerprint="another")
    with pytest.raises(IdempotencyKeyMissing):
        take(coupon, shopper, key="")


def test_the_same_request_is_answered_with_its_claim_once_there_is_one(coupon: Coupon, shopper: User) -> None:
    take(coupon, shopper)
    grant(coupon)

    again = take(coupon, shopper)

    assert (again.state, again.claim, again.is_repeated) == (TicketState.GRANTED, Claim.objects.get(), True)


def test_a_refused_request_leaves_its_key_unused(coupon: Coupon, shopper: User) -> None:
    paused = factories.make_coupon(is_queued=True, state="paused")
    with pytest.raises(Paused):
        take(paused, shopper, fingerprint="paused")
    assert take(coupon, shopper).state == TicketState.WAITING


def test_the_same_request_is_the_same_place_after_it_was_answered_and_forgotten(coupon: Coupon, shopper: User) -> None:
    first = take(coupon, shopper)
    grant(coupon)
    assert take(coupon, shopper).state == TicketState.GRANTED

    get_redis_connection("default").flushdb()
    again = take(coupon, shopper)
    assert (again.id, again.state) == (first.id, TicketState.WAITING)
    grant(coupon)

    assert take(coupon, shopper).state == TicketState.GRANTED
    assert ticket_read(ticket=first.id, shopper=shopper).claim == Claim.objects.get()


@pytest.mark.django_db(transaction=True)
def test_a_winner_who_asks_again_when_the_queue_has_forgotten_gets_the_answer(shopper: User) -> None:
    coupon = factories.make_coupon(is_queued=True, stock=5, bucket_count=16)
    first = take(coupon, shopper)
    grant(coupon)
    redis = get_redis_connection("default")
    redis.delete(*redis.keys("quan:queue:*:ticket:*"))
    word_renew(public_id=coupon.public_id)

    assert take(coupon, shopper).claim == Claim.objects.get() == ticket_read(ticket=first.id, shopper=shopper).claim
    with pytest.raises(LimitReached):
        take(coupon, shopper, key="another")


@pytest.mark.django_db(transaction=True)
def test_places_and_claims_together_keep_the_limit(shopper: User) -> None:
    coupon = factories.make_coupon(is_queued=True, stock=9, limit_per_shopper=2, bucket_count=16)
    first, second, third = (take(coupon, shopper, key=str(number)) for number in range(3))

    assert first.id != second.id
    assert (third.id, third.position, third.is_repeated) == (second.id, 2, False)
    # One batch serves a shopper once; the second place is next.
    assert (grant(coupon), grant(coupon), grant(coupon)) == (1, 1, 0)
    assert Claim.objects.count() == 2
    word_renew(public_id=coupon.public_id)
    with pytest.raises(LimitReached):
        take(coupon, shopper, key="fourth")
    assert_invariants(coupon)


def test_places_are_served_in_the_order_in_which_they_were_taken(coupon: Coupon) -> None:
    crowd = [factories.make_shopper() for _number in range(5)]
    tickets = [take(coupon, shopper) for shopper in crowd]
    assert [ticket.position for ticket in tickets] == [1, 2, 3, 4, 5]

    assert grant(coupon, size=1) == 1
    seen = [ticket_read(ticket=ticket.id, shopper=None) for ticket in tickets]
    assert [ticket.position for ticket in seen] == [None, 1, 2, 3, 4]
    assert grant(coupon) == 4

    states = [ticket_read(ticket=ticket.id, shopper=None).state for ticket in tickets]
    assert states == [TicketState.GRANTED] * 2 + [TicketState.REFUSED] * 3
    refused = ticket_read(ticket=tickets[-1].id, shopper=crowd[-1])
    assert isinstance(refused.refusal, SoldOut)
    assert list(ClaimTicket.objects.order_by("arrival").values_list("code", flat=True)) == ["", ""] + ["sold_out"] * 3
    assert_invariants(coupon)


@pytest.mark.django_db(transaction=True)
def test_what_the_gate_knows_is_refused_at_once(shopper: User) -> None:
    coupon = factories.make_coupon(is_queued=True, stock=1, bucket_count=16)
    take(coupon, shopper)
    grant(coupon)
    word_renew(public_id=coupon.public_id)
    late = factories.make_shopper()
    queued_coupon(public_id=coupon.public_id)

    with CaptureQueriesContext(connection) as queries, pytest.raises(SoldOut):
        take(coupon, late, key="late")
    assert len(queries) == 0


def test_an_old_word_refuses_nobody(shopper: User) -> None:
    coupon = factories.make_coupon(is_queued=True, stock=0, bucket_count=16)
    assert take(coupon, shopper).state == TicketState.WAITING
    grant(coupon)
    assert isinstance(ticket_read(ticket=take(coupon, shopper).id, shopper=shopper).refusal, SoldOut)


@pytest.mark.parametrize(("state", "refusal"), [("scheduled", NotStarted), ("paused", Paused), ("ended", Ended)])
def test_a_coupon_that_is_not_open_takes_nobody(shopper: User, state: str, refusal: type[DomainError]) -> None:
    coupon = factories.make_coupon(is_queued=True, state=state)
    with pytest.raises(refusal):
        take(coupon, shopper)
    assert Queue(coupon.public_id).length() == 0


def test_a_place_of_before_the_pause_is_still_known(coupon: Coupon, shopper: User) -> None:
    ticket = take(coupon, shopper)
    Coupon.objects.filter(pk=coupon.pk).update(status=CouponStatus.PAUSED)
    shelf.forget(coupon.public_id)

    assert take(coupon, shopper).id == ticket.id
    grant(coupon)
    assert isinstance(ticket_read(ticket=ticket.id, shopper=shopper).refusal, Paused)


def test_a_full_queue_asks_to_come_back(coupon: Coupon, shopper: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "MOST_PLACES", 1)
    take(coupon, factories.make_shopper())
    with pytest.raises(Busy) as refusal:
        take(coupon, shopper)
    assert refusal.value.retry_after == 5


def test_only_coupons_in_queued_mode_have_a_queue(coupon: Coupon) -> None:
    fitted = factories.make_coupon(is_queued=True)
    factories.make_envelope(coupon=fitted)
    for other in (factories.make_coupon(), fitted, factories.make_coupon(is_queued=True, state="draft")):
        assert queued_coupon(public_id=other.public_id) is None
    assert queued_coupon(public_id=uuid4()) is None
    assert queued_coupon(public_id=coupon.public_id) is not None


def test_what_is_known_of_a_coupon_is_asked_again_after_a_second(
    coupon: Coupon, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert queued_coupon(public_id=coupon.public_id) is not None
    Coupon.objects.filter(pk=coupon.pk).update(is_queued=False)
    assert queued_coupon(public_id=coupon.public_id) is not None
    monkeypatch.setattr("coupons.selectors.shelf.FRESH_SECONDS", 0)
    assert queued_coupon(public_id=coupon.public_id) is None


# Tickets


def test_a_ticket_is_its_shoppers_alone(coupon: Coupon, shopper: User, outsider: User) -> None:
    ticket = take(coupon, shopper)
    for stage in ("waiting", "answered", "forgotten"):
        assert ticket_read(ticket=ticket.id, shopper=shopper), stage
        assert ticket_read(ticket=ticket.id, shopper=None), stage
        with pytest.raises(NotFound):
            ticket_read(ticket=ticket.id, shopper=outsider)
        if stage == "waiting":
            grant(coupon)
        else:
            get_redis_connection("default").flushdb()


def test_an_id_that_was_never_given_out_is_not_found(coupon: Coupon, shopper: User) -> None:
    genuine = ticket_id_of(caller="user:1", key="once", coupon_id=coupon.pk, shopper_id=shopper.pk)
    parsed = parse_ticket_id(genuine)
    assert parsed is not None
    assert (parsed.coupon_id, parsed.is_of(shopper.pk), parsed.is_of(shopper.pk + 1)) == (coupon.pk, True, False)
    assert (genuine.version, genuine.variant) == (8, "specified in RFC 4122")
    for bit in range(26, 122):
        assert parse_ticket_id(UUID(int=genuine.int ^ 1 << bit)) is None
    for made_up in (uuid4(), UUID(int=genuine.int ^ 1 << 30)):
        with pytest.raises(NotFound):
            ticket_read(ticket=made_up, shopper=shopper)


def test_an_id_follows_from_caller_key_coupon_and_shopper() -> None:
    facts: dict[str, Any] = {"caller": "user:1", "key": "once", "coupon_id": 1, "shopper_id": 1}
    others = [{"caller": "user:2"}, {"key": "twice"}, {"coupon_id": 2}, {"shopper_id": 2}]
    ids = [ticket_id_of(**(facts | other)) for other in others]
    assert ticket_id_of(**facts) == ticket_id_of(**facts)
    assert len({ticket_id_of(**facts), *ids}) == 5


def test_a_lost_place_says_so_and_can_be_taken_again(coupon: Coupon, shopper: User) -> None:
    ticket = take(coupon, shopper)
    get_redis_connection("default").flushdb()

    lost = ticket_read(ticket=ticket.id, shopper=shopper)
    assert lost.state == TicketState.LOST
    assert lost.refusal is not None
    assert "try again" in lost.refusal.sentence

    assert take(coupon, shopper).state == TicketState.WAITING
    grant(coupon)
    assert ticket_read(ticket=ticket.id, shopper=shopper).state == TicketState.GRANTED


def test_old_answers_are_deleted(coupon: Coupon, shopper: User) -> None:
    take(coupon, shopper)
    grant(coupon)
    assert tickets_delete_old(now=factories.NOW) == 0
    assert tickets_delete_old(now=factories.LONG_FROM_NOW) == 1
    assert Claim.objects.exists()


# Redis away


def test_without_redis_a_claim_is_made_at_once_and_once(
    coupon: Coupon, shopper: User, settings: Settings, breaker: CircuitBreaker
) -> None:
    queued = queued_coupon(public_id=coupon.public_id)
    assert queued is not None
    ticket = take(coupon, shopper)
    address = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    request: dict[str, Any] = {
        "coupon": queued,
        "shopper": shopper,
        "attempt": attempt_of(shopper),
    }
    assert ticket_take(**request) is None
    assert ticket_waiting(coupon=coupon, shopper=shopper) is None
    with pytest.raises(Busy):
        ticket_read(ticket=ticket.id, shopper=shopper)

    def at_once() -> Answer:
        found = claim_without_queue(**request, channel=ClaimChannel.WEB, now=database_now())
        return Answer(201, {"claim": str(found.public_id)})

    claim = claim_without_queue(**request, channel=ClaimChannel.WEB, now=database_now())
    assert claim_without_queue(**request, channel=ClaimChannel.WEB, now=database_now()) == claim
    made, again = (run_once(attempt=request["attempt"], action=at_once) for _time in range(2))
    assert (made.status, made.body, made.replayed) == (201, {"claim": str(claim.public_id)}, False)
    assert (again.status, again.body, again.replayed) == (201, made.body, True)
    assert ticket_read(ticket=ticket.id, shopper=shopper).claim == claim

    # The queue comes back with the place in it: it is found answered.
    settings.REDIS_URL = address
    breaker.__init__("gate")  # type: ignore[misc]  # a closed one
    assert grant(coupon) == 1
    assert ticket_read(ticket=ticket.id, shopper=shopper).claim == claim
    assert Claim.objects.count() == 1
    assert_invariants(coupon)


def test_a_refusal_without_the_queue_is_the_answer_too(coupon: Coupon, shopper: User) -> None:
    Coupon.objects.filter(pk=coupon.pk).update(audience="new_shoppers")
    factories.make_paid_order(shopper=shopper, payable=1)
    queued = queued_coupon(public_id=coupon.public_id)
    assert queued is not None
    take(coupon, shopper)
    grant(coupon)
    request: dict[str, Any] = {
        "coupon": queued,
        "shopper": shopper,
        "attempt": attempt_of(shopper),
    }
    with pytest.raises(DomainError) as refusal:
        claim_without_queue(**request, channel=ClaimChannel.WEB, now=database_now())
    assert (refusal.value.code, refusal.value.data) == ("not_eligible", {"reason": "new_shoppers_only"})
