"""The life of claims as a machine: random walks over every service, beside a model in plain Python.

`HYPOTHESIS_PROFILE=fuzz` walks longer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from config.kernel.errors import DomainError
from coupons.enums import ClaimChannel
from coupons.models import Claim, Order
from coupons.services.claim_states import claim_extend, claim_revoke
from coupons.services.claims import claim_create
from coupons.services.expiry import expire_claims, release_expired_locks
from coupons.services.orders import order_lock, order_redeem, order_refund, order_release
from coupons.services.publishing import coupon_pause, coupon_resume
from coupons.services.stock import reserve_open, stock_top_up, stock_withdraw
from tests import factories
from tests.factories import NOW
from tests.invariants import assert_invariants

LIMIT = 2
VALID_FOR = timedelta(days=3)
LOCK_LASTS = timedelta(minutes=30)
GRACE = timedelta(days=7)


@dataclass
class ModelClaim:
    """What the model knows of a claim."""

    shopper: int
    expires_at: datetime
    state: str = "available"
    order: int | None = None
    locked_until: datetime | None = None


class ClaimLife(RuleBasedStateMachine):
    """Every rule asks the platform, asks the model, and compares their answers."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.now = NOW
        self.marketer = factories.make_marketer()
        self.shoppers = [factories.make_shopper() for _ in range(3)]
        self.product = factories.make_product()
        self.model: list[ModelClaim] = []
        self.claims: list[Claim] = []
        self.orders: dict[int, Order] = {}
        self.paused = False

    @initialize(stock=st.integers(0, 4), reserve=st.integers(0, 3), buckets=st.sampled_from([1, 3]))
    def open_a_coupon(self, stock: int, reserve: int, buckets: int) -> None:
        self.coupon = factories.make_coupon(
            stock=stock, reserve=reserve, bucket_count=buckets, limit_per_shopper=LIMIT, usable_days=VALID_FOR.days
        )
        self.remaining, self.reserve = stock, reserve

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.outer.__exit__(None, None, None)

    def attempt(self, expected: str, service: Any, **arguments: Any) -> Any:
        """Calls a service in a savepoint; its answer (`ok` or the error's code) must be the model's."""
        try:
            with transaction.atomic():
                result, answer = service(**arguments), "ok"
        except DomainError as error:
            result, answer = None, error.code
        assert answer == expected, f"{service.__name__}: {answer}, the model says {expected}"
        return result

    # Claiming and stock

    @rule(who=st.integers(0, 2))
    def claim(self, who: int) -> None:
        if self.paused:
            expected = "paused"
        elif not self.remaining:
            expected = "sold_out"
        elif sum(each.shopper == who for each in self.model) >= LIMIT:
            expected = "limit_reached"
        else:
            expected = "ok"
        made = self.attempt(
            expected,
            claim_create,
            shopper=self.shoppers[who],
            coupon=self.coupon,
            channel=ClaimChannel.WEB,
            now=self.now,
        )
        if made:
            self.remaining -= 1
            self.claims.append(made)
            self.model.append(ModelClaim(who, self.now + VALID_FOR))

    @rule(quantity=st.integers(1, 3))
    def top_up(self, quantity: int) -> None:
        self.attempt("ok", stock_top_up, coupon=self.coupon, quantity=quantity, actor=None, now=self.now)
        self.remaining += quantity

    @rule(quantity=st.integers(1, 3))
    def withdraw(self, quantity: int) -> None:
        expected = "ok" if quantity <= self.remaining else "stock_too_small"
        self.attempt(expected, stock_withdraw, coupon=self.coupon, quantity=quantity, actor=None, now=self.now)
        self.remaining -= quantity if expected == "ok" else 0

    @rule(quantity=st.integers(1, 3))
    def open_the_reserve(self, quantity: int) -> None:
        expected = "ok" if quantity <= self.reserve else "stock_too_small"
        self.attempt(expected, reserve_open, coupon=self.coupon, quantity=quantity, actor=None, now=self.now)
        if expected == "ok":
            self.reserve -= quantity
            self.remaining += quantity

    @rule()
    def pause_or_resume(self) -> None:
        decision = coupon_resume if self.paused else coupon_pause
        self.attempt("ok", decision, coupon=self.coupon, actor=self.marketer, now=self.now)
        self.paused = not self.paused

    # Orders

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def lock(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.model[index]
        # The next order releases a lock that has run out.
        if known.state == "locked" and known.locked_until <= self.now:
            self._release_in_model(known)
        if known.state == "available":
            expected = "ok" if self.now < known.expires_at else "coupon_refused"
        else:
            expected = {"locked": "claim_locked", "redeemed": "already_redeemed"}.get(known.state, "claim_not_usable")
        number = len(self.orders)
        order = self.attempt(
            expected,
            order_lock,
            shopper=self.shoppers[known.shopper],
            reference=f"order-{self.coupon.pk}-{number}",
            items=[factories.cart_item(self.product)],
            claim_ids=[self.claims[index].public_id],
            now=self.now,
        )
        if order:
            self.orders[number] = order
            known.state, known.order, known.locked_until = "locked", number, self.now + LOCK_LASTS
        else:
            # A refused order leaves nothing behind, not even the release of a lock.
            self._reread(known, index)

    def _release_in_model(self, known: ModelClaim) -> None:
        known.state, known.order, known.locked_until = "available", None, None

    def _reread(self, known: ModelClaim, index: int) -> None:
        claim = Claim.objects.select_related("order").get(pk=self.claims[index].pk)
        if claim.state == "locked" and known.state == "available":
            number = next(key for key, order in self.orders.items() if order.pk == claim.order_id)
            known.state, known.order, known.locked_until = "locked", number, claim.order.lock_expires_at

    def _order_states(self) -> dict[int, str]:
        return dict(Order.objects.filter(pk__in=[o.pk for o in self.orders.values()]).values_list("pk", "state"))

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), verb=st.sampled_from(["redeem", "release", "refund"]))
    def settle(self, data: st.DataObject, verb: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.orders)))
        known = next((each for each in self.model if each.order == number), None)
        needed = "redeemed" if verb == "refund" else "locked"
        expected = "ok" if known and known.state == needed else "wrong_order_state"
        service = {"redeem": order_redeem, "release": order_release, "refund": order_refund}[verb]
        self.attempt(expected, service, order=self.orders[number], now=self.now)
        if expected != "ok":
            return
        if verb == "redeem":
            known.state, known.locked_until = "redeemed", None
        else:
            self._release_in_model(known)
            if verb == "refund" and known.expires_at <= self.now:
                known.expires_at = self.now + GRACE

    # Time and operators

    @rule(step=st.sampled_from([timedelta(minutes=10), timedelta(minutes=31), timedelta(days=1), timedelta(days=3)]))
    def time_passes(self, step: timedelta) -> None:
        self.now += step

    @rule()
    def jobs_run(self) -> None:
        overdue = [each for each in self.model if each.state == "locked" and each.locked_until <= self.now]
        assert release_expired_locks(now=self.now) == len(overdue)
        for each in overdue:
            self._release_in_model(each)
        late = [each for each in self.model if each.state == "available" and each.expires_at <= self.now]
        assert expire_claims(now=self.now, batch_size=2) == len(late)
        for each in late:
            each.state = "expired"

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.model[index]
        codes = {"available": "ok", "locked": "claim_locked", "redeemed": "already_redeemed"}
        expected = codes.get(known.state, "claim_not_usable")
        claim = Claim.objects.get(pk=self.claims[index].pk)
        self.attempt(expected, claim_revoke, claim=claim, actor=self.marketer, reason="walk", now=self.now)
        if expected == "ok":
            known.state = "revoked"

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), days=st.integers(1, 9))
    def extend(self, data: st.DataObject, days: int) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.model[index]
        until = self.now + timedelta(days=days)
        if until <= known.expires_at:
            expected = "claim_not_usable"
        else:
            codes = {"available": "ok", "expired": "ok", "locked": "claim_locked", "redeemed": "already_redeemed"}
            expected = codes.get(known.state, "claim_not_usable")
        claim = Claim.objects.get(pk=self.claims[index].pk)
        self.attempt(expected, claim_extend, claim=claim, until=until, actor=self.marketer, now=self.now)
        if expected == "ok":
            known.state, known.expires_at = "available", until

    @invariant()
    def the_platform_is_where_the_model_is(self) -> None:
        if not hasattr(self, "coupon"):
            return
        rows = Claim.objects.filter(coupon=self.coupon).order_by("pk").values_list("state", "expires_at")
        assert list(rows) == [(each.state, each.expires_at) for each in self.model]
        assert self.coupon.stock.remaining() == self.remaining
        assert_invariants(self.coupon)


@pytest.mark.django_db
@pytest.mark.reliability(30)
def test_no_walk_leads_the_platform_away_from_its_model() -> None:
    is_fuzzing = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
    run_state_machine_as_test(
        ClaimLife,
        settings=settings(
            max_examples=2000 if is_fuzzing else 25,
            stateful_step_count=40 if is_fuzzing else 25,
            derandomize=not is_fuzzing,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
