"""A wallet: every claim in exactly one tab."""

from __future__ import annotations

from datetime import timedelta

import pytest

from coupons.enums import ClaimState
from coupons.models import Claim, Order
from coupons.selectors.wallet import TABS, wallet_claims, wallet_counts
from coupons.services.claim_states import claim_extend, claim_revoke
from coupons.services.expiry import expire_claims
from coupons.services.orders import order_lock, order_redeem
from tests import factories
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db


def tabs_of(claim: Claim, now=NOW) -> list[str]:
    return [tab for tab in TABS if claim in wallet_claims(shopper=claim.shopper, tab=tab, now=now)]


def on_order(claim: Claim) -> Order:
    return order_lock(
        shopper=claim.shopper,
        reference=str(claim.pk),
        items=[factories.cart_item()],
        claim_ids=[claim.public_id],
        now=NOW,
    )


def test_a_new_claim_is_usable() -> None:
    assert tabs_of(factories.make_claim()) == ["usable"]


def test_a_claim_for_later_is_upcoming_until_its_moment() -> None:
    claim = factories.make_claim(usable_from=NOW + timedelta(days=1), usable_days=3)
    assert tabs_of(claim) == ["upcoming"]
    assert tabs_of(claim, claim.usable_from) == ["usable"]


def test_a_claim_on_an_unpaid_order_is_still_shown() -> None:
    claim = factories.make_claim()
    on_order(claim)
    assert tabs_of(claim) == ["usable"]


def test_a_paid_claim_is_used() -> None:
    claim = factories.make_claim()
    order_redeem(order=on_order(claim), now=NOW)
    assert tabs_of(claim) == ["used"]


@pytest.mark.parametrize("job_has_run", [False, True])
def test_an_expired_claim_is_past_from_its_end_on(job_has_run: bool) -> None:
    claim = factories.make_claim(usable_days=1)
    if job_has_run:
        expire_claims(now=claim.expires_at)
    assert tabs_of(claim, claim.expires_at) == ["past"]


def test_a_revoked_claim_is_past(marketer: User) -> None:
    claim = factories.make_claim()
    claim_revoke(claim=claim, actor=marketer, reason="sent by mistake", now=NOW)
    assert tabs_of(claim) == ["past"]


def test_an_extended_claim_comes_back(marketer: User) -> None:
    claim = factories.make_claim(usable_days=1)
    late = claim.expires_at + timedelta(days=1)
    expire_claims(now=late)
    claim_extend(claim=claim, until=late + timedelta(days=5), actor=marketer, now=late)
    claim.refresh_from_db()
    assert claim.state == ClaimState.AVAILABLE
    assert tabs_of(claim, late) == ["usable"]


def test_what_ends_first_is_shown_first(shopper: User) -> None:
    late = factories.make_claim(shopper=shopper, usable_days=9)
    soon = factories.make_claim(shopper=shopper, usable_days=1)
    assert list(wallet_claims(shopper=shopper, tab="usable", now=NOW)) == [soon, late]


def test_the_counts_are_those_of_the_tabs(shopper: User, outsider: User) -> None:
    factories.make_claim(shopper=shopper)
    factories.make_claim(shopper=shopper, usable_days=1)
    factories.make_claim(shopper=outsider)
    assert wallet_counts(shopper=shopper, now=NOW + timedelta(days=2)) == {
        "usable": 1,
        "upcoming": 0,
        "used": 0,
        "past": 1,
    }
