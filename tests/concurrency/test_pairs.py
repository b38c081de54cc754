"""Every two services that meet on one claim: the second one comes while the first has not committed yet.

Whatever it finds, and whether it waits or not, the end is that of one after the other, in one order or the other. When
the first one is rolled back, the end is that of the second alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction

from config.kernel.errors import Busy, DomainError
from coupons.enums import ClaimChannel
from coupons.models import Claim, Coupon, Gift, Order
from coupons.services.claim_states import claim_extend, claim_revoke
from coupons.services.claims import claim_create
from coupons.services.expiry import expire_claims, release_expired_locks
from coupons.services.gifts import expire_gifts, gift_accept, gift_cancel, gift_offer, gift_token
from coupons.services.orders import order_edit, order_lock, order_redeem, order_refund, order_release
from coupons.services.publishing import coupon_pause
from coupons.services.stock import stock_withdraw
from coupons.services.waiting import waiting_grant_due
from tests import factories
from tests.concurrency.crash_cases import DAY, a_coupon, locked
from tests.concurrency.crowd import PATIENCE, somebody_waits_for_a_lock
from tests.concurrency.test_interleavings import open_transaction
from tests.factories import NOW, cart_item
from tests.invariants import assert_invariants

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time"),
]

_number = count(1)


@dataclass(slots=True)
class Stage:
    """A claim, or the last unit of a coupon, and what may happen to it.

    Attributes:
        coupon: whose invariants hold at the end.
        acts: by name.
        jobs: the names of those that pass by what another holds, and come again.
    """

    coupon: Coupon
    acts: Mapping[str, Callable[[], Any]]
    jobs: frozenset[str] = field(default_factory=frozenset)

    def end(self) -> dict[str, Any]:
        """What all came to."""
        self.coupon.refresh_from_db()
        claims = Claim.objects.filter(coupon=self.coupon)
        orders = Order.objects.filter(shopper__in=claims.values("shopper"))
        return {
            "coupon": self.coupon.status,
            "left": self.coupon.stock.remaining(),
            "claims": sorted(claims.values_list("state", "channel", "expires_at")),
            "orders": sorted(orders.values_list("state", "payable")),
            "gifts": sorted(Gift.objects.filter(claim__coupon=self.coupon).values_list("state", flat=True)),
        }


def an_available_claim() -> Stage:
    claim = factories.make_claim(coupon=a_coupon(usable_days=1))
    marketer = factories.make_marketer()
    lock = partial(
        order_lock,
        shopper=claim.shopper,
        reference=f"pair-{next(_number)}",
        items=[cart_item()],
        claim_ids=[claim.public_id],
        now=NOW,
    )
    return Stage(
        claim.coupon,
        {
            "lock": lock,
            "revoke": partial(claim_revoke, claim=claim, actor=marketer, reason="pair", now=NOW),
            "extend": partial(claim_extend, claim=claim, until=claim.expires_at + DAY, actor=marketer, now=NOW),
            "offer": partial(gift_offer, claim=claim, giver=claim.shopper, message="", now=NOW),
            "expire": partial(expire_claims, now=claim.expires_at),
        },
        frozenset({"expire"}),
    )


def a_claim_on_an_order() -> Stage:
    order = locked()
    claim = Claim.objects.get(order=order)
    return Stage(
        claim.coupon,
        {
            "edit": partial(order_edit, order=order, items=[cart_item()], claim_ids=[], now=NOW),
            "redeem": partial(order_redeem, order=order, now=NOW),
            "release": partial(order_release, order=order, now=NOW),
            "revoke": partial(claim_revoke, claim=claim, actor=factories.make_marketer(), reason="pair", now=NOW),
            "release overdue": partial(release_expired_locks, now=NOW + DAY),
            "expire": partial(expire_claims, now=claim.expires_at),
        },
        frozenset({"release overdue", "expire"}),
    )


def a_claim_that_was_used() -> Stage:
    order = order_redeem(order=locked(), now=NOW)
    claim = Claim.objects.get(order=order)
    return Stage(
        claim.coupon,
        {
            "refund": partial(order_refund, order=order, lines=None, now=NOW),
            "refund a unit": partial(order_refund, order=order, lines=[(1, 1)], now=NOW),
            "revoke": partial(claim_revoke, claim=claim, actor=factories.make_marketer(), reason="pair", now=NOW),
            "expire": partial(expire_claims, now=claim.expires_at),
        },
        frozenset({"expire"}),
    )


def a_gift_under_way() -> Stage:
    claim = factories.make_claim(coupon=a_coupon())
    gift = gift_offer(claim=claim, giver=claim.shopper, message="", now=NOW)
    token = gift_token(gift_id=gift.public_id)
    return Stage(
        claim.coupon,
        {
            "accept": partial(gift_accept, token=token, recipient=factories.make_shopper(), now=NOW),
            "take back": partial(gift_cancel, gift=gift, giver=gift.giver, now=NOW),
            "revoke": partial(claim_revoke, claim=claim, actor=factories.make_marketer(), reason="pair", now=NOW),
            "expire gifts": partial(expire_gifts, now=gift.expires_at),
            "expire": partial(expire_claims, now=claim.expires_at),
        },
        frozenset({"expire gifts", "expire"}),
    )


def an_expired_claim() -> Stage:
    claim = factories.make_claim(coupon=a_coupon(usable_days=1))
    late = claim.expires_at
    expire_claims(now=late)
    marketer = factories.make_marketer()
    return Stage(
        claim.coupon,
        {
            "extend": partial(claim_extend, claim=claim, until=late + DAY, actor=marketer, now=late),
            "extend further": partial(claim_extend, claim=claim, until=late + 2 * DAY, actor=marketer, now=late),
            "revoke": partial(claim_revoke, claim=claim, actor=marketer, reason="pair", now=late),
        },
    )


def the_last_unit(bucket_count: int) -> Stage:
    coupon = a_coupon(stock=1, bucket_count=bucket_count)
    one, other = factories.make_shopper(), factories.make_shopper()
    claim = partial(claim_create, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
    return Stage(
        coupon,
        {
            "claim": partial(claim, shopper=one),
            "claim again": partial(claim, shopper=one),
            "another's claim": partial(claim, shopper=other),
            "withdraw": partial(stock_withdraw, coupon=coupon, quantity=1, actor=None, now=NOW),
            "pause": partial(coupon_pause, coupon=coupon, actor=factories.make_marketer(), now=NOW),
            "grant the waiting list": partial(waiting_grant_due, now=NOW),
        },
        frozenset({"grant the waiting list"}),
    )


STAGES: dict[str, Callable[[], Stage]] = {
    "available": an_available_claim,
    "on an order": a_claim_on_an_order,
    "used": a_claim_that_was_used,
    "being given": a_gift_under_way,
    "expired": an_expired_claim,
    "last unit, one row": partial(the_last_unit, 1),
    "last unit, 16 buckets": partial(the_last_unit, 16),
}
NAMES = {
    "available": ("lock", "revoke", "extend", "offer", "expire"),
    "on an order": ("edit", "redeem", "release", "release overdue", "revoke", "expire"),
    "used": ("refund", "refund a unit", "revoke", "expire"),
    "being given": ("accept", "take back", "expire gifts", "revoke", "expire"),
    "expired": ("extend", "extend further", "revoke"),
    "last unit, one row": ("claim", "claim again", "another's claim", "withdraw", "pause", "grant the waiting list"),
    "last unit, 16 buckets": ("claim", "claim again", "another's claim", "withdraw", "pause", "grant the waiting list"),
}
PAIRS = [(stage, first, second) for stage, names in NAMES.items() for first in names for second in names]


def outcome(act: Callable[[], Any]) -> str:
    """Says what became of a call. Which of several true reasons a refusal names depends on what is looked at first."""
    try:
        act()
    except Busy:
        return "busy"
    except DomainError:
        return "refused"
    return "done"


def one_after_the_other(stage: Stage, *names: str) -> tuple[list[str], dict[str, Any]]:
    outcomes = [outcome(stage.acts[name]) for name in names]
    return outcomes, stage.end()


@dataclass(frozen=True, slots=True)
class Meeting:
    """What became of two who met, in the order in which they came."""

    outcomes: list[str]
    end: dict[str, Any]
    has_waited: bool


def meet(stage: Stage, first: str, second: str, *, is_kept: bool) -> Meeting:
    """Lets the second come while the first is uncommitted; the first ends as soon as the second waits or is done."""
    outcomes: list[str] = []
    has_waited = False

    def hold() -> None:
        # Its refusal is an outcome too, and holds whatever it has looked at until the end.
        with transaction.atomic():
            outcomes.append(outcome(stage.acts[first]))

    def come() -> None:
        try:
            outcomes.append(outcome(stage.acts[second]))
        finally:
            connection.close()

    with open_transaction(hold, is_kept=is_kept) as may_end:
        coming = Thread(target=come)
        coming.start()
        while coming.is_alive() and not has_waited:
            has_waited = somebody_waits_for_a_lock()
        may_end.set()
        coming.join(timeout=PATIENCE)
    assert not coming.is_alive()
    if second in stage.jobs:
        outcomes[-1] = outcome(stage.acts[second])
    return Meeting(outcomes, stage.end(), has_waited)


def test_every_act_of_a_stage_has_its_pairs() -> None:
    assert {name: set(make().acts) for name, make in STAGES.items()} == {
        name: set(names) for name, names in NAMES.items()
    }


@pytest.mark.parametrize(("stage", "first", "second"), PAIRS)
def test_two_at_once_are_two_one_after_the_other(stage: str, first: str, second: str) -> None:
    one_way = one_after_the_other(STAGES[stage](), first, second)
    outcomes, end = one_after_the_other(STAGES[stage](), second, first)
    place = STAGES[stage]()
    meeting = meet(place, first, second, is_kept=True)
    assert (meeting.outcomes, meeting.end) in [one_way, (outcomes[::-1], end)]
    assert_invariants(place.coupon)


@pytest.mark.parametrize(("stage", "first", "second"), PAIRS)
def test_the_second_is_alone_when_the_first_is_rolled_back(stage: str, first: str, second: str) -> None:
    (alone,), end = one_after_the_other(STAGES[stage](), second)
    place = STAGES[stage]()
    meeting = meet(place, first, second, is_kept=False)
    assert (meeting.outcomes[-1], meeting.end) == (alone, end)
    assert_invariants(place.coupon)


def test_most_of_them_do_wait() -> None:
    """Control: two who never met would pass all of this."""
    waited = [
        meet(STAGES[stage](), first, second, is_kept=True).has_waited
        for stage, first, second in (
            ("available", "lock", "revoke"),
            ("on an order", "redeem", "release"),
            ("used", "refund", "refund a unit"),
            ("being given", "accept", "take back"),
            ("last unit, one row", "claim", "another's claim"),
        )
    ]
    assert all(waited)
