"""Changing an unpaid order: what it drops is free at once, what it keeps stays held."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.kernel.errors import NotFound
from coupons.enums import ClaimState, GiftState, OrderState
from coupons.errors import ClaimLocked, ClaimNotUsable, CouponRefused, QuoteChanged, WrongOrderState
from coupons.models import Claim, Order, Product
from coupons.services.expiry import release_expired_locks
from coupons.services.gifts import gift_offer
from coupons.services.orders import order_edit, order_redeem, order_release
from tests import factories
from tests.coupons.orders import lock, make_promotion
from tests.factories import NOW, cart_item
from tests.invariants import assert_invariants, assert_order_adds_up
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(shopper: User) -> Claim:
    return factories.make_claim(shopper=shopper, amount_off=5_00, usable_days=1)


@pytest.fixture
def dropped(shopper: User) -> Claim:
    return factories.make_claim(shopper=shopper)


@pytest.fixture
def order(shopper: User, kept: Claim, dropped: Claim) -> Order:
    return lock(shopper, kept, dropped)


def edit(order: Order, product: Product, *claims: Claim, quantity: int = 1, **fields) -> Order:
    fields.setdefault("now", NOW + timedelta(minutes=5))
    return order_edit(
        order=order,
        items=[cart_item(product, quantity)],
        claim_ids=[claim.public_id for claim in claims],
        **fields,
    )


def states(*claims: Claim) -> list[str]:
    return [Claim.objects.get(pk=claim.pk).state for claim in claims]


def test_cart_and_claims_are_replaced_in_one_go(
    shopper: User, product: Product, order: Order, kept: Claim, dropped: Claim
) -> None:
    added = factories.make_claim(shopper=shopper, amount_off=20_00)
    edited = edit(order, product, kept, added, quantity=3, shipping=8_00)
    assert (edited.pk, edited.subtotal, edited.discount, edited.payable) == (order.pk, 300_00, 25_00, 283_00)
    assert states(kept, added, dropped) == ["locked", "locked", "available"]
    assert [line.quantity for line in edited.lines.all()] == [3]
    assert_order_adds_up(edited)
    for claim in (kept, added, dropped):
        assert_invariants(claim.coupon)


def test_what_was_dropped_can_be_used_elsewhere_at_once(shopper: User, product, order: Order, kept, dropped) -> None:
    edit(order, product, kept)
    assert lock(shopper, dropped).payable == 90_00


def test_what_was_kept_is_held_without_a_gap(order: Order, product: Product, kept: Claim) -> None:
    edit(order, product, kept)
    assert [entry.to_state for entry in kept.entries.all()] == ["available", "locked"]


def test_the_lock_starts_again(order: Order, product: Product, kept: Claim, settings) -> None:
    edited = edit(order, product, kept)
    assert edited.lock_expires_at == NOW + timedelta(minutes=5) + settings.ORDER_LOCK_LASTS


def test_a_kept_claim_does_not_expire_on_its_order(order: Order, product: Product, kept: Claim) -> None:
    late = kept.expires_at + timedelta(minutes=1)
    edited = edit(order, product, kept, now=late)
    assert order_redeem(order=edited, now=late).payable == 95_00


def test_a_claim_that_is_new_on_it_must_be_usable(shopper: User, order: Order, product: Product, kept: Claim) -> None:
    over = factories.make_claim(shopper=shopper, usable_days=1)
    with pytest.raises(CouponRefused) as refused:
        edit(order, product, kept, over, now=over.expires_at)
    assert refused.value.data["reason"] == "expired"


def test_a_refused_edit_leaves_the_order_as_it_was(order: Order, product: Product, kept: Claim, dropped: Claim) -> None:
    with pytest.raises(QuoteChanged):
        edit(order, product, kept, quantity=2, expected_payable=100_00)
    order.refresh_from_db()
    assert (order.payable, order.placed_at, states(kept, dropped)) == (85_00, NOW, ["locked", "locked"])
    assert_order_adds_up(order)


def test_promotions_are_looked_at_anew(order: Order, product: Product) -> None:
    make_promotion(minimum_spend=200_00)
    assert edit(order, product).payable == 100_00
    assert edit(order, product, quantity=2).payable == 190_00


def test_a_claim_on_another_order_is_not_taken_from_it(shopper: User, order: Order, product: Product) -> None:
    elsewhere = factories.make_claim(shopper=shopper)
    lock(shopper, elsewhere)
    with pytest.raises(ClaimLocked):
        edit(order, product, elsewhere)


def test_a_claim_on_an_order_whose_time_is_over_is(shopper: User, order: Order, product: Product) -> None:
    elsewhere = factories.make_claim(shopper=shopper)
    forgotten = lock(shopper, elsewhere)
    edit(order, product, elsewhere, now=forgotten.lock_expires_at)
    forgotten.refresh_from_db()
    assert forgotten.state == OrderState.RELEASED


def test_a_claim_that_nobody_accepted_in_time_is_added(shopper: User, product: Product) -> None:
    """As it goes on a new order: the job that gives it back need not have run."""
    claim, order = factories.make_claim(shopper=shopper), lock(shopper)
    gift = gift_offer(claim=claim, giver=shopper, message="", now=NOW)
    with pytest.raises(ClaimNotUsable):
        edit(order, product, claim)
    edit(order, product, claim, now=gift.expires_at)
    gift.refresh_from_db()
    assert (states(claim), gift.state) == ([ClaimState.LOCKED], GiftState.EXPIRED)
    assert_invariants(claim.coupon)


def test_somebody_elses_claim_reads_like_none_at_all(outsider: User, order: Order, product: Product) -> None:
    with pytest.raises(NotFound):
        edit(order, product, factories.make_claim(shopper=outsider))


@pytest.mark.parametrize("settle", [order_redeem, order_release])
def test_only_an_unpaid_order_is_edited(order: Order, product: Product, kept: Claim, settle) -> None:
    settle(order=order, now=NOW)
    with pytest.raises(WrongOrderState):
        edit(order, product)
    assert states(kept) != [ClaimState.LOCKED]


def test_a_job_that_is_running_spares_a_lock_that_was_renewed_meanwhile(shopper: User, product: Product) -> None:
    """Both orders were overdue when the job began; the second is edited while it works on the first."""
    first, second = lock(shopper), lock(shopper)
    late = second.lock_expires_at

    def edit_the_second(_orders: int) -> None:
        if Order.objects.get(pk=second.pk).is_overdue(late):
            edit(second, product, now=late)

    assert release_expired_locks(now=late, progressed=edit_the_second) == 1
    states = [Order.objects.get(pk=order.pk).state for order in (first, second)]
    assert states == [OrderState.RELEASED, OrderState.LOCKED]
