"""Walks over orders: placed, edited, paid, released, and given back in parts or as a whole."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from coupons.services.orders import order_edit, order_lock, order_redeem, order_refund, order_release
from tests import factories
from tests.coupons.life_cycle.machine import Machine
from tests.coupons.life_cycle.model import AMOUNT_OFF, GRACE, LOCK_LASTS, SHOPPERS, ModelOrder

UNITS = st.integers(1, 2)


class OrderLife(Machine):
    """Orders with a claim or without."""

    @property
    def can_pay(self) -> bool:
        """Whether the budget can pay the coupon once more."""
        return self.spent + AMOUNT_OFF <= self.budget.cap

    def _answer_on_an_order(self, index: int) -> str:
        answer = self.known[index].answer_on_an_order(self.now)
        return "budget_exhausted" if answer == "ok" and not self.can_pay else answer

    def _free(self, index: int) -> None:
        """Ends a lock of another order that has run out, as the next order does."""
        known = self.known[index]
        if known.is_overdue(self.now) and known.order is not None:
            self.known_orders[known.order].state = "released"

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), quantity=UNITS)
    def lock(self, data: st.DataObject, quantity: int) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.known[index]
        if self._lock(self._answer_on_an_order(index), known.shopper, index, quantity):
            self._free(index)
            known.put_on(len(self.orders) - 1, self.now + LOCK_LASTS)
            self.known_orders.append(ModelOrder(known.shopper, quantity, index, self.now + LOCK_LASTS))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), stranger=st.integers(1, SHOPPERS - 1))
    def lock_somebody_elses(self, data: st.DataObject, stranger: int) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        self._lock("not_found", (self.known[index].shopper + stranger) % SHOPPERS, index, 1)

    def _lock(self, expected: str, who: int, index: int, quantity: int) -> bool:
        order = self.attempt(
            expected,
            order_lock,
            shopper=self.shoppers[who],
            reference=f"order-{self.coupon.pk}-{len(self.orders)}",
            items=[factories.cart_item(self.product, quantity)],
            claim_ids=[self.claims[index].public_id],
            now=self.now,
        )
        if order is not None:
            self.orders.append(order)
        return order is not None

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), quantity=UNITS)
    def edit(self, data: st.DataObject, quantity: int) -> None:
        number = data.draw(st.integers(0, len(self.orders) - 1))
        order = self.known_orders[number]
        # Without a claim, with the one it has, or with any other.
        index = data.draw(st.sampled_from([None, order.claim, *range(len(self.claims))]))
        expected = self._answer_to_an_edit(order, index)
        self.attempt(
            expected,
            order_edit,
            order=self.orders[number],
            items=[factories.cart_item(self.product, quantity)],
            claim_ids=[] if index is None else [self.claims[index].public_id],
            now=self.now,
        )
        if expected != "ok":
            return
        if order.claim is not None and order.claim != index:
            self.known[order.claim].put_back()
        if index is not None:
            if index != order.claim:
                self._free(index)
            self.known[index].put_on(number, self.now + LOCK_LASTS)
        order.claim, order.quantity, order.locked_until = index, quantity, self.now + LOCK_LASTS

    def _answer_to_an_edit(self, order: ModelOrder, index: int | None) -> str:
        if order.state != "locked":
            return "wrong_order_state"
        if index is None:
            return "ok"
        if self.known[index].shopper != order.shopper:
            return "not_found"
        # What an order holds does not expire there.
        if index == order.claim:
            return "ok" if self.can_pay else "budget_exhausted"
        return self._answer_on_an_order(index)

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def redeem(self, data: st.DataObject) -> None:
        number, order = self._any_order(data)
        expected = "ok" if order.state == "locked" else "wrong_order_state"
        if expected == "ok" and order.claim is not None and not self.can_pay:
            expected = "budget_exhausted"
        self.attempt(expected, order_redeem, order=self.orders[number], now=self.now)
        if expected != "ok":
            return
        order.state = "redeemed"
        if order.claim is not None:
            order.used = True
            self.known[order.claim].state, self.known[order.claim].locked_until = "redeemed", None

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        number, order = self._any_order(data)
        expected = "ok" if order.state == "locked" else "wrong_order_state"
        self.attempt(expected, order_release, order=self.orders[number], now=self.now)
        if expected == "ok":
            order.state = "released"
            if order.claim is not None:
                self.known[order.claim].put_back()

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), units=st.none() | UNITS)
    def refund(self, data: st.DataObject, units: int | None) -> None:
        number, order = self._any_order(data)
        expected = "ok" if order.state == "redeemed" else "wrong_order_state"
        if expected == "ok" and units is not None and units > order.left:
            expected = "too_many_returned"
        lines = None if units is None else [(1, units)]
        self.attempt(expected, order_refund, order=self.orders[number], lines=lines, now=self.now)
        if expected != "ok":
            return
        order.returned += order.left if units is None else units
        if order.left:
            return
        order.state = "refunded"
        if order.claim is not None:
            known = self.known[order.claim]
            known.put_back()
            if known.expires_at <= self.now:
                known.expires_at = self.now + GRACE

    def _any_order(self, data: st.DataObject) -> tuple[int, ModelOrder]:
        number = data.draw(st.integers(0, len(self.orders) - 1))
        return number, self.known_orders[number]
