"""No connection of the database left: refused quickly, nothing lost, sold again as soon as there is one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import psycopg2
import pytest
from django.db import connection

from benchmarks.prepare import open_coupon
from coupons.models import Coupon
from tests.faults.audit import Audit
from tests.faults.crowd import Crowd, Reply, Shopper
from tests.faults.shop import Shop, Web
from tests.figures import Figures
from tests.forms import rounds

ROUNDS = rounds(short=1, long=20)
STOCK = rounds(short=20, long=100)
SHOPPERS = rounds(short=25, long=120)
ASKING = 8


def ask_at_once(shop: Shop, web: Web, coupon: Coupon) -> list[Reply]:
    """Lets several shoppers ask once, all at the same time."""
    shoppers = [
        Shopper(web.port, session, token, key=f"{coupon.public_id.hex}-{number}")
        for number, (session, token) in enumerate(shop.sessions[:ASKING])
    ]
    with ThreadPoolExecutor(ASKING) as pool:
        replies = list(pool.map(lambda shopper: shopper.claim(coupon), shoppers))
    for shopper in shoppers:
        shopper.leave()
    return replies


def sell_the_rest(shop: Shop, web: Web, coupon: Coupon, audit: Audit) -> None:
    """Everybody comes, those who were refused with the same key again; what they find from this moment on counts."""
    moment = time.monotonic()
    with Crowd(coupon=coupon, port=web.port, sessions=shop.sessions[:SHOPPERS]) as crowd:
        pass
    audit.take(coupon, crowd, moments=[moment])


@contextmanager
def every_connection_held(shop: Shop) -> Iterator[None]:
    """Takes the connections that the platform has, and all others."""
    connection.close()
    with ExitStack() as held:
        first = shop.connect()
        held.callback(first.close)
        with first.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        while True:
            try:
                held.callback(shop.connect().close)
            except psycopg2.OperationalError:
                break
        yield


@pytest.mark.reliability(27)
def test_no_connection_left(shop: Shop, web: Web, figures: Figures) -> None:
    audit, slowest = Audit(), 0.0
    for _round in range(ROUNDS):
        coupon = open_coupon(stock=STOCK, bucket_count=16)
        with every_connection_held(shop):
            replies = ask_at_once(shop, web, coupon)
        slowest = max(slowest, *(reply.seconds for reply in replies))
        assert {(reply.status, reply.body["code"]) for reply in replies} == {(503, "busy")}
        assert all(reply.retry_after for reply in replies)
        sell_the_rest(shop, web, coupon, audit)
    audit.note(figures, 27, "every connection taken", beside=f"slowest refusal {slowest:.2f} s")
    audit.assert_clean(within=5)
    assert slowest <= 2
