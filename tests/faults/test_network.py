"""A network that is slow, cuts or falls silent: an answer within bounded time, and all is well when it clears."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from benchmarks.prepare import open_coupon
from tests.faults.audit import Audit
from tests.faults.crowd import Crowd, Reply, Shopper
from tests.faults.proxy import Proxy, Weather, standing_before
from tests.faults.shop import Shop, Web, port_of
from tests.figures import Figures
from tests.forms import rounds

ROUNDS = rounds(short=1, long=5)
STOCK = rounds(short=10, long=60)
SHOPPERS = rounds(short=12, long=70)
# Asked while the weather is bad, one after the other.
ASKING = rounds(short=2, long=4)

# How long the platform waits for one answer of the database; ten seconds unless it is told otherwise.
ANSWER_SECONDS = rounds(short=2, long=10)


@pytest.fixture(scope="module")
def database(opened_shop: Shop) -> Iterator[Proxy]:
    with standing_before(port_of(opened_shop.postgres.url)) as made:
        yield made


@pytest.fixture(scope="module")
def redis(opened_shop: Shop) -> Iterator[Proxy]:
    with standing_before(port_of(opened_shop.valkey.url)) as made:
        yield made


@pytest.fixture(scope="module")
def web(opened_shop: Shop, database: Proxy, redis: Proxy) -> Iterator[Web]:
    """One worker, which reaches both servers by a proxy."""
    with opened_shop.web(
        workers=1, database_port=database.port, redis_port=redis.port, DATABASE_ANSWER_SECONDS=str(ANSWER_SECONDS)
    ) as running:
        yield running


@pytest.mark.reliability(28)
@pytest.mark.parametrize(
    ("server", "weather", "statuses", "seconds"),
    [
        ("database", Weather.SLOW, {201}, 20),
        ("database", Weather.RESET, {503}, 2),
        ("database", Weather.SILENT, {503}, 20),
        # Redis makes things fast; without it they go on.
        ("redis", Weather.SLOW, {201}, 5),
        ("redis", Weather.RESET, {201}, 5),
        ("redis", Weather.SILENT, {201}, 5),
    ],
)
def test_bad_weather(
    shop: Shop,
    web: Web,
    request: pytest.FixtureRequest,
    figures: Figures,
    server: str,
    weather: Weather,
    statuses: set[int],
    seconds: float,
) -> None:
    proxy: Proxy = request.getfixturevalue(server)
    audit, replies = Audit(), []
    for _round in range(ROUNDS):
        coupon = open_coupon(stock=STOCK, bucket_count=16)
        # Every thread has its connections before the weather turns.
        with Crowd(coupon=coupon, port=web.port, sessions=shop.sessions[: STOCK // 2]):
            pass
        shoppers = [
            Shopper(web.port, session, token, key=f"{coupon.public_id.hex}-{number}")
            for number, (session, token) in enumerate(shop.sessions[:SHOPPERS])
        ]
        proxy.turn(weather)
        try:
            replies += [shopper.claim(coupon, timeout=60) for shopper in shoppers[-ASKING:]]
        finally:
            proxy.turn(Weather.FAIR)
            for shopper in shoppers:
                shopper.leave()
        moment = time.monotonic()
        with Crowd(coupon=coupon, port=web.port, sessions=shop.sessions[:SHOPPERS]) as crowd:
            pass
        audit.take(coupon, crowd, moments=[moment])
    note(figures, audit, replies, f"{server} {weather.value}")
    assert {reply.status for reply in replies} == statuses
    assert all(reply.retry_after for reply in replies if reply.status == 503)
    assert max(reply.seconds for reply in replies) < seconds
    audit.assert_clean(within=5)


def note(figures: Figures, audit: Audit, replies: list[Reply], what: str) -> None:
    """Notes a line with what shoppers heard while the weather was bad."""
    heard = sorted({reply.status for reply in replies})
    slowest = max(reply.seconds for reply in replies)
    audit.note(figures, 28, what, beside=f"{'/'.join(map(str, heard))} within {slowest:.1f} s")
