"""A clone's stock lives as its original's did, from the beginning."""

from __future__ import annotations

from datetime import timedelta

import pytest

from coupons.models import Coupon, ReleaseBatch, StockPolicy
from coupons.services.cloning import coupon_clone
from coupons.services.release_batches import release_batches_open
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db


def test_a_clone_takes_release_batches_and_policy_along(marketer: User, coupon: Coupon) -> None:
    into_window = NOW + timedelta(hours=1) - coupon.claim_starts_at
    first, second = (
        ReleaseBatch.objects.create(coupon=coupon, opens_at=coupon.claim_starts_at + after, quantity=quantity)
        for after, quantity in ((timedelta(minutes=5), 30), (into_window, 20))
    )
    StockPolicy.objects.create(coupon=coupon, low_below=10, top_up=5, top_ups_a_day=2, is_low=True)
    assert release_batches_open(coupon_id=coupon.pk, now=NOW) == 1
    clone = coupon_clone(coupon=coupon, actor=marketer, now=NOW)
    # As far into the window as they were, all to be opened again: what one has added is not released at once.
    assert [
        (batch.opens_at - clone.claim_starts_at, batch.quantity, batch.opened_at)
        for batch in clone.release_batches.all()
    ] == [(timedelta(minutes=5), 30, None), (into_window, 20, None)]
    assert all(batch.opens_at > NOW for batch in clone.release_batches.all())
    assert (clone.stock.released, clone.stock.remaining()) == (100, 100)
    policy = clone.stock_policy
    assert (policy.low_below, policy.top_up, policy.top_ups_a_day, policy.is_low) == (10, 5, 2, False)
    # The old one keeps what it has.
    first.refresh_from_db()
    assert (first.opened_at, second.opened_at, coupon.release_batches.count()) == (NOW, None, 2)
    coupon.refresh_from_db()
    assert (coupon.stock.released, coupon.stock_policy.is_low) == (130, True)


def test_a_clone_of_a_coupon_without_them_has_none(marketer: User, coupon: Coupon) -> None:
    clone = coupon_clone(coupon=coupon, actor=marketer, now=NOW)
    assert not clone.release_batches.exists()
    assert not StockPolicy.objects.exists()
    assert clone.stock.released == coupon.stock.released == 100
