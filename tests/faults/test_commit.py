"""The gap between a commit and its answer: whoever retries under the same key hears of the same claim."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator

import pytest

from benchmarks.prepare import open_coupon
from coupons.models import Claim, Coupon
from tests.faults.crowd import Reply, Shopper
from tests.faults.proxy import Proxy, standing_before
from tests.faults.shop import PATIENCE, Shop, Web, kill, port_of
from tests.figures import Figures
from tests.forms import rounds
from tests.invariants import assert_invariants

ROUNDS = rounds(short=1, long=67)  # of each way to crash: 201 in the long form


@pytest.fixture(scope="module")
def proxy(opened_shop: Shop) -> Iterator[Proxy]:
    with standing_before(port_of(opened_shop.postgres.url)) as made:
        yield made


@pytest.fixture(scope="module")
def web(opened_shop: Shop, proxy: Proxy) -> Iterator[Web]:
    """One worker, which reaches the database by the proxy."""
    with opened_shop.web(workers=1, database_port=proxy.port) as running:
        yield running


class Crash:
    """Does something at the moment when a claim has been committed and nobody has heard of it."""

    def __init__(self, shop: Shop, coupon: Coupon, action: Callable[[], bool]) -> None:
        self._database = shop.connect()
        self._coupon = coupon
        self._action = action
        self._before = self._count()
        self.happened_at: float | None = None

    def __call__(self) -> bool:
        """Called by the proxy for each piece of an answer; tells whether to withhold it."""
        if self.happened_at is not None or self._count() == self._before:
            return False
        self.happened_at = time.monotonic()
        return self._action()

    def close(self) -> None:
        self._database.close()

    def _count(self) -> int:
        with self._database.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM coupons_claim WHERE coupon_id = %s", [self._coupon.pk])
            return int(cursor.fetchone()[0])


def claim_until_acknowledged(shopper: Shopper, coupon: Coupon) -> Reply:
    """Asks until there is an answer; each try comes at once, as a phone's does that has lost its network."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            reply = shopper.claim(coupon)
        except (OSError, http.client.HTTPException):
            continue
        if reply.status == 201:
            return reply
        assert reply.body.get("code") in {"busy", "idempotency_in_flight", "claim_in_flight"}, reply
    raise AssertionError("no answer")


@pytest.mark.reliability(19)
@pytest.mark.parametrize(
    "what", ["kill -9 of the web worker", "the database's answer lost", "the shopper's connection lost"]
)
def test_a_crash_between_commit_and_answer(shop: Shop, web: Web, proxy: Proxy, figures: Figures, what: str) -> None:
    coupon = open_coupon(stock=ROUNDS, bucket_count=16)
    lost = doubled = 0
    again: list[float] = []
    for number in range(ROUNDS):
        session, token = shop.sessions[number]
        shopper = Shopper(web.port, session, token, key=f"{coupon.public_id.hex}-{number}")

        def kill_the_worker() -> bool:
            kill(web.children()[0])
            return True

        def lose_the_answer() -> bool:
            return True

        def hang_up(shopper: Shopper = shopper) -> bool:
            shopper.hang_up()
            return False

        actions = {
            "kill -9 of the web worker": kill_the_worker,
            "the database's answer lost": lose_the_answer,
            "the shopper's connection lost": hang_up,
        }
        crash = Crash(shop, coupon, actions[what])
        proxy.before_answer = crash
        try:
            reply = shopper.claim(coupon)
        except (OSError, http.client.HTTPException):
            reply = None
        proxy.before_answer = None
        crash.close()
        assert crash.happened_at is not None
        assert reply is None or (reply.status, reply.retry_after) == (503, 1), reply
        (claim,) = Claim.objects.filter(coupon=coupon).order_by("-pk")[:1]
        reply = claim_until_acknowledged(shopper, coupon)
        again.append(reply.ended - crash.happened_at)
        lost += reply.body["id"] != str(claim.public_id)
        doubled += Claim.objects.filter(coupon=coupon).count() - (number + 1)
        shopper.leave()
    figures.note(
        19,
        f"crash after the commit: {what}",
        rounds=ROUNDS,
        acknowledged=ROUNDS,
        lost=lost,
        doubled=doubled,
        again=again,
    )
    assert (lost, doubled) == (0, 0)
    assert coupon.stock.remaining() == 0
    assert_invariants(coupon)
