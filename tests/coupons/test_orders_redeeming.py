"""Paying for an order: priced again, promised prices stand, budgets hold, rests of cash are kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from coupons.enums import ClaimState, OrderState
from coupons.errors import AlreadyRedeemed, BudgetExhausted, CouponRefused, QuoteChanged
from coupons.models import Claim, Order, Redemption
from coupons.services.claim_states import claim_revoke
from coupons.services.orders import order_redeem, order_refund, order_release
from coupons.services.publishing import coupon_end, coupon_pause
from tests import factories
from tests.coupons.orders import lock, make_cash, make_promotion, pay
from tests.factories import NOW
from tests.invariants import assert_budget_holds, assert_invariants, assert_order_adds_up
from users.models import User

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=10)


class TestThePriceIsLookedAtAgain:
    def test_a_floor_that_rose_is_not_charged_silently(self, shopper: User, product) -> None:
        claim = factories.make_claim(shopper=shopper)
        order = lock(shopper, claim, items=[factories.cart_item(product)])
        product.floor_price = 95_00
        product.save(update_fields=["floor_price"])
        with pytest.raises(QuoteChanged) as refused:
            order_redeem(order=order, now=LATER)
        assert refused.value.data == {"expected_amount": 90_00, "payable_amount": 95_00}
        claim.refresh_from_db()
        assert claim.state == ClaimState.LOCKED
        assert not Redemption.objects.exists()

    def test_a_price_that_fell_changes_nothing(self, shopper: User, product) -> None:
        product.floor_price = 95_00
        product.save(update_fields=["floor_price"])
        order = lock(shopper, factories.make_claim(shopper=shopper), items=[factories.cart_item(product)])
        product.floor_price = 0
        product.save(update_fields=["floor_price"])
        assert order_redeem(order=order, now=LATER).payable == 95_00
        assert Redemption.objects.get().amount == 5_00

    def test_the_catalogues_price_does_not_matter_any_more(self, shopper: User, product) -> None:
        order = lock(shopper, items=[factories.cart_item(product)])
        product.price = 200_00
        product.save(update_fields=["price"])
        assert order_redeem(order=order, now=LATER).payable == 100_00

    def test_a_tax_that_rose_is_not_charged_silently(self, shopper: User, settings) -> None:
        settings.SHOP_PRICES_INCLUDE_TAX = False
        product = factories.make_product(tax_rate=20)
        order = lock(shopper, items=[factories.cart_item(product)])
        assert (order.tax, order.payable, order.lines.get().tax) == (20_00, 120_00, 20_00)
        product.tax_rate = 22
        product.save(update_fields=["tax_rate"])
        with pytest.raises(QuoteChanged):
            order_redeem(order=order, now=LATER)

    def test_a_first_order_is_first_only_once(self, shopper: User) -> None:
        """Two carts were locked as the first order; the second one to be paid no longer is."""
        claims = [factories.make_claim(shopper=shopper, order_number=1) for _ in range(2)]
        first, second = (lock(shopper, claim) for claim in claims)
        order_redeem(order=first, now=LATER)
        with pytest.raises(QuoteChanged) as refused:
            order_redeem(order=second, now=LATER)
        assert refused.value.data == {"expected_amount": 90_00, "payable_amount": 100_00}

    def test_the_gift_of_a_first_order_is_given_only_once(self, shopper: User) -> None:
        """A gift is no part of the price, and yet the shopper would lose it."""
        mug = factories.make_product()
        make_promotion(benefit_type="gift_item", gift_product=mug, gift_quantity=1, order_number=1)
        first, second = lock(shopper), lock(shopper)
        assert order_redeem(order=first, now=LATER).gifts.get().product == mug
        with pytest.raises(QuoteChanged):
            order_redeem(order=second, now=LATER)


class TestTheLockHoldsWhatWasPromised:
    @pytest.mark.parametrize("stop", [coupon_pause, coupon_end])
    def test_a_coupon_that_is_stopped_still_applies(self, shopper: User, marketer: User, stop) -> None:
        claim, promotion = factories.make_claim(shopper=shopper), make_promotion()
        order = lock(shopper, claim)
        for coupon in (claim.coupon, promotion):
            stop(coupon=coupon, actor=marketer, now=NOW)
        paid = order_redeem(order=order, now=LATER)
        assert (paid.payable, Redemption.objects.count()) == (80_00, 2)

    def test_hours_that_are_over_when_it_is_paid(self, shopper: User) -> None:
        """Noon in Shanghai; the coupon ends at five past."""
        claim = factories.make_claim(shopper=shopper, hour_from="08:00", hour_until="12:05")
        order = lock(shopper, claim)
        assert order_redeem(order=order, now=LATER).payable == 90_00

    def test_a_revoked_claim_goes_on_no_order(self, shopper: User, marketer: User) -> None:
        claim = factories.make_claim(shopper=shopper)
        order_release(order=lock(shopper, claim), now=NOW)
        claim.refresh_from_db()
        claim_revoke(claim=claim, actor=marketer, reason="", now=NOW)
        with pytest.raises(Exception, match="claim_not_usable"):
            lock(shopper, claim)

    @pytest.mark.reliability(17)
    def test_a_failed_payment_keeps_nothing(self, shopper: User) -> None:
        claim, budget = factories.make_claim(shopper=shopper), factories.make_budget(cap=10_00)
        claim.coupon.budgets.add(budget)
        for _attempt in range(3):
            order_release(order=lock(shopper, claim), now=NOW)
        order_redeem(order=lock(shopper, claim), now=NOW)
        assert_budget_holds(budget)
        assert_invariants(claim.coupon)

    def test_the_last_claim_of_a_coupon_can_be_used(self, shopper: User) -> None:
        claim = factories.make_claim(shopper=shopper, coupon=factories.make_coupon(stock=1))
        assert pay(shopper, claim).payable == 90_00


class TestPromotions:
    def test_apply_without_being_chosen(self, shopper: User) -> None:
        promotion = make_promotion(minimum_spend=50_00)
        order = pay(shopper)
        redemption = Redemption.objects.get(order=order)
        assert (order.payable, redemption.coupon, redemption.claim, redemption.amount) == (
            90_00,
            promotion,
            None,
            10_00,
        )
        assert_order_adds_up(order)

    def test_are_simply_absent_when_they_do_not_apply(self, shopper: User) -> None:
        make_promotion(minimum_spend=150_00)
        assert lock(shopper).payable == 100_00

    def test_that_give_only_a_gift_are_noted_too(self, shopper: User) -> None:
        mug = factories.make_product(price=20_00)
        make_promotion(benefit_type="gift_item", gift_product=mug, gift_quantity=1)
        order = pay(shopper)
        assert (order.gifts.get().product, order.redemptions.get().amount) == (mug, 0)

    def test_free_shipping_is_money_too(self, shopper: User) -> None:
        make_promotion(benefit_type="shipping_off")
        order = pay(shopper, shipping=8_00)
        assert (order.shipping, order.shipping_discount, order.payable) == (8_00, 8_00, 100_00)
        assert order.redemptions.get().amount == 8_00
        assert_order_adds_up(order)

    def test_channel_and_region_are_looked_at_again(self, shopper: User) -> None:
        claim = factories.make_claim(shopper=shopper, channels=["app"], regions=["Zhejiang"])
        with pytest.raises(CouponRefused) as refused:
            lock(shopper, claim, channel="web", region="Zhejiang")
        assert refused.value.data["reason"] == "channel_not_allowed"
        order = lock(shopper, claim, channel="app", region="Zhejiang")
        assert order_redeem(order=order, now=LATER).payable == 90_00

    def test_an_exclusive_coupon_goes_alone(self, shopper: User) -> None:
        alone, other = factories.make_claim(shopper=shopper, is_exclusive=True), factories.make_claim(shopper=shopper)
        with pytest.raises(CouponRefused) as refused:
            lock(shopper, alone, other)
        assert refused.value.data["reason"] == "exclusive_conflict"


class TestBudgets:
    def test_a_promotion_that_cannot_be_paid_stands_in_nobodys_way(self, shopper: User) -> None:
        make_promotion(is_exclusive=True, amount_off=30_00).budgets.add(factories.make_budget(cap=29_99))
        assert lock(shopper, factories.make_claim(shopper=shopper)).payable == 90_00

    def test_are_spent_to_the_last_cent_and_no_further(self, shopper: User) -> None:
        coupon, budget = factories.make_coupon(limit_per_shopper=3), factories.make_budget(cap=20_00)
        coupon.budgets.add(budget)
        claims = [factories.make_claim(shopper=shopper, coupon=coupon) for _ in range(3)]
        for claim in claims[:2]:
            pay(shopper, claim)
        with pytest.raises(BudgetExhausted) as refused:
            lock(shopper, claims[2])
        assert refused.value.data == {"coupon": str(coupon.public_id), "claim": str(claims[2].public_id)}
        budget.refresh_from_db()
        assert (budget.spent, budget.left) == (20_00, 0)
        assert_budget_holds(budget)

    def test_are_debited_when_an_order_is_paid_and_not_before(self, shopper: User) -> None:
        claim, budget = factories.make_claim(shopper=shopper), factories.make_budget()
        claim.coupon.budgets.add(budget)
        order = lock(shopper, claim)
        budget.refresh_from_db()
        assert budget.spent == 0
        order_redeem(order=order, now=NOW)
        budget.refresh_from_db()
        assert budget.spent == 10_00

    def test_that_were_spent_meanwhile_refuse_the_payment_and_change_nothing(self, shopper: User) -> None:
        """A coupon has a wide budget and one that another order spends; neither is debited."""
        coupon = factories.make_coupon(limit_per_shopper=2)
        wide, narrow = factories.make_budget(), factories.make_budget(cap=10_00)
        coupon.budgets.add(wide, narrow)
        orders = [lock(shopper, factories.make_claim(shopper=shopper, coupon=coupon)) for _ in range(2)]
        order_redeem(order=orders[0], now=NOW)
        with pytest.raises(BudgetExhausted):
            order_redeem(order=orders[1], now=NOW)
        for budget in (wide, narrow):
            budget.refresh_from_db()
            assert budget.spent == 10_00
            assert_budget_holds(budget)
        assert Order.objects.get(pk=orders[1].pk).state == OrderState.LOCKED

    def test_shared_by_coupons_pay_for_both_or_for_none(self, shopper: User) -> None:
        claims = [factories.make_claim(shopper=shopper) for _ in range(2)]
        budget = factories.make_budget(cap=15_00)
        for claim in claims:
            claim.coupon.budgets.add(budget)
        with pytest.raises(BudgetExhausted) as refused:
            lock(shopper, *claims)
        assert refused.value.data["claim"] == str(claims[1].public_id)

    def test_without_money_leave_a_promotion_out(self, shopper: User) -> None:
        promotion, budget = make_promotion(), factories.make_budget(cap=15_00)
        promotion.budgets.add(budget)
        assert [pay(shopper).payable for _ in range(2)] == [90_00, 100_00]
        assert_budget_holds(budget)

    def test_without_money_make_room_for_the_next_promotion(self, shopper: User) -> None:
        better = make_promotion(amount_off=20_00, stacking_group="sale", priority=1)
        make_promotion(amount_off=5_00, stacking_group="sale")
        better.budgets.add(factories.make_budget(cap=19_99))
        assert lock(shopper).payable == 95_00

    def test_get_their_money_back_with_the_order(self, shopper: User) -> None:
        claim, budget = factories.make_claim(shopper=shopper), factories.make_budget(cap=10_00)
        claim.coupon.budgets.add(budget)
        order_refund(order=pay(shopper, claim), now=NOW)
        assert_budget_holds(budget)
        assert pay(shopper, claim).payable == 90_00

    def test_get_it_back_even_when_the_coupon_has_others_by_now(self, shopper: User) -> None:
        claim, old, new = factories.make_claim(shopper=shopper), factories.make_budget(), factories.make_budget()
        claim.coupon.budgets.add(old)
        order = pay(shopper, claim)
        claim.coupon.budgets.set([new])
        order_refund(order=order, now=NOW)
        for budget in (old, new):
            budget.refresh_from_db()
            assert budget.spent == 0
            assert_budget_holds(budget)


class TestCash:
    def test_keeps_what_an_order_does_not_use(self, shopper: User) -> None:
        share = make_cash(shopper, 30_00)
        order = pay(shopper, share, prices=[(12_50, 1)])
        share.refresh_from_db()
        rest = Claim.objects.get(source=share)
        assert (order.payable, share.amount_off, share.state) == (0, 12_50, ClaimState.REDEEMED)
        assert (rest.amount_off, rest.state, rest.channel, rest.ordinal) == (17_50, "available", "rest", None)
        assert (rest.shopper, rest.usable_from, rest.expires_at) == (shopper, share.usable_from, share.expires_at)
        assert [entry.reason for entry in rest.entries.all()] == ["rest_kept"]
        assert_invariants(share.coupon)

    def test_can_be_spent_bit_by_bit(self, shopper: User) -> None:
        share = make_cash(shopper, 30_00)
        pay(shopper, share, prices=[(12_50, 1)])
        rest = Claim.objects.get(source=share)
        assert pay(shopper, rest, prices=[(20_00, 1)]).payable == 2_50
        assert not Claim.objects.filter(source=rest).exists()
        with pytest.raises(AlreadyRedeemed):
            lock(shopper, share)

    def test_that_is_not_partly_usable_is_gone(self, shopper: User) -> None:
        share = make_cash(shopper, 30_00, is_partly_usable=False)
        pay(shopper, share, prices=[(12_50, 1)])
        share.refresh_from_db()
        assert share.amount_off is None
        assert not Claim.objects.filter(source=share).exists()

    def test_comes_back_with_what_it_was_worth_on_the_order(self, shopper: User) -> None:
        share = make_cash(shopper, 30_00)
        order_refund(order=pay(shopper, share, prices=[(12_50, 1)]), now=NOW)
        wallet = Claim.objects.filter(shopper=shopper, state=ClaimState.AVAILABLE)
        assert sorted(wallet.values_list("amount_off", flat=True)) == [12_50, 17_50]
        assert_invariants(share.coupon)

    def test_of_several_shares_goes_on_one_order(self, shopper: User) -> None:
        coupon = factories.make_coupon(benefit_type="cash", amount_off=5_00, limit_per_shopper=3)
        shares = [factories.make_claim(shopper=shopper, coupon=coupon) for _ in range(3)]
        assert pay(shopper, *shares).payable == 85_00
