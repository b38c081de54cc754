"""Money under a crowd: budgets to the last cent, units returned once, edits that meet."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from coupons.enums import ClaimState, OrderState
from coupons.models import Budget, Claim, Coupon, Order, Redemption
from coupons.pricing import Quote
from coupons.services import budgets as budgets_service
from coupons.services.expiry import release_expired_locks
from coupons.services.orders import order_edit, order_lock, order_redeem, order_refund, order_release, redeeming
from coupons.services.orders.pricing import price_again
from tests import factories
from tests.concurrency.crowd import Meet, MeetingPoint, rush, tally
from tests.coupons.orders import lock, make_promotion
from tests.factories import NOW, cart_item
from tests.figures import Figures
from tests.forms import rounds
from tests.invariants import assert_budget_holds, assert_invariants, assert_order_adds_up

pytestmark = pytest.mark.django_db(transaction=True)

PAIRS = rounds(short=10, long=1000)
SPENDING = rounds(short=1, long=20)
APPLYING = rounds(short=1, long=50)


def locked_orders(coupon: Coupon, count: int) -> list[Order]:
    """One order each of so many shoppers, with a claim of the coupon, locked while there was money for each."""
    product = factories.make_product()
    claims = [factories.make_claim(coupon=coupon) for _ in range(count)]
    return [lock(claim.shopper, claim, items=[cart_item(product)]) for claim in claims]


class TestAFirstOrder:
    """Two orders were locked as the first; paid at one moment, only one of them is."""

    @pytest.fixture
    def orders(self) -> list[Order]:
        make_promotion(order_number=1)
        shopper = factories.make_shopper()
        return [lock(shopper), lock(shopper)]

    @pytest.mark.reliability(3)
    def test_is_first_only_once(self, orders: list[Order]) -> None:
        results = rush([partial(order_redeem, order=order, now=NOW) for order in orders])
        assert tally(results) == {"done": 1, "QuoteChanged": 1}

    @pytest.mark.reliability(3)
    def test_control_without_the_shoppers_row_both_are(
        self, orders: list[Order], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meeting = MeetingPoint(2)

        def price_then_meet(**arguments: Any) -> Quote:
            quote = price_again(**arguments)
            meeting.wait()
            return quote

        monkeypatch.setattr(redeeming, "take_shopper", lambda order: None)
        monkeypatch.setattr(redeeming, "price_again", price_then_meet)
        results = rush([partial(order_redeem, order=order, now=NOW) for order in orders])
        assert tally(results) == {"done": 2}


class TestBudgets:
    @pytest.mark.reliability(4)
    def test_fifty_orders_paid_at_once_spend_it_to_the_last_cent(self, figures: Figures) -> None:
        for _round in range(SPENDING):
            self.pay_fifty()
        figures.note(
            4, "a budget for 20 orders, 50 paid at once", rounds=SPENDING, acknowledged=SPENDING * 20, oversold=0
        )

    def pay_fifty(self) -> None:
        coupon, budget = factories.make_coupon(amount_off=3_33), factories.make_budget(cap=20 * 3_33 + 3_32)
        coupon.budgets.add(budget)
        orders = locked_orders(coupon, 50)
        results = rush([partial(order_redeem, order=order, now=NOW) for order in orders], threads=50)
        assert tally(results) == {"done": 20, "BudgetExhausted": 30}
        budget.refresh_from_db()
        assert budget.spent == 20 * 3_33
        assert_budget_holds(budget)
        assert Redemption.objects.filter(coupon=coupon).count() == 20
        assert Order.objects.filter(pk__in=[order.pk for order in orders], state=OrderState.LOCKED).count() == 30
        assert_invariants(coupon)

    @pytest.mark.reliability(4)
    def test_paying_and_refunding_at_once_loses_no_cent(self) -> None:
        coupon, budget = factories.make_coupon(amount_off=3_33), factories.make_budget()
        coupon.budgets.add(budget)
        orders = locked_orders(coupon, 40)
        for order in orders[:20]:
            order_redeem(order=order, now=NOW)
        results = rush(
            [
                *(partial(order_refund, order=order, now=NOW) for order in orders[:20]),
                *(partial(order_redeem, order=order, now=NOW) for order in orders[20:]),
            ]
        )
        assert tally(results) == {"done": 40}
        budget.refresh_from_db()
        assert budget.spent == 20 * 3_33
        assert_budget_holds(budget)

    @pytest.mark.reliability(4)
    def test_control_without_the_conditional_write_two_orders_spend_the_same_money(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _round in range(3):
            coupon, budget = factories.make_coupon(amount_off=10_00), factories.make_budget(cap=10_00)
            coupon.budgets.add(budget)
            orders, meeting = locked_orders(coupon, 2), MeetingPoint(2)

            def read_and_write(budget_id: int, amount: int, meeting=meeting) -> bool:
                read = Budget.objects.get(pk=budget_id)
                meeting.wait()
                if read.spent + amount > read.cap:
                    return False
                return bool(Budget.objects.filter(pk=budget_id).update(spent=read.spent + amount))

            monkeypatch.setattr(budgets_service, "_spend", read_and_write)
            results = rush([partial(order_redeem, order=order, now=NOW) for order in orders])
            assert tally(results) == {"done": 2}
            budget.refresh_from_db()
            assert budget.spent == 10_00
            assert sum(each.amount for each in Redemption.objects.filter(coupon=coupon)) == 20_00

    @pytest.mark.reliability(10)
    def test_taken_in_opposite_order_never_deadlock(self, figures: Figures) -> None:
        """Two coupons draw on the same two budgets, linked in opposite order."""
        one, two = (factories.make_budget(cap=2 * PAIRS * 10_00) for _ in range(2))
        coupons = [factories.make_coupon(stock=PAIRS), factories.make_coupon(stock=PAIRS)]
        coupons[0].budgets.add(one)
        coupons[0].budgets.add(two)
        coupons[1].budgets.add(two)
        coupons[1].budgets.add(one)
        pairs = zip(*(locked_orders(coupon, PAIRS) for coupon in coupons), strict=True)
        # Side by side, so that every other thread pays with the one coupon and the rest with the other.
        results = rush([partial(order_redeem, order=order, now=NOW) for pair in pairs for order in pair])
        assert tally(results) == {"done": 2 * PAIRS}
        for budget in (one, two):
            assert_budget_holds(budget)
        figures.note(10, "budgets linked in opposite order", rounds=PAIRS, doubled=0, beside="no deadlock")


class TestRefunds:
    @pytest.mark.reliability(17)
    def test_one_unit_returned_by_thirty_threads_goes_back_once(self) -> None:
        order = order_redeem(
            order=lock(factories.make_shopper(), items=[cart_item(factories.make_product(), 2)]), now=NOW
        )
        results = rush([partial(order_refund, order=order, lines=[(1, 2)], now=NOW)] * 30)
        assert tally(results) == {"done": 1, "WrongOrderState": 29}
        assert_order_adds_up(order)

    @pytest.mark.reliability(33)
    def test_ten_units_returned_one_by_one_by_thirty_threads_are_ten(self) -> None:
        claim = factories.make_claim(amount_off=9_99)
        budget = factories.make_budget()
        claim.coupon.budgets.add(budget)
        order = lock(claim.shopper, claim, items=[cart_item(factories.make_product(price=3_33), 10)], shipping=5_00)
        order_redeem(order=order, now=NOW)
        results = rush([partial(order_refund, order=order, lines=[(1, 1)], now=NOW)] * 30)
        assert tally(results) == {"done": 10, "WrongOrderState": 20}
        order.refresh_from_db()
        assert (order.state, order.refunded) == (OrderState.REFUNDED, order.payable)
        assert_order_adds_up(order)
        assert_budget_holds(budget)
        assert_invariants(claim.coupon)

    @pytest.mark.reliability(6)
    def test_a_part_against_the_whole(self, meet: Meet) -> None:
        product = factories.make_product()
        for _number in range(PAIRS):
            claim = factories.make_claim()
            order = order_redeem(order=lock(claim.shopper, claim, items=[cart_item(product, 2)]), now=NOW)
            meet(
                partial(order_refund, order=order, lines=[(1, 1)], now=NOW),
                partial(order_refund, order=order, now=NOW),
            )
            order.refresh_from_db()
            assert (order.state, order.refunded) == (OrderState.REFUNDED, order.payable)
            assert claim.entries.filter(reason="order_refunded").count() == 1
            assert_order_adds_up(order)
            assert_invariants(claim.coupon)


class TestCash:
    @pytest.mark.reliability(3)
    def test_one_order_paid_by_thirty_threads_keeps_one_rest(self) -> None:
        share = factories.make_claim(benefit_type="cash", amount_off=30_00)
        order = lock(share.shopper, share, items=[cart_item(factories.make_product(price=12_50))])
        results = rush([partial(order_redeem, order=order, now=NOW)] * 30)
        assert tally(results) == {"done": 1, "WrongOrderState": 29}
        assert [rest.amount_off for rest in Claim.objects.filter(source=share)] == [17_50]
        assert_invariants(share.coupon)


class TestEditing:
    @pytest.mark.reliability(12)
    def test_twenty_exclusive_coupons_put_on_one_order_at_once_leave_one(self, figures: Figures) -> None:
        for _round in range(APPLYING):
            self.put_twenty_on_one_order()
        figures.note(12, "20 exclusive coupons put on one order", rounds=APPLYING, doubled=0, beside="1 on it, 19 free")

    def put_twenty_on_one_order(self) -> None:
        shopper, product = factories.make_shopper(), factories.make_product()
        claims = [factories.make_claim(shopper=shopper, is_exclusive=True) for _ in range(20)]
        order = lock(shopper, items=[cart_item(product)])
        edits = [
            partial(order_edit, order=order, items=[cart_item(product)], claim_ids=[claim.public_id], now=NOW)
            for claim in claims
        ]
        assert tally(rush(edits, threads=20)) == {"done": 20}
        (held,) = Claim.objects.filter(shopper=shopper, state=ClaimState.LOCKED)
        assert held.order == order
        order.refresh_from_db()
        assert (order.payable, order.lines.get().discounts.get().claim) == (90_00, held)
        assert Claim.objects.filter(shopper=shopper, state=ClaimState.AVAILABLE).count() == 19
        assert_order_adds_up(order)

    @pytest.mark.reliability(12)
    def test_twenty_exclusive_coupons_for_one_reference_lock_one(self) -> None:
        shopper, product = factories.make_shopper(), factories.make_product()
        claims = [factories.make_claim(shopper=shopper, is_exclusive=True) for _ in range(20)]
        locks = [
            partial(
                order_lock,
                shopper=shopper,
                reference="A-1",
                items=[cart_item(product)],
                claim_ids=[claim.public_id],
                now=NOW,
            )
            for claim in claims
        ]
        assert tally(rush(locks, threads=20)) == {"done": 1, "ReferenceTaken": 19}
        assert Claim.objects.filter(shopper=shopper, state=ClaimState.LOCKED).count() == 1

    @pytest.mark.reliability(6)
    def test_editing_against_paying(self, meet: Meet) -> None:
        product = factories.make_product()
        for _number in range(PAIRS):
            claim = factories.make_claim()
            order = lock(claim.shopper, claim, items=[cart_item(product)])
            edit = partial(order_edit, order=order, items=[cart_item(product, 2)], claim_ids=[], now=NOW)
            meet(edit, partial(order_redeem, order=order, now=NOW))
            order.refresh_from_db()
            claim.refresh_from_db()
            assert (order.state, order.payable, claim.state) in {
                (OrderState.REDEEMED, 90_00, ClaimState.REDEEMED),
                (OrderState.REDEEMED, 200_00, ClaimState.AVAILABLE),
            }
            assert_order_adds_up(order)
            assert_invariants(claim.coupon)

    @pytest.mark.reliability(6)
    def test_editing_against_the_end_of_the_lock(self, meet: Meet) -> None:
        """Whoever comes first: an edit that renewed the lock is not undone by the job, nor by the next order."""
        product = factories.make_product()
        for number in range(PAIRS):
            claim = factories.make_claim()
            order = lock(claim.shopper, claim, items=[cart_item(product)])
            late = order.lock_expires_at
            edit = partial(order_edit, order=order, items=[cart_item(product)], claim_ids=[claim.public_id], now=late)
            again = partial(lock, claim.shopper, claim, items=[cart_item(product)], reference=f"B-{number}", now=late)
            edited, other, _released = meet(edit, again, partial(release_expired_locks, now=late))
            order.refresh_from_db()
            claim.refresh_from_db()
            if isinstance(edited, Order):
                assert (order.state, claim.order, tally([other])) == (OrderState.LOCKED, order, {"ClaimLocked": 1})
            else:
                assert (order.state, tally([edited])) == (OrderState.RELEASED, {"WrongOrderState": 1})
            assert_invariants(claim.coupon)

    @pytest.mark.reliability(10)
    def test_two_orders_that_want_each_others_claims_never_deadlock(self, meet: Meet) -> None:
        """Both locks are over, so that each edit may take what the other order forgot."""
        shopper, product = factories.make_shopper(), factories.make_product()
        for _number in range(PAIRS):
            claims = [factories.make_claim(shopper=shopper) for _ in range(2)]
            orders = [lock(shopper, claim, items=[cart_item(product)]) for claim in claims]
            late = orders[1].lock_expires_at
            edits = [
                partial(order_edit, order=order, items=[cart_item(product)], claim_ids=[claim.public_id], now=late)
                for order, claim in zip(orders, reversed(claims), strict=True)
            ]
            assert tally(meet(*edits)) == {"done": 1, "WrongOrderState": 1}

    @pytest.mark.reliability(10)
    def test_taking_the_claims_of_an_order_that_is_being_settled_never_deadlocks(self, meet: Meet) -> None:
        shopper, product = factories.make_shopper(), factories.make_product()
        for number in range(PAIRS):
            claims = [factories.make_claim(shopper=shopper) for _ in range(4)]
            order = lock(shopper, *claims, items=[cart_item(product)])
            again = partial(lock, shopper, *reversed(claims), items=[cart_item(product)], reference=f"B-{number}")
            settle = order_release if number % 2 else order_redeem
            results = meet(again, partial(settle, order=order, now=NOW))
            assert set(tally(results)) <= {"done", "ClaimLocked", "AlreadyRedeemed"}
