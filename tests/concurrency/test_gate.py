"""The gate in a rush while Redis is emptied, killed, stopped and started: exact, and soon itself again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection
from pytest_django import Settings

from config.embedded.places import VAR, remove_folder, remove_outside_twin
from config.embedded.valkey import ValkeyServer
from config.env import BASE_DIR
from config.kernel.breaker import CircuitBreaker
from config.kernel.errors import DomainError
from coupons.enums import ClaimChannel
from coupons.errors import SoldOut
from coupons.gate import Gate
from coupons.gate import connection as gate_connection
from coupons.models import Claim, Coupon
from coupons.services import claims as claims_service
from coupons.services.claims import claim_create
from coupons.services.gate_reconciling import Drift, reconcile_gates
from tests import factories
from tests.concurrency.crowd import PATIENCE, rush, tally
from tests.factories import NOW
from tests.invariants import assert_invariants
from users.models import User

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis"),
]


@pytest.fixture(autouse=True)
def breaker(monkeypatch: pytest.MonkeyPatch) -> CircuitBreaker:
    """A circuit breaker of the test's own, that comes back a little sooner."""
    made = CircuitBreaker("gate", rest=0.2)
    monkeypatch.setattr(gate_connection, "breaker", made)
    return made


@pytest.fixture
def valkey(settings: Settings) -> Iterator[ValkeyServer]:
    """A Valkey that the test may kill; the gate stands in it."""
    name = f"gate-{uuid.uuid4().hex[:8]}"
    server = ValkeyServer(name=name, durable=False)
    try:
        server.start()
        settings.REDIS_URL = server.url
        yield server
    finally:
        signal_to(server, signal.SIGCONT)
        server.stop()
        remove_folder(VAR / name)
        remove_outside_twin(VAR / name)


def signal_to(server: ValkeyServer, number: signal.Signals) -> None:
    if server.process and server.process.poll() is None:
        os.kill(server.process.pid, number)


def crowd_of(count: int) -> list[User]:
    return User.objects.bulk_create(User(username=f"crowd-{number}", password="!") for number in range(count))


def claim(coupon: Coupon, shopper: User) -> Claim:
    return claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)


