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
        caller=caller or f"user:{shopper.pk}",
        key=key,
        request_fingerprint=fingerprint,
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
