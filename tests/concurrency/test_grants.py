"""Grants beside each other, and workers killed in the middle of one: every shopper exactly once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from functools import partial
from queue import SimpleQueue
from threading import Thread
from urllib.parse import quote

import pytest
from django.db import connection

from campaigns.enums import GrantState
from campaigns.models import Grant
from campaigns.services.grants import grant_create, grant_pause, grant_run, grant_start
from config.env import BASE_DIR
from coupons.enums import AudienceKind, ClaimChannel
from coupons.models import Coupon
from coupons.services.claims import claim_create
from tests import factories
from tests.concurrency.crowd import rush, tally
from tests.concurrency.test_claims import crowd_of
from tests.factories import NOW
from tests.figures import Figures
from tests.forms import rounds
from tests.invariants import assert_invariants

pytestmark = pytest.mark.django_db(transaction=True)

# A worker that waits for a word and then says after each chunk how many it dealt with.
WORKER = """
import sys, django
django.setup()
from campaigns.services.grants import grant_run
from config.kernel.clock import database_now
print("ready", flush=True)
sys.stdin.readline()
grant_run(
    grant_id=int(sys.argv[1]), clock=database_now, seconds=None, chunk_size=20,
    progressed=lambda count: print(count, flush=True),
)
"""


def start(coupon: Coupon) -> Grant:
    grant = grant_create(coupon=coupon, audience=AudienceKind.EVERYONE, actor=None, now=NOW)
    return grant_start(grant=grant, actor=None, now=NOW, wakes_worker=False)


def address_of_the_database() -> str:
    there = connection.settings_dict
    user, password = quote(there["USER"], safe=""), quote(there["PASSWORD"], safe="")
    host = quote(str(there["HOST"]), safe="")
    return f"postgres://{user}:{password}@{host}:{there['PORT']}/{there['NAME']}"


def worker(grant: Grant) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WORKER, str(grant.pk)],
        env={
            **os.environ,
            "DATABASE_URL": address_of_the_database(),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
        },
        cwd=BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def listen(each: subprocess.Popen[str], chunks: int, heard: SimpleQueue[bool]) -> None:
    """Tells when a worker has said so many chunks, or that it never will."""
    assert each.stdout is not None
    heard.put(all(each.stdout.readline() for _chunk in range(chunks)))


@pytest.mark.reliability(24)
def test_workers_killed_in_the_middle_lose_and_double_nothing(figures: Figures) -> None:
    """Two workers a round, killed after a random number of chunks, wherever they are by then."""
    rng = random.Random(24)
    number_of_rounds = rounds(short=2, long=20)
    coupon = factories.make_coupon(stock=None, limit_per_shopper=3, bucket_count=1)
    crowd = crowd_of(1000 * number_of_rounds)
    grant = start(coupon)
    killed_at_work = 0
    for _round in range(number_of_rounds):
        workers = [worker(grant), worker(grant)]
        for each in workers:
            assert each.stdout.readline() == "ready\n"
        for each in workers:
            each.stdin.write("go\n")
            each.stdin.flush()
        chunks = rng.randint(1, 12)
        heard: SimpleQueue[bool] = SimpleQueue()
        listeners = [Thread(target=listen, args=(each, chunks, heard)) for each in workers]
        for listener in listeners:
            listener.start()
        # One that found the grant in the other's hands has left: what it says ends, and the other one counts.
        if not heard.get():
            heard.get()
        for each in workers:
            killed_at_work += each.poll() is None
            each.kill()
        for listener in listeners:
            listener.join()
        for each in workers:
            each.communicate()
    # On a busy machine a round may find both of its workers gone; not every one.
    assert killed_at_work >= number_of_rounds // 2
    grant.refresh_from_db()
    assert grant.state == GrantState.RUNNING
    assert 0 < grant.granted < len(crowd)
    while grant.is_open:
        grant_run(grant_id=grant.pk, clock=lambda: NOW)
        grant.refresh_from_db()
    assert (grant.state, grant.seen, grant.granted) == (GrantState.DONE, len(crowd), len(crowd))
    assert sorted(coupon.claims.values_list("shopper", flat=True)) == [shopper.pk for shopper in crowd]
    assert_invariants(coupon)
    # Anything else than nothing has failed above.
    figures.note(
        24,
        "kill -9 of two workers at a grant",
        rounds=number_of_rounds,
        acknowledged=len(crowd),
        lost=0,
        doubled=0,
        beside=f"{killed_at_work} of {2 * number_of_rounds} workers died at work",
    )


def test_workers_beside_each_other_and_shoppers_who_claim_meanwhile() -> None:
    coupon = factories.make_coupon(stock=90, limit_per_shopper=2, bucket_count=16)
    crowd = crowd_of(60)
    grant = start(coupon)
    work = partial(grant_run, grant_id=grant.pk, clock=lambda: NOW, chunk_size=7)
    alone = [
        partial(claim_create, shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW) for shopper in crowd
    ]
    calls = [*[work] * 6, *alone]
    random.Random(5).shuffle(calls)
    results = tally(rush(calls, threads=16))
    assert set(results) <= {"done", "SoldOut"}
    work()
    grant.refresh_from_db()
    assert coupon.claims.count() == 90
    assert coupon.stock.remaining() == 0
    by_grant = list(coupon.claims.filter(channel=ClaimChannel.GRANT).values_list("shopper", flat=True))
    assert len(by_grant) == len(set(by_grant)) == grant.granted
    assert grant.state == GrantState.STOPPED if grant.granted < 60 else GrantState.DONE
    assert_invariants(coupon)


def test_nobody_gets_anything_once_a_pause_has_returned() -> None:
    coupon = factories.make_coupon(stock=None)
    crowd_of(400)
    grant = start(coupon)
    after_pause: list[int] = []

    def pause() -> None:
        grant_pause(grant=grant, actor=None, now=NOW)
        after_pause.append(coupon.claims.count())

    work = partial(grant_run, grant_id=grant.pk, clock=lambda: NOW, chunk_size=5)
    assert set(tally(rush([work, work, pause]))) <= {"done", "WrongGrantState"}
    assert after_pause in ([], [coupon.claims.count()])
    assert after_pause or coupon.claims.count() == 400
