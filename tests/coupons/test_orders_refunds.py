"""Refunds of some units and of all: what goes back, down to the last cent. Numbers as in docs/pricing.md."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.kernel.errors import Invalid
from coupons.enums import ClaimState, OrderState
from coupons.errors import TooManyReturned, WrongOrderState
from coupons.models import Claim, Order
from coupons.services.orders import order_refund
from tests import factories
from tests.coupons.orders import lock, make_promotion, pay
from tests.factories import NOW
from tests.invariants import assert_budget_holds, assert_invariants, assert_order_adds_up
from users.models import User

pytestmark = pytest.mark.django_db

RECALCULATE = {"refund_policy": "recalculate"}


def give_back(order: Order, *returns: tuple[int, int]) -> int:
    """Refunds so many units of lines in one go; returns the money of this refund."""
    order = order_refund(order=order, lines=list(returns), now=NOW)
    assert_order_adds_up(order)
    return order.refunds.last().amount


def give_back_one_by_one(order: Order, *numbers: int) -> list[int]:
    return [give_back(order, (number, 1)) for number in numbers]


class TestProrata:
    def test_r1_1_a_line_goes_back_for_what_was_paid_for_it(self, shopper: User) -> None:
        order = pay(shopper, factories.make_claim(shopper=shopper, amount_off=42_00), prices=[(150_00, 1), (60_00, 1)])
        assert order.payable == 168_00
        assert give_back(order, (1, 1)) == 120_00

    def test_r1_2_units_go_back_for_their_share(self, shopper: User) -> None:
        order = pay(
            shopper,
            factories.make_claim(shopper=shopper, benefit_type="percent_off", percent_off=10),
            prices=[(100_00, 3)],
        )
        assert give_back(order, (1, 2)) == 180_00
        assert give_back(order, (1, 1)) == 90_00

    def test_r1_3_units_one_by_one_add_up_to_the_cent(self, shopper: User) -> None:
        order = pay(shopper, factories.make_claim(shopper=shopper, amount_off=2_00), prices=[(4_00, 3)])
        assert give_back_one_by_one(order, 1, 1, 1) == [3_33, 3_34, 3_33]

    def test_r1_4_a_free_unit_is_paid_by_all_units_of_its_line(self, shopper: User) -> None:
        claim = factories.make_claim(shopper=shopper, benefit_type="buy_x_get_y", buy_quantity=2, get_quantity=1)
        order = pay(shopper, claim, prices=[(30_00, 3)])
        assert order.payable == 60_00
        assert give_back_one_by_one(order, 1, 1, 1) == [20_00, 20_00, 20_00]

    def test_r1_5_shipping_goes_back_with_the_last_unit(self, shopper: User) -> None:
        order = pay(shopper, prices=[(10_00, 2)], shipping=8_00)
        assert give_back_one_by_one(order, 1, 1) == [10_00, 18_00]
        assert list(order.refunds.values_list("shipping", flat=True)) == [0, 8_00]

    def test_r1_6_added_tax_goes_back_with_the_price(self, shopper: User, settings) -> None:
        settings.SHOP_PRICES_INCLUDE_TAX = False
        product = factories.make_product(price=9_99, tax_rate=7)
        order = pay(shopper, items=[factories.cart_item(product, 3)])
        assert (order.tax, order.payable) == (2_10, 32_07)
        assert give_back_one_by_one(order, 1, 1, 1) == [10_69, 10_69, 10_69]

    def test_gives_the_discount_of_the_returned_units_back_to_redemption_and_budget(self, shopper: User) -> None:
        claim, budget = factories.make_claim(shopper=shopper), factories.make_budget()
        claim.coupon.budgets.add(budget)
        order = pay(shopper, claim, prices=[(50_00, 4)])
        give_back(order, (1, 1))
        redemption = order.redemptions.get()
        assert [entry.amount for entry in redemption.entries.all()] == [10_00, -2_50]
        budget.refresh_from_db()
        assert (budget.spent, redemption.refunded) == (7_50, 2_50)
        assert_budget_holds(budget)

    def test_leaves_the_claim_used(self, shopper: User) -> None:
        claim = factories.make_claim(shopper=shopper)
        give_back(pay(shopper, claim, prices=[(50_00, 4)]), (1, 3))
        claim.refresh_from_db()
        assert claim.state == ClaimState.REDEEMED
        assert_invariants(claim.coupon)


class TestRecalculate:
    def test_r2_1_a_threshold_that_fails_withdraws_the_discount(self, shopper: User) -> None:
        claim = factories.make_claim(shopper=shopper, amount_off=20_00, minimum_spend=150_00, **RECALCULATE)
        order = pay(shopper, claim, prices=[(100_00, 1), (60_00, 1)])
        assert give_back(order, (2, 1)) == 40_00
        assert order.redemptions.get().refunded == 20_00
        assert give_back(order, (1, 1)) == 100_00

    def test_r2_2_a_discount_that_holds_moves_to_what_is_kept(self, shopper: User) -> None:
        order = pay(shopper, factories.make_claim(shopper=shopper, **RECALCULATE), prices=[(60_00, 1), (60_00, 1)])
        assert give_back(order, (1, 1)) == 60_00
        refund = order.refunds.get()
        assert [(part.line.number, part.quantity, part.amount) for part in refund.lines.all()] == [
            (1, 1, 55_00),
            (2, 0, 5_00),
        ]
        assert order.redemptions.get().refunded == 0

    def test_r2_3_nothing_goes_back_where_the_rest_costs_more_than_was_paid(self, shopper: User) -> None:
        claim = factories.make_claim(shopper=shopper, amount_off=20_00, minimum_spend=110_00, **RECALCULATE)
        order = pay(shopper, claim, prices=[(100_00, 1), (10_00, 1)])
        assert give_back(order, (2, 1)) == 0
        assert give_back(order, (1, 1)) == 90_00

    def test_r2_4_free_shipping_that_is_no_longer_earned_is_paid(self, shopper: User) -> None:
        claim = factories.make_claim(
            shopper=shopper, benefit_type="shipping_off", amount_off=None, minimum_spend=99_00, **RECALCULATE
        )
        order = pay(shopper, claim, prices=[(60_00, 2)], shipping=8_00)
        assert give_back_one_by_one(order, 1, 1) == [52_00, 68_00]

    def test_r2_5_who_bought_is_not_judged_again(self, shopper: User) -> None:
        claim = factories.make_claim(shopper=shopper, amount_off=20_00, order_number=1, **RECALCULATE)
        order = pay(shopper, claim, prices=[(60_00, 2)])
        assert give_back(order, (1, 1)) == 60_00

    def test_r2_6_a_floor_that_rose_since_makes_nothing_dearer(self, shopper: User, product) -> None:
        claim = factories.make_claim(shopper=shopper, benefit_type="percent_off", percent_off=50, **RECALCULATE)
        order = pay(shopper, claim, items=[factories.cart_item(product, 2)])
        product.floor_price = 90_00
        product.save(update_fields=["floor_price"])
        assert give_back(order, (1, 1)) == 50_00

    def test_r2_6_a_line_that_cost_nothing_costs_its_tax_too_once_it_is_paid(self, shopper: User, settings) -> None:
        settings.SHOP_PRICES_INCLUDE_TAX = False
        given, dear = (factories.make_product(price=price, tax_rate=20) for price in (20_00, 100_00))
        claim = factories.make_claim(
            shopper=shopper,
            benefit_type="fixed_price",
            unit_price=0,
            maximum_units=1,
            minimum_spend=110_00,
            **RECALCULATE,
        )
        order = pay(shopper, claim, items=[factories.cart_item(given), factories.cart_item(dear)])
        # 120.00 was paid, and the rest costs 20.00 and its tax of 4.00.
        assert order_refund(order=order, lines=[(2, 1)], now=NOW).refunded == 96_00

    def test_r2_7_an_expired_and_ended_coupon_is_priced_as_when_it_was_bought(self, shopper: User) -> None:
        claim = factories.make_claim(
            shopper=shopper, amount_off=20_00, minimum_spend=60_00, usable_days=3, **RECALCULATE
        )
        order = pay(shopper, claim, prices=[(60_00, 2)])
        late = order_refund(order=order, lines=[(1, 1)], now=NOW + timedelta(days=30))
        assert late.refunded == 60_00

    def test_r2_8_promotions_follow_their_policy_too(self, shopper: User) -> None:
        make_promotion(amount_off=20_00, minimum_spend=150_00, **RECALCULATE)
        order = pay(shopper, prices=[(100_00, 1), (60_00, 1)])
        assert give_back(order, (2, 1)) == 40_00


class TestBothPoliciesOnOneOrder:
    def test_r3_1_shares_stay_on_the_kept_units_and_the_others_are_priced_after_them(self, shopper: User) -> None:
        shared = factories.make_claim(shopper=shopper, amount_off=16_00, priority=1)
        again = factories.make_claim(shopper=shopper, amount_off=20_00, minimum_spend=150_00, **RECALCULATE)
        order = pay(shopper, shared, again, prices=[(100_00, 1), (60_00, 1)])
        assert order.payable == 124_00
        assert give_back(order, (2, 1)) == 34_00
        refunded = {each.claim: each.refunded for each in order.redemptions.all()}
        assert refunded == {shared: 6_00, again: 20_00}

    def test_r3_2_what_still_holds_is_kept(self, shopper: User) -> None:
        shared = factories.make_claim(shopper=shopper, amount_off=16_00, priority=1)
        again = factories.make_claim(shopper=shopper, benefit_type="percent_off", percent_off=10, **RECALCULATE)
        order = pay(shopper, shared, again, prices=[(100_00, 1), (60_00, 1)])
        assert order.payable == 129_60
        assert give_back(order, (2, 1)) == 48_60


class TestInFull:
    def test_the_last_unit_ends_it_with_every_claim_and_budget(self, shopper: User) -> None:
        claim, budget = factories.make_claim(shopper=shopper), factories.make_budget()
        claim.coupon.budgets.add(budget)
        order = pay(shopper, claim, prices=[(50_00, 2), (30_00, 1)], shipping=6_00)
        for returns in [(2, 1)], [(1, 1)], [(1, 1)]:
            order = order_refund(order=order, lines=returns, now=NOW)
        claim.refresh_from_db()
        budget.refresh_from_db()
        assert (order.state, order.refunded, claim.state) == (OrderState.REFUNDED, order.payable, "available")
        assert budget.spent == 0
        assert_order_adds_up(order)
        assert_budget_holds(budget)
        assert_invariants(claim.coupon)

    def test_everything_left_after_a_part(self, shopper: User) -> None:
        order = pay(shopper, factories.make_claim(shopper=shopper), prices=[(50_00, 2)])
        assert give_back(order, (1, 1)) == 45_00
        order = order_refund(order=order, now=NOW)
        assert (order.state, order.refunds.last().amount) == (OrderState.REFUNDED, 45_00)
        assert_order_adds_up(order)

    def test_a_claim_that_expired_meanwhile_gets_a_grace_extension_at_the_last_unit(
        self, shopper: User, settings
    ) -> None:
        claim = factories.make_claim(shopper=shopper, usable_days=3)
        order, late = pay(shopper, claim, prices=[(50_00, 2)]), NOW + timedelta(days=30)
        for _unit in range(2):
            order_refund(order=order, lines=[(1, 1)], now=late)
        claim.refresh_from_db()
        assert (claim.state, claim.expires_at) == ("available", late + settings.CLAIM_GRACE_EXTENSION)

    def test_gifts_carry_no_money(self, shopper: User) -> None:
        mug = factories.make_product(price=20_00)
        claim = factories.make_claim(shopper=shopper, benefit_type="gift_item", gift_product=mug, gift_quantity=1)
        order = pay(shopper, claim, prices=[(50_00, 2)])
        assert give_back_one_by_one(order, 1, 1) == [50_00, 50_00]


class TestRefused:
    @pytest.fixture
    def order(self, shopper: User) -> Order:
        return pay(shopper, prices=[(50_00, 2), (30_00, 1)])

    @pytest.mark.reliability(33)
    def test_more_units_than_are_left(self, order: Order) -> None:
        give_back(order, (1, 1))
        with pytest.raises(TooManyReturned) as refused:
            give_back(order, (1, 2))
        assert (refused.value.data["number"], refused.value.data["returnable"]) == (1, 1)
        assert Order.objects.get(pk=order.pk).refunded == 50_00

    @pytest.mark.parametrize("returns", [[], [(3, 1)], [(1, 0)], [(1, -1)], [(1, 1), (1, 1)]])
    def test_what_makes_no_sense(self, order: Order, returns: list[tuple[int, int]]) -> None:
        with pytest.raises(Invalid):
            give_back(order, *returns)

    def test_an_order_that_was_not_paid(self, shopper: User) -> None:
        with pytest.raises(WrongOrderState):
            give_back(lock(shopper), (1, 1))

    def test_an_order_that_was_refunded_in_full(self, order: Order) -> None:
        order_refund(order=order, now=NOW)
        with pytest.raises(WrongOrderState):
            give_back(order, (1, 1))
        assert not Claim.objects.exists()
