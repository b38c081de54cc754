"""One claim and many hands: whoever moves it first wins, and everybody else is told."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db.models import F

from coupons.enums import ClaimState, OrderState
from coupons.models import Claim, Order, OrderLineDiscount, Redemption
from coupons.services.expiry import expire_claims, release_expired_locks
from coupons.services.orders import locking, order_lock, order_redeem, order_refund, order_release
from tests import factories
from tests.concurrency.crowd import Meet, MeetingPoint, rush, tally
from tests.factories import NOW
from tests.figures import Figures
from tests.forms import rounds
from tests.invariants import assert_invariants

pytestmark = pytest.mark.django_db(transaction=True)

PAIRS = rounds(short=10, long=1000)


def lock(claims: list[Claim], reference: str, product, now: datetime = NOW) -> Order:
    return order_lock(
        shopper=claims[0].shopper,
        reference=reference,
        items=[factories.cart_item(product)],
        claim_ids=[claim.public_id for claim in claims],
        now=now,
    )


def lock_and_redeem(claim: Claim, reference: str, product) -> Order:
    return order_redeem(order=lock([claim], reference, product), now=NOW)


@pytest.mark.reliability(3)
def test_one_claim_redeemed_on_fifty_orders(figures: Figures) -> None:
    times, product = rounds(short=1, long=20), factories.make_product()
    for turn in range(times):
        claim = factories.make_claim()
        fifty = [partial(lock_and_redeem, claim, f"A-{turn}-{number}", product) for number in range(50)]
        kinds = tally(rush(fifty, threads=50))
        assert kinds["done"] == 1
        assert kinds["AlreadyRedeemed"] + kinds["ClaimLocked"] == 49
        # Who met it while it was being used comes again.
        late = [partial(lock_and_redeem, claim, f"B-{turn}-{number}", product) for number in range(49)]
        assert tally(rush(late, threads=49)) == {"AlreadyRedeemed": 49}
        assert Redemption.objects.filter(claim=claim).count() == 1
        assert_invariants(claim.coupon)
    figures.note(3, "one claim redeemed on 50 orders", rounds=times, acknowledged=times, doubled=0)


@pytest.mark.reliability(3)
def test_one_order_paid_by_thirty_threads() -> None:
    claim = factories.make_claim()
    order = lock([claim], "A-1", factories.make_product())
    results = rush([partial(order_redeem, order=order, now=NOW)] * 30)
    assert tally(results) == {"done": 1, "WrongOrderState": 29}
    assert_invariants(claim.coupon)


@pytest.mark.reliability(17)
def test_one_order_refunded_by_thirty_threads() -> None:
    claim = factories.make_claim()
    order = order_redeem(order=lock([claim], "A-1", factories.make_product()), now=NOW)
    results = rush([partial(order_refund, order=order, now=NOW)] * 30)
    assert tally(results) == {"done": 1, "WrongOrderState": 29}
    assert_invariants(claim.coupon)


@pytest.mark.reliability(6)
def test_paying_against_cancelling(meet: Meet, figures: Figures) -> None:
    product, outcomes = factories.make_product(), Counter[str]()
    for number in range(PAIRS):
        claim = factories.make_claim()
        order = lock([claim], f"A-{number}", product)
        results = meet(partial(order_redeem, order=order, now=NOW), partial(order_release, order=order, now=NOW))
        assert tally(results) == {"done": 1, "WrongOrderState": 1}
        outcomes[paid_or_released(claim, order)] += 1
        assert_invariants(claim.coupon)
    figures.note(6, "paying against cancelling", rounds=PAIRS, doubled=0, beside=told(outcomes))


@pytest.mark.reliability(6)
def test_giving_back_against_giving_back(meet: Meet) -> None:
    """A refund sent twice is one; whichever of the two it was, the claim is there for the next order."""
    product = factories.make_product()
    for number in range(PAIRS):
        claim = factories.make_claim()
        order = lock_and_redeem(claim, f"A-{number}", product)
        results = meet(*[partial(order_refund, order=order, now=NOW)] * 2)
        assert tally(results) == {"done": 1, "WrongOrderState": 1}
        assert standing_uses(claim) == 0
        assert_invariants(claim.coupon)


@pytest.mark.reliability(6)
def test_refunding_against_the_next_order(meet: Meet) -> None:
    """The claim comes back and may be used again; it never stands on two orders."""
    product = factories.make_product()
    for number in range(PAIRS):
        claim = factories.make_claim()
        order = lock_and_redeem(claim, f"A-{number}", product)
        results = meet(
            partial(order_refund, order=order, now=NOW), partial(lock_and_redeem, claim, f"B-{number}", product)
        )
        assert tally(results) in ({"done": 2}, {"done": 1, "AlreadyRedeemed": 1})
        assert standing_uses(claim) == tally(results)["done"] - 1
        assert_invariants(claim.coupon)


@pytest.mark.reliability(6)
def test_paying_against_the_end_of_the_lock(meet: Meet, figures: Figures) -> None:
    product, outcomes = factories.make_product(), Counter[str]()
    for number in range(PAIRS):
        claim = factories.make_claim()
        order = lock([claim], f"A-{number}", product)
        late = order.lock_expires_at
        meet(partial(order_redeem, order=order, now=late), partial(release_expired_locks, now=late))
        outcomes[paid_or_released(claim, order)] += 1
        assert_invariants(claim.coupon)
    figures.note(6, "paying against the end of the lock", rounds=PAIRS, doubled=0, beside=told(outcomes))


def told(outcomes: Counter[str]) -> str:
    """Writes outcomes as `redeemed 12, released 8`."""
    return ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items()))


def paid_or_released(claim: Claim, order: Order) -> str:
    """Asserts that claim and order have ended in one of two ways, and says in which."""
    claim.refresh_from_db()
    order.refresh_from_db()
    assert (claim.state, order.state) in {
        (ClaimState.REDEEMED, OrderState.REDEEMED),
        (ClaimState.AVAILABLE, OrderState.RELEASED),
    }
    assert standing_uses(claim) == (order.state == OrderState.REDEEMED)
    return order.state


def standing_uses(claim: Claim) -> int:
    """How many orders use a claim now, by what redemptions say."""
    return Redemption.objects.filter(claim=claim, refunded__lt=F("amount")).count()


@pytest.mark.reliability(7)
def test_ordering_against_the_expiry_job(meet: Meet, figures: Figures) -> None:
    product, outcomes = factories.make_product(), Counter[str]()
    for number in range(PAIRS):
        claim = factories.make_claim(usable_days=1)
        just_before = claim.expires_at - timedelta(microseconds=1)
        ordered, _expired = meet(
            partial(lock, [claim], f"A-{number}", product, just_before),
            partial(expire_claims, now=claim.expires_at),
        )
        claim.refresh_from_db()
        assert claim.state == (ClaimState.LOCKED if isinstance(ordered, Order) else ClaimState.EXPIRED)
        outcomes[claim.state] += 1
        assert_invariants(claim.coupon)
    figures.note(7, "ordering against the expiry job", rounds=PAIRS, doubled=0, beside=told(outcomes))


@pytest.mark.reliability(7)
def test_paying_against_the_expiry_job(meet: Meet) -> None:
    """A locked claim is safe from expiry: who locked in time may pay later."""
    product = factories.make_product()
    for number in range(PAIRS):
        claim = factories.make_claim(usable_days=1)
        order = lock([claim], f"A-{number}", product, claim.expires_at - timedelta(minutes=1))
        results = meet(
            partial(order_redeem, order=order, now=claim.expires_at), partial(expire_claims, now=claim.expires_at)
        )
        assert tally(results) == {"done": 2}
        claim.refresh_from_db()
        assert claim.state == ClaimState.REDEEMED
        assert_invariants(claim.coupon)


@pytest.mark.reliability(10)
def test_two_claims_in_opposite_order_never_deadlock(meet: Meet, figures: Figures) -> None:
    shopper, product = factories.make_shopper(), factories.make_product()
    for number in range(PAIRS):
        one, two = (factories.make_claim(shopper=shopper) for _ in range(2))
        results = meet(
            partial(lock, [one, two], f"A-{number}", product), partial(lock, [two, one], f"B-{number}", product)
        )
        assert tally(results) == {"done": 1, "ClaimLocked": 1}
    figures.note(10, "two claims locked in opposite order", rounds=PAIRS, doubled=0, beside="no deadlock")


def test_one_reference_sent_by_thirty_threads_is_one_order() -> None:
    shopper, product = factories.make_shopper(), factories.make_product()
    claim = factories.make_claim(shopper=shopper)
    results = rush([partial(lock, [claim], "A-1", product)] * 30)
    assert tally(results)["done"] == 1
    assert set(tally(results)) <= {"done", "ReferenceTaken", "ClaimLocked"}
    assert Order.objects.count() == 1


class TestTheGuardIsWhatHolds:
    """Control: without the locks and the guarded update, one claim is used twice every round."""

    @pytest.mark.reliability(3)
    def test_reading_before_writing_redeems_one_claim_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        product = factories.make_product()
        for number in range(3):
            claim = factories.make_claim()
            meeting = MeetingPoint(2)

            def read_and_meet(*, claim=claim, meeting=meeting, **_chosen: Any) -> list[Claim]:
                claims = list(Claim.objects.filter(pk=claim.pk, state=ClaimState.AVAILABLE).select_related("coupon"))
                meeting.wait()
                return claims

            def move_without_looking(*, claims: list[Claim], to_state: ClaimState, order: Order, **_rest: Any) -> None:
                Claim.objects.filter(pk__in=[each.pk for each in claims]).update(state=to_state, order=order)

            monkeypatch.setattr(locking, "take_claims", read_and_meet)
            monkeypatch.setattr(locking, "claims_move", move_without_looking)
            results = rush(partial(lock, [claim], f"{letter}-{number}", product) for letter in "AB")
            assert tally(results) == {"done": 2}
            discounted = OrderLineDiscount.objects.filter(claim=claim).values("line__order").distinct()
            assert discounted.count() == 2
