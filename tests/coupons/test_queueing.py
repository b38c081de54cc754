"""Queued mode: a place in the queue, what the queue refuses, how places are answered, and what a crash leaves."""

from __future__ import annotations

import json
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as project_settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection
from pytest_django import Settings

from config.kernel.breaker import CircuitBreaker
from config.kernel.clock import database_now
from config.kernel.errors import Busy, DomainError, IdempotencyKeyMissing, IdempotencyKeyReused, NotFound
from config.kernel.idempotency import Attempt
from coupons.enums import ClaimChannel, CouponStatus, TicketState
from coupons.errors import Ended, LimitReached, NotStarted, Paused, SoldOut
from coupons.gate import connection as gate_connection
from coupons.models import Claim, ClaimTicket, Coupon
from coupons.queue import Queue, parse_ticket_id, ticket_id_of
from coupons.queue import queue as queue_module
from coupons.services import granting
from coupons.services.granting import Granter, batch_answer, batch_grant, word_renew
from coupons.services.queueing import (
    Ticket,
    claim_without_queue,
    forget_queued_coupons,
    queued_coupon,
    ticket_read,
    ticket_take,
    ticket_waiting,
    tickets_delete_old,
)
from tests import factories
from tests.invariants import assert_invariants
from users.models import User

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis"),
]


@pytest.fixture(autouse=True)
def breaker(monkeypatch: pytest.MonkeyPatch) -> CircuitBreaker:
    made = CircuitBreaker("gate", rest=0.2)
    monkeypatch.setattr(gate_connection, "breaker", made)
    return made


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon(is_queued=True, stock=2)


def take(coupon: Coupon, shopper: User, *, key: str = "once", fingerprint: str = "same", caller: str = "") -> Ticket:
    queued = queued_coupon(public_id=coupon.public_id)
    assert queued is not None
    ticket = ticket_take(
        queued=queued,
        shopper=shopper,
        attempt=Attempt.of(caller=caller or f"user:{shopper.pk}", key=key, fingerprint=fingerprint),
    )
    assert ticket is not None
    return ticket


def grant(coupon: Coupon, size: int = 500) -> int | None:
    return batch_grant(public_id=coupon.public_id, consumer="test", size=size)


def test_a_place_is_taken_without_the_database_and_answered_by_the_granter(coupon: Coupon, shopper: User) -> None:
    queued_coupon(public_id=coupon.public_id)
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
    queued_coupon(public_id=coupon.public_id)

    with CaptureQueriesContext(connection) as queries, pytest.raises(SoldOut):
        take(coupon, factories.make_shopper(), key="late")
    assert [query for query in queries if "users_user" not in query["sql"]] == []


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
    forget_queued_coupons()

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
    monkeypatch.setattr("coupons.services.queueing.FRESH_SECONDS", 0)
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
        "queued": queued,
        "shopper": shopper,
        "attempt": Attempt(f"user:{shopper.pk}", "once", "same"),
    }
    assert ticket_take(**request) is None
    assert ticket_waiting(coupon=coupon, shopper=shopper) is None
    with pytest.raises(Busy):
        ticket_read(ticket=ticket.id, shopper=shopper)

    claim = claim_without_queue(**request, channel=ClaimChannel.WEB, now=database_now())
    assert claim_without_queue(**request, channel=ClaimChannel.WEB, now=database_now()) == claim
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
        "queued": queued,
        "shopper": shopper,
        "attempt": Attempt(f"user:{shopper.pk}", "once", "same"),
    }
    with pytest.raises(DomainError) as refusal:
        claim_without_queue(**request, channel=ClaimChannel.WEB, now=database_now())
    assert (refusal.value.code, refusal.value.data) == ("not_eligible", {"reason": "new_shoppers_only"})


# Crashes


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
    forget_queued_coupons()

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
