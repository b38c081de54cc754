"""The claims of a plan's coupons, as an allocation reads them: the same as one by one, and in little memory."""

from __future__ import annotations

import tracemalloc
from datetime import datetime, timedelta

import numpy as np
import pytest
from django.db import connection

from analytics.learners.expected_value import STRANGER, History
from analytics.models import AllocationPlan
from analytics.selectors.allocation_facts import Buyers, claims_of_plan
from coupons.enums import ClaimChannel, ClaimState
from coupons.models import Claim, Coupon
from tests import factories
from tests.analytics.builders import make_claim_at, make_order, make_plan
from users.models import User

NOW = factories.NOW
DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


def buyers_of(shoppers: list[User]) -> Buyers:
    """Buyers of whom nothing else is known."""
    none = np.zeros(len(shoppers))
    history = History(recency_days=none, purchases=none, money=none, claims=none, redemptions=none, window_days=365)
    ids = np.array(sorted(shopper.pk for shopper in shoppers), dtype=np.int64)
    return Buyers(ids, history, np.full(len(shoppers), -1), ())


def coupon_of(plan: AllocationPlan) -> Coupon:
    return plan.campaign.coupons.get()


def test_are_what_one_reads_one_by_one() -> None:
    plan = make_plan(NOW, budget=1, amounts=(5_00,))
    shoppers = [factories.make_shopper() for _ in range(9)]
    for number, (shopper, state) in enumerate(zip(shoppers, [*ClaimState, ClaimState.AVAILABLE, None], strict=True)):
        if state is not None:
            at = NOW - (number + 0.3) * DAY
            order = make_order(shopper, at) if state in (ClaimState.LOCKED, ClaimState.REDEEMED) else None
            make_claim_at(shopper, coupon_of(plan), at, state=state, order=order)
    # One whose time is over, though nobody has swept it away yet.
    Claim.objects.filter(shopper=shoppers[7]).update(expires_at=NOW - DAY / 4)
    # The first shopper bought nothing.
    buyers = buyers_of(shoppers[1:])
    (found,) = claims_of_plan(plan, buyers, now=NOW)

    ids = buyers.shopper_ids.tolist()
    read = {
        (ids[place] if place != STRANGER else shoppers[0].pk): tuple(figures)
        for place, *figures in zip(
            found.places.tolist(),
            found.used.tolist(),
            found.held.tolist(),
            found.days_left.tolist(),
            found.days_past.tolist(),
            strict=True,
        )
    }
    out = (ClaimState.GIFTED, ClaimState.REVOKED)
    assert read == {
        claim.shopper_id: pytest.approx(one_by_one(claim)) for claim in Claim.objects.exclude(state__in=out)
    }


def one_by_one(claim: Claim) -> tuple[bool, bool, float, float]:
    """Whether it is used or may be, and for how many days it can be and could."""
    left = (claim.expires_at - NOW) / DAY
    past = (min(claim.expires_at, NOW) - claim.usable_from) / DAY
    is_open = claim.state not in (ClaimState.REDEEMED, ClaimState.EXPIRED)
    return claim.state == ClaimState.REDEEMED, is_open and left > 0, max(left, 0.0), max(past, 0.0)


def test_of_a_coupon_that_nobody_claimed_are_none() -> None:
    assert claims_of_plan(make_plan(NOW, budget=1), buyers_of([]), now=NOW) == []


def test_take_no_python_object_each() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("another database hands rows over one by one")
    plan = make_plan(NOW, budget=1, amounts=(5_00,))
    shoppers = make_crowd(20_000)
    make_claims(coupon_of(plan), shoppers, NOW - DAY)
    buyers = buyers_of(shoppers)
    tracemalloc.start()
    try:
        (found,) = claims_of_plan(plan, buyers, now=NOW)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(found.places) == 20_000
    # A tuple with two moments alone takes more.
    assert peak < 200 * 20_000


def make_crowd(number: int) -> list[User]:
    return User.objects.bulk_create(User(username=f"crowd-{place}", joined_at=NOW - DAY) for place in range(number))


def make_claims(coupon: Coupon, shoppers: list[User], at: datetime) -> None:
    """An open claim of each, written in bulk."""
    Claim.objects.bulk_create(
        Claim(
            coupon=coupon,
            shopper=shopper,
            ordinal=1,
            channel=ClaimChannel.WEB,
            claimed_at=at,
            usable_from=at,
            expires_at=at + 30 * DAY,
        )
        for shopper in shoppers
    )
