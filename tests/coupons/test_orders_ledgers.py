"""Money in random order: refunds never exceed what was paid, and no budget ever drifts by a cent.

`HYPOTHESIS_PROFILE=fuzz` goes further.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.test.utils import override_settings
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from config.kernel.errors import DomainError
from coupons.enums import OrderState
from coupons.models import Budget, Order
from coupons.services.orders import order_edit, order_redeem, order_refund, order_release
from tests import factories
from tests.coupons.orders import lock, make_promotion
from tests.factories import NOW
from tests.invariants import assert_budget_holds, assert_order_adds_up
from users.models import User

IS_FUZZING = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
OPERATIONS = 10_000 if IS_FUZZING else 400

pytestmark = pytest.mark.django_db

# Few, so that most walks are about coupons that apply; the odd ones make halves of cents.
prices = st.sampled_from([1, 7, 99, 3_33, 10_00, 19_99, 45_00, 150_00])
policies = st.sampled_from(["prorata", "recalculate"])
minimums = st.sampled_from([0, 1_00, 10_00, 40_00])


@st.composite
def coupon_terms(draw: st.DrawFn) -> dict[str, Any]:
    """The terms of a coupon of some kind, with some policy."""
    kind = draw(
        st.sampled_from(["amount_off", "percent_off", "every_amount_off", "buy_x_get_y", "shipping_off", "cash"])
    )
    figures: dict[str, Any] = {
        "amount_off": {"amount_off": draw(prices)},
        "percent_off": {"percent_off": draw(st.sampled_from([1, 10, 33, 50, 100]))},
        "every_amount_off": {"every_amount": draw(prices) + 1, "amount_off": 1},
        "buy_x_get_y": {"buy_quantity": draw(st.integers(1, 2)), "get_quantity": 1},
        "shipping_off": {},
        "cash": {"amount_off": draw(prices)},
    }[kind]
    return {
        "benefit_type": kind,
        "refund_policy": draw(policies),
        "minimum_spend": draw(minimums),
        "priority": draw(st.integers(0, 2)),
        **figures,
    }


@contextmanager
def undone() -> Iterator[None]:
    """Runs one example and takes back what it wrote."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def shop_with(data: st.DataObject, budget: Budget) -> Order:
    """A paid order of random lines with those of up to three random coupons that apply."""
    shopper = factories.make_shopper()
    items = [
        factories.cart_item(factories.make_product(price=price, tax_rate=rate), quantity)
        for price, quantity, rate in data.draw(
            st.lists(st.tuples(prices, st.integers(1, 5), st.sampled_from([0, 6, 20])), min_size=1, max_size=4)
        )
    ]
    claims = []
    for terms in data.draw(st.lists(coupon_terms(), min_size=1, max_size=3)):
        if data.draw(st.integers(0, 4)) == 0:
            make_promotion(**terms).budgets.add(budget)
        else:
            claims.append(factories.make_claim(shopper=shopper, **terms))
            claims[-1].coupon.budgets.add(budget)
    shipping = data.draw(st.integers(0, 12_00))
    while True:
        try:
            return order_redeem(order=lock(shopper, *claims, items=items, shipping=shipping), now=NOW)
        except DomainError as refusal:
            claims = [claim for claim in claims if str(claim.public_id) != refusal.data["claim"]]


@pytest.mark.reliability(33)
@settings(
    max_examples=3000 if IS_FUZZING else 40,
    deadline=None,
    derandomize=not IS_FUZZING,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data(), includes_tax=st.booleans())
def test_refunds_in_any_order_never_exceed_and_in_the_end_equal_what_was_paid(
    data: st.DataObject, includes_tax: bool
) -> None:
    with undone(), override_settings(SHOP_PRICES_INCLUDE_TAX=includes_tax):
        budget = factories.make_budget(cap=10**9)
        order = shop_with(data, budget)
        policies_on = {each.coupon.refund_policy for each in order.redemptions.select_related("coupon")}
        event(" and ".join(sorted(policies_on)) or "no coupon")
        left = {line.number: line.quantity for line in order.lines.all()}
        while left:
            number = data.draw(st.sampled_from(sorted(left)))
            quantity = data.draw(st.integers(1, left[number]))
            before = order.refunded
            order = order_refund(order=order, lines=[(number, quantity)], now=NOW)
            assert before <= order.refunded <= order.payable
            assert_order_adds_up(order)
            left[number] -= quantity
            left = {each: units for each, units in left.items() if units}
        assert (order.state, order.refunded) == (OrderState.REFUNDED, order.payable)
        assert_budget_holds(budget)
        assert spent_of(budget) == 0


