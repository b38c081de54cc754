"""Queued mode under a crowd, with granters beside each other, and with granters that are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.db import connection, connections
from django_redis import get_redis_connection

from config.env import BASE_DIR
from config.kernel.breaker import CircuitBreaker
from coupons.enums import TicketState
from coupons.gate import connection as gate_connection
from coupons.models import Claim, ClaimTicket, Coupon
from coupons.queue import Queue
from coupons.services.granting import Granter, batch_grant
from coupons.services.queueing import Ticket, ticket_read
from tests import factories
from tests.concurrency.crowd import PATIENCE, rush, tally
from tests.coupons.queues import take
from tests.figures import Figures
from tests.forms import rounds
from tests.invariants import assert_invariants
from users.models import User

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis"),
]


@pytest.fixture(autouse=True)
def breaker(monkeypatch: pytest.MonkeyPatch) -> CircuitBreaker:
    """A circuit breaker that a machine with much to do does not open."""
    made = CircuitBreaker("gate", failures=1000)
    monkeypatch.setattr(gate_connection, "breaker", made)
    return made


def crowd_of(count: int) -> list[User]:
    return User.objects.bulk_create(User(username=f"crowd-{number}", password="!") for number in range(count))


def until(condition: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
    # Those who make it true need the processor too.
    deadline, pause = time.monotonic() + seconds, Event()
    while not condition():
        pause.wait(0.01)
        assert time.monotonic() < deadline, f"not within {seconds} s"


@contextmanager
def granters(count: int, *, batch: int = 20) -> Iterator[None]:
    """Granters in threads of their own, each with its own connection, for as long as the block runs."""
    stop, failures = Event(), []

    def work(number: int) -> None:
        try:
            Granter(consumer=f"granter-{number}", stop=stop, batch=batch).run()
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=PATIENCE)
    assert not failures, failures


def is_served(coupon: Coupon) -> bool:
    return Queue(coupon.public_id).length() == 0


def arrivals_won(coupon: Coupon) -> list[int]:
    return sorted(ClaimTicket.objects.filter(coupon=coupon, code="").values_list("arrival", flat=True))


def assert_told(tickets: list[Ticket], *, granted: int) -> None:
    """Every ticket has an answer, the same in the queue and in the database, and so many are claims."""
    read = [ticket_read(ticket=ticket.id, shopper=None) for ticket in tickets]
    assert {ticket.state for ticket in read} <= {TicketState.GRANTED, TicketState.REFUSED}
    assert sum(ticket.state == TicketState.GRANTED for ticket in read) == granted
    assert ClaimTicket.objects.filter(claim__isnull=False).count() == granted == Claim.objects.count()
    assert {ticket.refusal.code for ticket in read if ticket.refusal is not None} <= {"sold_out"}


@pytest.mark.reliability(1)
@pytest.mark.parametrize("bucket_count", [1, 16])
def test_a_crowd_and_two_granters_sell_exactly_what_there_is(bucket_count: int) -> None:
    coupon = factories.make_coupon(is_queued=True, stock=100, bucket_count=bucket_count)
    crowd = crowd_of(500)

    with granters(2):
        results = rush([partial(take, coupon, shopper) for shopper in crowd], threads=20)
        until(partial(is_served, coupon))

    # The gate refuses at once whoever comes after it has heard that nothing is left; all others are told in the end.
    assert set(tally(results)) <= {"done", "SoldOut"}
    assert_told([each for each in results if isinstance(each, Ticket)], granted=100)
    # The hundred who came first.
    assert arrivals_won(coupon) == list(range(1, 101))
    assert_invariants(coupon)


def test_one_shopper_gets_no_more_than_the_limit_however_often_one_asks() -> None:
    coupon = factories.make_coupon(is_queued=True, stock=100, limit_per_shopper=3)
    (shopper,) = crowd_of(1)
    with granters(2, batch=5):
        results = rush([partial(take, coupon, shopper, key=str(number)) for number in range(60)], threads=15)
        until(partial(is_served, coupon))
    assert set(tally(results)) <= {"done", "LimitReached"}
    assert Claim.objects.filter(shopper=shopper).count() == 3
    assert_invariants(coupon)


@pytest.mark.reliability(13)
def test_the_same_request_at_once_is_one_place() -> None:
    coupon = factories.make_coupon(is_queued=True, stock=100, limit_per_shopper=9)
    (shopper,) = crowd_of(1)
    results = rush([partial(take, coupon, shopper)] * 60, threads=20)
    assert tally(results) == {"done": 60}
    assert len({ticket.id for ticket in results}) == 1
    assert Queue(coupon.public_id).length() == 1


@pytest.mark.reliability(26)
def test_two_granters_never_serve_a_coupon_at_the_same_time() -> None:
    coupon = factories.make_coupon(is_queued=True, stock=100)
    for shopper in crowd_of(40):
        take(coupon, shopper)
    serve = partial(batch_grant, public_id=coupon.public_id, consumer="granter", size=5)
    served = rush([serve] * 40, threads=8)
    assert all(each in (None, 0, 5) for each in served), served
    while batch_grant(public_id=coupon.public_id, consumer="last"):
        pass
    assert Claim.objects.count() == 40
    assert_invariants(coupon)


# Kills


@pytest.fixture
def start_granter() -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts `manage.py grant_claims` on the databases of this test; none outlives it."""
    database, address = connection.settings_dict, project_settings.DATABASES["default"]
    url = (
        f"postgresql://{database['USER']}:{database['PASSWORD']}@{address['HOST']}:{address['PORT']}/{database['NAME']}"
    )
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        granter = subprocess.Popen(
            [sys.executable, "-W", "ignore", "manage.py", "grant_claims"],
            env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
            cwd=BASE_DIR,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(granter)
        assert granter.stdout is not None
        assert granter.stdout.readline() == "Serving queues.\n"
        return granter

    yield start
    for granter in started:
        if granter.poll() is None:
            granter.kill()
            granter.wait()


def kill(granter: subprocess.Popen[str], number: signal.Signals) -> None:
    granter.send_signal(number)
    assert granter.wait(timeout=PATIENCE) == (0 if number == signal.SIGTERM else -number)
    assert granter.stdout is not None
    granter.stdout.close()


@pytest.mark.reliability(20)
def test_granters_killed_in_the_middle_lose_and_double_nothing(
    start_granter: Callable[[], subprocess.Popen[str]], figures: Figures
) -> None:
    rng, number_of_rounds, again = random.Random(4), rounds(short=1, long=20), []
    for _round in range(number_of_rounds):
        coupon = factories.make_coupon(is_queued=True, stock=450, bucket_count=rng.choice([1, 16]))
        crowd = User.objects.bulk_create(
            User(username=f"crowd-{coupon.pk}-{number}", password="!") for number in range(600)
        )
        tickets = [take(coupon, shopper) for shopper in crowd]
        granter = start_granter()
        served = rng.randrange(20, 420)
        until(lambda served=served, coupon=coupon: Claim.objects.filter(coupon=coupon).count() >= served)
        kill(granter, signal.SIGKILL)
        moment, left = time.monotonic(), Queue(coupon.public_id).length()

        # Somebody else goes on at once where it stopped.
        while Queue(coupon.public_id).length() == left:
            batch_grant(public_id=coupon.public_id, consumer="next")
        again.append(time.monotonic() - moment)
        while Queue(coupon.public_id).length():
            batch_grant(public_id=coupon.public_id, consumer="next")
        read = [ticket_read(ticket=ticket.id, shopper=None).state for ticket in tickets]
        assert read == [TicketState.GRANTED] * 450 + [TicketState.REFUSED] * 150
        assert coupon.claims.count() == coupon.claims.values("shopper").distinct().count() == 450
        assert_invariants(coupon)
    # Anything else than nothing has failed above.
    figures.note(
        20,
        "kill -9 of the granter",
        rounds=number_of_rounds,
        acknowledged=450 * number_of_rounds,
        oversold=0,
        unsold=0,
        lost=0,
        doubled=0,
        again=again,
        beside="150 refusals a round, in the order of arrival",
    )


def test_a_granter_that_is_asked_to_stop_ends_its_batch_and_leaves(
    start_granter: Callable[[], subprocess.Popen[str]],
) -> None:
    coupon = factories.make_coupon(is_queued=True, stock=3000)
    for shopper in crowd_of(1500):
        take(coupon, shopper)
    granter = start_granter()
    until(Claim.objects.exists)
    kill(granter, signal.SIGTERM)

    # Whatever was granted has been told, and nothing is left half done.
    claimed = Claim.objects.count()
    assert claimed + Queue(coupon.public_id).length() == 1500
    assert_invariants(coupon)


def test_it_is_answered_within_moments() -> None:
    coupon = factories.make_coupon(is_queued=True, stock=10)
    waits: list[float] = []
    with granters(1):
        for shopper in crowd_of(10):
            ticket = take(coupon, shopper)
            began = time.monotonic()
            until(lambda ticket=ticket: ticket_read(ticket=ticket.id, shopper=None).state != TicketState.WAITING)
            waits.append(time.monotonic() - began)
    # The middle one: the first has to wait until the queue is noticed.
    assert sorted(waits)[5] < 0.5, waits


def test_redis_emptied_while_a_crowd_waits_costs_places_and_nothing_else() -> None:
    coupon, crowd = factories.make_coupon(is_queued=True, stock=100), crowd_of(200)
    calls: list[Any] = [partial(take, coupon, shopper) for shopper in crowd]
    # Its own database alone: the places of the other test workers stay.
    calls.insert(100, get_redis_connection("default").flushdb)
    with granters(2):
        results = rush(calls, threads=10)
        until(partial(is_served, coupon))
        tickets = [each for each in results if isinstance(each, Ticket)]
        states = [ticket_read(ticket=ticket.id, shopper=None).state for ticket in tickets]
        assert set(states) <= {TicketState.GRANTED, TicketState.REFUSED, TicketState.LOST}
        # Who lost a place asks again, under the same key.
        again = [
            partial(take, coupon, shopper)
            for shopper, ticket in zip(crowd, tickets, strict=True)
            if ticket_read(ticket=ticket.id, shopper=None).state == TicketState.LOST
        ]
        if again:
            assert set(tally(rush(again, threads=5))) <= {"done", "SoldOut"}
        until(partial(is_served, coupon))
    assert Claim.objects.count() == 100
    assert_invariants(coupon)
