"""A sale over HTTP in the middle of which a process is killed: exact, nothing lost, and soon itself again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from benchmarks.prepare import open_coupon
from config.kernel.clock import database_now
from coupons.gate import Gate, GateAway
from coupons.models import ClaimCounter, Coupon
from coupons.services.gate_reconciling import Drift, reconcile_gates
from tests.faults.audit import Audit
from tests.faults.crowd import Crowd
from tests.faults.shop import Shop, Web, kill, until
from tests.figures import Figures
from tests.forms import rounds

STOCK = rounds(short=50, long=300)
# More shoppers than units, and not many more: a unit that is refused wrongly stays unsold.
SHOPPERS = rounds(short=60, long=340)
ROUNDS = rounds(short=1, long=20)
# Longer than a place is held for.
PLACE_SECONDS = 10

Fault = Callable[[random.Random], None]


def sale_with(shop: Shop, web: Web, fault: Fault, *, audit: Audit, rng: random.Random) -> Coupon:
    """Runs one sale; the fault happens at a random moment of its first two thirds."""
    coupon = open_coupon(stock=STOCK, bucket_count=16)
    with Crowd(coupon=coupon, port=web.port, sessions=shop.sessions[:SHOPPERS]) as crowd:
        crowd.wait_until_won(rng.randrange(STOCK // 10, STOCK * 2 // 3))
        moment = time.monotonic()
        fault(rng)
    audit.take(coupon, crowd, moments=[moment])
    return coupon


def assert_the_gate_is_right_after_one_reconcile(coupon: Coupon) -> None:
    """Places of whoever was killed end by themselves; what else differs is put right at once."""

    def answers() -> bool:
        try:
            Gate(coupon.public_id).epoch()
        except GateAway:
            return False
        return True

    def is_left_by_all() -> bool:
        return set(Gate(coupon.public_id).not_being_served(claimers)) == set(claimers)

    until(answers, seconds=10, what="the gate")
    # A place that Valkey remembers from before it was killed ends by itself too; until then its shopper is passed over.
    claimers = list(ClaimCounter.objects.filter(coupon=coupon).values_list("shopper", flat=True))
    until(is_left_by_all, seconds=PLACE_SECONDS, what="the last place")
    reconcile_gates(now=database_now())
    assert reconcile_gates(now=database_now()) == Drift()
    # A run that could not reach the gate would have found nothing either.
    assert answers()


def kill_a_web_worker(web: Web) -> Fault:
    return lambda rng: kill(rng.choice(web.children()))


@pytest.mark.parametrize(
    ("number", "what", "within"),
    [
        pytest.param(20, "kill -9 of PostgreSQL", 15, marks=pytest.mark.reliability(20)),
        pytest.param(20, "kill -9 of one connection of PostgreSQL", 15, marks=pytest.mark.reliability(20)),
        pytest.param(21, "kill -9 of Valkey", 5, marks=pytest.mark.reliability(21)),
        pytest.param(22, "FLUSHALL", 5, marks=pytest.mark.reliability(22)),
        pytest.param(23, "kill -9 of a web worker", 5, marks=pytest.mark.reliability(23)),
    ],
)
def test_a_sale_survives(shop: Shop, web: Web, figures: Figures, number: int, what: str, within: float) -> None:
    audit, rng = Audit(), random.Random(what)
    faults: dict[str, Fault] = {
        "kill -9 of PostgreSQL": shop.kill_postgres,
        "kill -9 of one connection of PostgreSQL": shop.kill_a_connection,
        "kill -9 of Valkey": shop.kill_valkey,
        "FLUSHALL": shop.empty_valkey,
        "kill -9 of a web worker": kill_a_web_worker(web),
    }
    for _round in range(ROUNDS):
        coupon = sale_with(shop, web, faults[what], audit=audit, rng=rng)
        assert_the_gate_is_right_after_one_reconcile(coupon)
    audit.note(figures, number, what)
    audit.assert_clean(within=within)