def spent_of(budget: Budget) -> int:
    budget.refresh_from_db()
    return budget.spent


class Till:
    """A till that does something random again and again: places, edits, pays, releases, refunds."""

    def __init__(self, shopper: User, rng: random.Random) -> None:
        self.shopper, self.rng = shopper, rng
        self.budgets = [factories.make_budget(cap=300_00), factories.make_budget(cap=120_00)]
        self.coupons = [
            factories.make_coupon(limit_per_shopper=OPERATIONS, stock=None, amount_off=7_77),
            factories.make_coupon(
                limit_per_shopper=OPERATIONS,
                stock=None,
                benefit_type="percent_off",
                percent_off=13,
                refund_policy="recalculate",
                minimum_spend=20_00,
            ),
        ]
        self.coupons[0].budgets.set(self.budgets)
        self.coupons[1].budgets.set(self.budgets[:1])
        make_promotion(amount_off=1_01, minimum_spend=40_00).budgets.set(self.budgets[1:])
        self.products = [factories.make_product(price=price) for price in (3_33, 19_99, 45_00)]
        self.orders: list[Order] = []
        self.refusals = 0

    def step(self) -> None:
        """Does one thing; a refusal is an answer too."""
        verb = self.rng.choice(
            [
                self.place,
                self.place,
                self.pay,
                self.pay,
                self.pay,
                self.change,
                self.release,
                self.refund_some,
                self.refund_some,
                self.refund_all,
            ]
        )
        try:
            verb()
        except DomainError:
            self.refusals += 1

    def place(self) -> None:
        claims = [factories.make_claim(shopper=self.shopper, coupon=coupon) for coupon in self._some(self.coupons)]
        self.orders.append(lock(self.shopper, *claims, items=self._items(), reference=f"T-{self.rng.random()}"))

    def change(self) -> None:
        order = self._any(OrderState.LOCKED)
        held = [claim.public_id for claim in self._some(list(order.claims.all()))]
        order_edit(order=order, items=self._items(), claim_ids=held, now=NOW)

    def pay(self) -> None:
        order_redeem(order=self._any(OrderState.LOCKED), now=NOW)

    def release(self) -> None:
        order_release(order=self._any(OrderState.LOCKED), now=NOW)

    def refund_some(self) -> None:
        order = self._any(OrderState.REDEEMED)
        lines = [(line.number, line.quantity - line.returned) for line in order.lines.all()]
        number, units = self.rng.choice([(number, units) for number, units in lines if units])
        order_refund(order=order, lines=[(number, self.rng.randint(1, units))], now=NOW)

    def refund_all(self) -> None:
        order_refund(order=self._any(OrderState.REDEEMED), now=NOW)

    def _items(self) -> list[Any]:
        return [
            factories.cart_item(each, self.rng.randint(1, 4)) for each in self._some(self.products) or self.products
        ]

    def _some(self, things: list[Any]) -> list[Any]:
        return [thing for thing in things if self.rng.random() < 0.6]

    def _any(self, state: OrderState) -> Order:
        pks = list(Order.objects.filter(state=state).values_list("pk", flat=True))
        if not pks:
            raise DomainError
        return Order.objects.get(pk=self.rng.choice(pks))


@pytest.mark.reliability(35)
def test_no_budget_drifts_however_orders_come_and_go(shopper: User) -> None:
    till = Till(shopper, random.Random(35))
    for number in range(OPERATIONS):
        till.step()
        if number % 50 == 0:
            for budget in till.budgets:
                assert_budget_holds(budget)
    for order in Order.objects.all():
        assert_order_adds_up(order)
    for order in Order.objects.filter(state=OrderState.REDEEMED):
        order_refund(order=order, now=NOW)
    for budget in till.budgets:
        assert_budget_holds(budget)
        assert spent_of(budget) == 0
    assert Order.objects.filter(state=OrderState.REFUNDED).count() > OPERATIONS / 20
    assert till.refusals < OPERATIONS * 0.8
