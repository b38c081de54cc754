"""The life of an order: a claim is held, used, given back; money always adds up."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from config.kernel.errors import NotFound
from coupons.enums import ClaimState, OrderState
from coupons.errors import (
    AlreadyRedeemed,
    ClaimLocked,
    ClaimNotUsable,
    CouponRefused,
    ProductUnknown,
    QuoteChanged,
    ReferenceTaken,
    WrongOrderState,
)
from coupons.models import Claim, Order, Product, Redemption
from coupons.services.expiry import expire_claims, release_expired_locks
from coupons.services.orders import order_lock, order_redeem, order_refund, order_release
from tests import factories
from tests.factories import NOW, cart_item
from users.models import BehaviourEvent, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def claim(shopper: User) -> Claim:
    """10.00 off, with a minimum spend of 50.00, for seven days."""
    return factories.make_claim(shopper=shopper, minimum_spend=50_00, usable_days=7)


def lock(shopper: User, product: Product, *claims: Claim, reference: str = "A-1", **fields) -> Order:
    fields.setdefault("items", [cart_item(product)])
    fields.setdefault("now", NOW)
    return order_lock(shopper=shopper, reference=reference, claim_ids=[claim.public_id for claim in claims], **fields)


def states_of(claim: Claim) -> list[str]:
    return list(claim.entries.values_list("to_state", flat=True))


class TestLocking:
    def test_prices_the_cart_and_holds_the_claim(self, shopper: User, product: Product, claim: Claim) -> None:
        order = lock(shopper, product, claim, shipping=5_00)
        assert (order.subtotal, order.discount, order.shipping, order.payable) == (100_00, 10_00, 5_00, 95_00)
        claim.refresh_from_db()
        assert (claim.state, claim.order) == (ClaimState.LOCKED, order)

    def test_writes_what_each_coupon_took_off_each_line(self, shopper: User, claim: Claim) -> None:
        cheap, dear = factories.make_product(price=30_00), factories.make_product(price=70_00)
        order = lock(shopper, cheap, claim, items=[cart_item(cheap), cart_item(dear)])
        lines = [(line.discount, line.payable, line.discounts.get().amount) for line in order.lines.all()]
        assert lines == [(3_00, 27_00, 3_00), (7_00, 63_00, 7_00)]

    def test_a_coupon_that_does_nothing_is_not_spent(self, shopper: User, claim: Claim) -> None:
        cheap = factories.make_product(price=20_00)
        with pytest.raises(CouponRefused) as refused:
            lock(shopper, cheap, claim)
        assert refused.value.data["reason"] == "threshold_not_met"
        assert refused.value.data["missing_amount"] == 30_00
        assert not Order.objects.exists()

    def test_a_shopper_never_pays_more_than_shown(self, shopper: User, product: Product, claim: Claim) -> None:
        with pytest.raises(QuoteChanged) as refused:
            lock(shopper, product, claim, expected_payable=89_99)
        assert refused.value.data == {"expected_amount": 89_99, "payable_amount": 90_00}
        assert lock(shopper, product, claim, expected_payable=90_00)

    @pytest.mark.reliability(42)
    def test_somebody_elses_claim_reads_like_none_at_all(self, outsider: User, product: Product, claim: Claim) -> None:
        with pytest.raises(NotFound) as foreign:
            lock(outsider, product, claim)
        with pytest.raises(NotFound) as unknown:
            order_lock(shopper=outsider, reference="A-2", items=[cart_item(product)], claim_ids=[uuid4()], now=NOW)
        assert (foreign.value.code, foreign.value.data) == (unknown.value.code, unknown.value.data)

    def test_a_locked_claim_goes_on_no_second_order(self, shopper: User, product: Product, claim: Claim) -> None:
        lock(shopper, product, claim)
        with pytest.raises(ClaimLocked):
            lock(shopper, product, claim, reference="A-2")

    def test_a_used_claim_says_that_it_was_used(self, shopper: User, product: Product, claim: Claim) -> None:
        order_redeem(order=lock(shopper, product, claim), now=NOW)
        with pytest.raises(AlreadyRedeemed):
            lock(shopper, product, claim, reference="A-2")

    def test_an_expired_claim_is_refused_before_any_job_has_run(
        self, shopper: User, product: Product, claim: Claim
    ) -> None:
        with pytest.raises(CouponRefused) as refused:
            lock(shopper, product, claim, now=claim.expires_at)
        assert refused.value.data["reason"] == "expired"

    def test_one_reference_is_one_order(self, shopper: User, product: Product) -> None:
        order = lock(shopper, product)
        with pytest.raises(ReferenceTaken) as refused:
            lock(shopper, product)
        assert refused.value.data == {"order": str(order.public_id)}

    def test_a_foreign_order_is_not_named(self, shopper: User, outsider: User, product: Product) -> None:
        lock(shopper, product)
        with pytest.raises(ReferenceTaken) as refused:
            lock(outsider, product)
        assert refused.value.data == {}

    def test_what_is_not_on_sale_cannot_be_ordered(self, shopper: User) -> None:
        gone = factories.make_product(is_on_sale=False)
        with pytest.raises(ProductUnknown):
            lock(shopper, gone)

    def test_two_claims_of_one_coupon_do_not_stack(self, shopper: User, product: Product) -> None:
        coupon = factories.make_coupon(limit_per_shopper=2)
        both = [factories.make_claim(shopper=shopper, coupon=coupon) for _ in range(2)]
        with pytest.raises(CouponRefused) as refused:
            lock(shopper, product, *both)
        assert refused.value.data["reason"] == "group_taken"


class TestRedeeming:
    def test_uses_the_claim_and_notes_its_money(self, shopper: User, product: Product, claim: Claim) -> None:
        order = order_redeem(order=lock(shopper, product, claim), now=NOW)
        claim.refresh_from_db()
        redemption = Redemption.objects.get(claim=claim)
        assert (order.state, claim.state) == (OrderState.REDEEMED, ClaimState.REDEEMED)
        assert (redemption.amount, redemption.entries.get().amount) == (10_00, 10_00)

    def test_cannot_happen_twice(self, shopper: User, product: Product, claim: Claim) -> None:
        order = lock(shopper, product, claim)
        order_redeem(order=order, now=NOW)
        with pytest.raises(WrongOrderState):
            order_redeem(order=order, now=NOW)
        assert Redemption.objects.count() == 1

    def test_is_a_purchase_in_the_behaviour_stream(self, shopper: User, product: Product, claim: Claim) -> None:
        order = order_redeem(order=lock(shopper, product, claim), now=NOW)
        event = BehaviourEvent.objects.get(kind="purchase")
        assert (event.shopper, event.value, event.event_id) == (shopper, 90_00, f"order:{order.public_id}")

    def test_a_claim_that_expires_on_a_locked_order_can_still_be_paid(
        self, shopper: User, product: Product, claim: Claim
    ) -> None:
        order = lock(shopper, product, claim)
        late = claim.expires_at + timedelta(minutes=5)
        assert expire_claims(now=late) == 0
        assert order_redeem(order=order, now=late).state == OrderState.REDEEMED


class TestReleasing:
    def test_gives_the_claim_back(self, shopper: User, product: Product, claim: Claim) -> None:
        order = order_release(order=lock(shopper, product, claim), now=NOW)
        claim.refresh_from_db()
        assert (order.state, claim.state, claim.order) == (OrderState.RELEASED, ClaimState.AVAILABLE, None)
        assert states_of(claim) == ["available", "locked", "available"]

    def test_a_paid_order_is_not_released(self, shopper: User, product: Product, claim: Claim) -> None:
        order = order_redeem(order=lock(shopper, product, claim), now=NOW)
        with pytest.raises(WrongOrderState):
            order_release(order=order, now=NOW)

    def test_an_unpaid_order_is_released_when_its_lock_ends(
        self, shopper: User, product: Product, claim: Claim
    ) -> None:
        order = lock(shopper, product, claim)
        assert release_expired_locks(now=order.lock_expires_at - timedelta(microseconds=1)) == 0
        assert release_expired_locks(now=order.lock_expires_at) == 1
        claim.refresh_from_db()
        assert claim.state == ClaimState.AVAILABLE
        assert release_expired_locks(now=order.lock_expires_at) == 0

    def test_the_next_order_need_not_wait_for_that_job(self, shopper: User, product: Product, claim: Claim) -> None:
        first = lock(shopper, product, claim)
        second = lock(shopper, product, claim, reference="A-2", now=first.lock_expires_at)
        first.refresh_from_db()
        assert (first.state, second.state) == (OrderState.RELEASED, OrderState.LOCKED)


class TestRefunding:
    @pytest.fixture
    def paid(self, shopper: User, product: Product, claim: Claim) -> Order:
        return order_redeem(order=lock(shopper, product, claim), now=NOW)

    def test_gives_money_and_claim_back(self, paid: Order, claim: Claim) -> None:
        order = order_refund(order=paid, now=NOW)
        claim.refresh_from_db()
        assert (order.state, order.refunded, claim.state) == (OrderState.REFUNDED, order.payable, "available")
        redemption = Redemption.objects.get(claim=claim)
        assert [entry.amount for entry in redemption.entries.all()] == [10_00, -10_00]
        assert states_of(claim) == ["available", "locked", "redeemed", "available"]

    def test_happens_once(self, paid: Order) -> None:
        order_refund(order=paid, now=NOW)
        with pytest.raises(WrongOrderState):
            order_refund(order=paid, now=NOW)

    def test_a_claim_that_expired_meanwhile_gets_a_grace_extension(self, paid: Order, claim: Claim, settings) -> None:
        late = claim.expires_at + timedelta(days=30)
        order_refund(order=paid, now=late)
        claim.refresh_from_db()
        assert claim.expires_at == late + settings.CLAIM_GRACE_EXTENSION

    def test_a_claim_with_time_left_keeps_its_end(self, paid: Order, claim: Claim) -> None:
        before = claim.expires_at
        order_refund(order=paid, now=NOW)
        claim.refresh_from_db()
        assert claim.expires_at == before

    def test_the_claim_can_be_used_again(self, paid: Order, shopper: User, product: Product, claim: Claim) -> None:
        order_refund(order=paid, now=NOW)
        again = order_redeem(order=lock(shopper, product, claim, reference="A-2"), now=NOW)
        assert again.discount == 10_00
        assert Redemption.objects.filter(claim=claim).count() == 2


class TestExpiry:
    def test_ends_exactly_at_its_end(self, claim: Claim) -> None:
        assert expire_claims(now=claim.expires_at - timedelta(microseconds=1)) == 0
        assert expire_claims(now=claim.expires_at) == 1
        claim.refresh_from_db()
        assert claim.state == ClaimState.EXPIRED

    def test_works_through_more_than_one_batch_and_then_rests(self, shopper: User) -> None:
        coupon = factories.make_coupon(limit_per_shopper=7, usable_days=1)
        for _ in range(7):
            factories.make_claim(shopper=shopper, coupon=coupon)
        late = NOW + timedelta(days=2)
        assert expire_claims(now=late, batch_size=3) == 7
        assert expire_claims(now=late, batch_size=3) == 0

    def test_a_shopper_sees_it_before_the_job_has_run(self, claim: Claim) -> None:
        assert claim.state == ClaimState.AVAILABLE
        assert claim.state_at(claim.expires_at) == ClaimState.EXPIRED

    def test_an_expired_claim_goes_on_no_order(self, shopper: User, product: Product, claim: Claim) -> None:
        expire_claims(now=claim.expires_at)
        with pytest.raises(ClaimNotUsable) as refused:
            lock(shopper, product, claim, now=claim.expires_at)
        assert UUID(refused.value.data["claim"]) == claim.public_id
