"""Gifts under a rush: one recipient, one outcome, so many a day."""

from __future__ import annotations

from functools import partial

import pytest
from pytest_django import Settings

from coupons.enums import ClaimState
from coupons.models import Claim, Gift
from coupons.services import gifts as gifts_service
from coupons.services.gifts import expire_gifts, gift_accept, gift_cancel, gift_offer, gift_token
from coupons.services.orders import order_lock
from tests import factories
from tests.concurrency.crowd import MeetingPoint, rush, tally
from tests.factories import NOW
from tests.invariants import assert_invariants
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 10


def offer(claim: Claim) -> Gift:
    return gift_offer(claim=claim, giver=claim.shopper, message="", now=NOW)


def accept(gift: Gift, recipient: User) -> Gift:
    return gift_accept(token=gift_token(gift_id=gift.public_id), recipient=recipient, now=NOW)


def test_of_twenty_who_open_the_link_one_gets_the_coupon() -> None:
    claim = factories.make_claim()
    gift = offer(claim)
    results = rush([partial(accept, gift, factories.make_shopper()) for _number in range(20)], threads=20)
    assert tally(results) == {"done": 1, "GiftInvalid": 19}
    assert claim.derived.count() == 1
    assert_invariants(claim.coupon)


def test_one_recipient_who_presses_often_gets_it_once() -> None:
    claim, recipient = factories.make_claim(), factories.make_shopper()
    results = rush([partial(accept, offer(claim), recipient)] * 20, threads=20)
    assert tally(results) == {"done": 1, "GiftInvalid": 19}
    assert recipient.claims.count() == 1


def test_accepting_against_taking_back() -> None:
    for _round in range(ROUNDS):
        claim = factories.make_claim()
        gift = offer(claim)
        results = rush(
            [
                partial(accept, gift, factories.make_shopper()),
                partial(gift_cancel, gift=gift, giver=gift.giver, now=NOW),
            ]
        )
        assert tally(results)["done"] == 1
        assert set(tally(results)) <= {"done", "GiftInvalid", "GiftClosed"}
        claim.refresh_from_db()
        gift.refresh_from_db()
        assert (claim.state, gift.state) in {("gifted", "accepted"), ("available", "cancelled")}
        assert_invariants(claim.coupon)


def test_accepting_against_the_end_of_the_offer() -> None:
    for _round in range(ROUNDS):
        claim = factories.make_claim()
        gift = offer(claim)
        late = gift.expires_at
        rush([partial(accept, gift, factories.make_shopper()), partial(expire_gifts, now=late)])
        expire_gifts(now=late)
        claim.refresh_from_db()
        gift.refresh_from_db()
        assert (claim.state, gift.state) in {("gifted", "accepted"), ("available", "expired")}
        assert_invariants(claim.coupon)


def test_giving_against_ordering() -> None:
    product = factories.make_product()
    for number in range(ROUNDS):
        claim = factories.make_claim()
        lock = partial(
            order_lock,
            shopper=claim.shopper,
            reference=f"order-{number}",
            items=[factories.cart_item(product)],
            claim_ids=[claim.public_id],
            now=NOW,
        )
        results = rush([partial(offer, claim), lock])
        assert tally(results)["done"] == 1
        assert set(tally(results)) <= {"done", "ClaimLocked", "ClaimNotUsable"}
        claim.refresh_from_db()
        assert claim.state in {ClaimState.GIFTING, ClaimState.LOCKED}
        assert_invariants(claim.coupon)


def test_one_claim_is_offered_once() -> None:
    claim = factories.make_claim()
    results = rush([partial(offer, claim)] * 20, threads=20)
    assert tally(results) == {"done": 1, "ClaimNotUsable": 19}


@pytest.mark.reliability(4)
def test_twenty_offers_at_once_keep_to_the_day(settings: Settings) -> None:
    settings.GIFTS_PER_DAY = 5
    giver, coupon = factories.make_shopper(), factories.make_coupon(limit_per_shopper=20)
    claims = [factories.make_claim(shopper=giver, coupon=coupon) for _number in range(20)]
    results = rush([partial(offer, claim) for claim in claims], threads=20)
    assert tally(results) == {"done": 5, "GiftLimitReached": 15}
    assert_invariants(coupon)


def test_without_the_lock_on_the_giver_the_day_is_overrun(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: whoever counts before anybody has written counts nothing."""
    settings.GIFTS_PER_DAY = 1
    meeting = MeetingPoint(5)
    count = gifts_service._refuse_beyond_limit

    def count_and_wait(giver: User, now: object) -> None:
        count(giver, now)  # type: ignore[arg-type]
        meeting.wait()

    monkeypatch.setattr(gifts_service, "_refuse_beyond_limit", count_and_wait)
    monkeypatch.setattr(gifts_service, "_hold_giver", lambda giver: None)
    giver, coupon = factories.make_shopper(), factories.make_coupon(limit_per_shopper=20)
    claims = [factories.make_claim(shopper=giver, coupon=coupon) for _number in range(5)]
    assert tally(rush([partial(offer, claim) for claim in claims], threads=5)) == {"done": 5}