def rush_with(coupon: Coupon, shoppers: list[User], *faults: Callable[[], object], threads: int = 30) -> list[Any]:
    """Everybody claims; the faults happen in the middle. Returns how the claims went."""
    calls: list[Callable[[], object]] = [partial(claim, coupon, shopper) for shopper in shoppers]
    places = [len(calls) * number // (len(faults) + 1) for number in range(1, len(faults) + 1)]
    for place, fault in reversed(list(zip(places, faults, strict=True))):
        calls.insert(place, fault)
    results = rush(calls, threads=threads)
    for place in reversed([place + number for number, place in enumerate(places)]):
        assert not isinstance(results.pop(place), Exception)
    return results


def until(condition: Callable[[], bool], *, seconds: float) -> None:
    """Returns as soon as a condition holds, which it has to within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"


def refuses_without_the_database(coupon: Coupon, shopper: User) -> bool:
    with CaptureQueriesContext(connection) as queries, pytest.raises(SoldOut):
        claim(coupon, shopper)
    return len(queries) == 0


@pytest.mark.reliability(22)
def test_redis_emptied_in_the_middle_of_a_sale() -> None:
    coupon = factories.make_coupon(stock=100, bucket_count=16)
    # Its own database alone: the other test workers keep what they have.
    empty = get_redis_connection("default").flushdb
    results = rush_with(coupon, crowd_of(400), empty, empty, empty)
    assert tally(results) == {"done": 100, "SoldOut": 300}
    assert_invariants(coupon)
    late = factories.make_shopper()
    until(partial(refuses_without_the_database, coupon, late), seconds=10)
    reconcile_gates(now=NOW)
    assert reconcile_gates(now=NOW) == Drift()
    gate = Gate(coupon.public_id)
    assert sum(len(held) for held in gate.holders()) == 100


@pytest.mark.reliability(21)
def test_redis_killed_in_the_middle_of_a_sale(valkey: ValkeyServer, breaker: CircuitBreaker) -> None:
    coupon, crowd = factories.make_coupon(stock=100, bucket_count=16), crowd_of(300)
    results = rush_with(coupon, crowd, partial(signal_to, valkey, signal.SIGKILL))
    assert set(tally(results)) <= {"done", "SoldOut", "Busy"}
    assert breaker.is_open
    assert all(each.retry_after for each in results if isinstance(each, DomainError) and each.code == "busy")
    # Who was asked to come back comes back; then everything is handed out.
    waiting = [shopper for shopper, each in zip(crowd, results, strict=True) if not isinstance(each, Claim)]
    rush([partial(claim, coupon, shopper) for shopper in waiting], threads=4)
    assert coupon.claims.count() == 100
    assert_invariants(coupon)
    valkey.start()
    until(partial(refuses_without_the_database, coupon, factories.make_shopper()), seconds=10)
    assert not breaker.is_open
    reconcile_gates(now=NOW)
    assert reconcile_gates(now=NOW) == Drift()


@pytest.mark.reliability(21)
def test_redis_that_hangs_is_left_alone_within_a_second(valkey: ValkeyServer, breaker: CircuitBreaker) -> None:
    coupon, crowd = factories.make_coupon(stock=100, bucket_count=16), crowd_of(20)
    claim(coupon, crowd.pop())
    signal_to(valkey, signal.SIGSTOP)
    began = time.monotonic()
    while not breaker.is_open:
        claim(coupon, crowd.pop())
    assert time.monotonic() - began < 1
    rest = len(crowd)
    assert tally(rush([partial(claim, coupon, shopper) for shopper in crowd], threads=4)) == {"done": rest}
    assert coupon.claims.count() == 20
    signal_to(valkey, signal.SIGCONT)
    late = factories.make_shopper()
    until(lambda: bool(claim_or_none(coupon, late)) or not breaker.is_open, seconds=10)
    assert_invariants(coupon)


def claim_or_none(coupon: Coupon, shopper: User) -> Claim | None:
    try:
        return claim(coupon, shopper)
    except DomainError:
        return None


@pytest.mark.reliability(21)
def test_without_the_gate_so_many_at_a_time_ask_the_database(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CLAIMS_WITHOUT_GATE = 3
    lock, inside, most = Lock(), 0, 0

    def counting(original: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            try:
                return original(*arguments, **more)
            finally:
                with lock:
                    inside -= 1

        return counted

    for way in ("grant_at_once", "grant_step_by_step"):
        monkeypatch.setattr(claims_service, way, counting(getattr(claims_service, way)))
    coupon = factories.make_coupon(stock=200, bucket_count=16)
    results = rush([partial(claim, coupon, shopper) for shopper in crowd_of(60)], threads=30)
    assert set(tally(results)) <= {"done", "Busy"}
    assert 1 <= most <= 3
    assert_invariants(coupon)


# Claims as fast as it can until it is killed; each line is a claim that was acknowledged.
WORKER = """
import os, sys, django
django.setup()
from coupons.enums import ClaimChannel
from coupons.models import Coupon
from coupons.services.claims import claim_create
from tests.factories import NOW
from users.models import User
coupon = Coupon.objects.select_related("stock").get(pk=sys.argv[1])
for shopper in User.objects.filter(username__startswith="crowd-").order_by("pk"):
    made = claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
    print(made.pk, flush=True)
"""


@pytest.mark.reliability(23)
def test_a_worker_killed_in_the_middle_of_a_sale() -> None:
    coupon = factories.make_coupon(stock=1000, bucket_count=16)
    crowd = crowd_of(500)
    database = connection.settings_dict
    address = project_settings.DATABASES["default"]
    url = (
        f"postgresql://{database['USER']}:{database['PASSWORD']}@{address['HOST']}:{address['PORT']}/{database['NAME']}"
    )
    worker = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WORKER, str(coupon.pk)],
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    acknowledged = [int(worker.stdout.readline()) for _claim in range(50)]
    worker.kill()
    acknowledged += [int(line) for line in worker.stdout.read().splitlines() if line]
    worker.wait(timeout=PATIENCE)
    assert set(acknowledged) <= set(coupon.claims.values_list("pk", flat=True))
    assert coupon.claims.count() <= len(acknowledged) + 1
    # What the worker left half done ends by itself, or is repaired once.
    until(lambda: not get_redis_connection("default").keys("quan:gate:*places*"), seconds=10)
    reconcile_gates(now=NOW)
    assert reconcile_gates(now=NOW) == Drift()
    results = rush([partial(claim, coupon, shopper) for shopper in crowd], threads=20)
    assert set(tally(results)) == {"done", "LimitReached"}
    assert coupon.claims.count() == 500
    assert_invariants(coupon)
