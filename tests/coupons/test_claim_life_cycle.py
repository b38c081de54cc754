"""The life of claims as a machine: random walks over every service, beside a model in plain Python.

`HYPOTHESIS_PROFILE=fuzz` walks longer.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
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
from coupons.models import Claim, Gift, Order
from coupons.services.claim_states import claim_extend, claim_revoke
from coupons.services.claims import claim_create
from coupons.services.expiry import expire_claims, release_expired_locks
from coupons.services.gifts import expire_gifts, gift_accept, gift_cancel, gift_offer, gift_token
from coupons.services.orders import order_lock, order_redeem, order_refund, order_release
from coupons.services.publishing import coupon_end, coupon_pause, coupon_resume
from coupons.services.stock import reserve_open, stock_top_up, stock_withdraw
from tests import factories
from tests.factories import NOW
from tests.invariants import assert_invariants

SHOPPERS = 3
LIMIT, LIMIT_A_DAY = 4, 2
VALID_FOR = timedelta(days=3)
LOCK_LASTS = timedelta(minutes=30)
GRACE = timedelta(days=7)
GIFT_LASTS = timedelta(days=3)
GIFTS_A_DAY, HANDS = 2, 2
# A walk grows dull when everything has ended early.
ENDS_AFTER = 6

NOT_AVAILABLE = {"locked": "claim_locked", "redeemed": "already_redeemed"}
STEPS_OF_TIME = [timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=13), timedelta(days=3)]


def shop_day(moment: datetime) -> date:
    """The calendar day in Shanghai, worked out without the code under test."""
    return (moment + timedelta(hours=8)).date()


@dataclass
class ModelClaim:
    """What the model knows of a claim."""

    shopper: int
    claimed_at: datetime
    expires_at: datetime
    state: str = "available"
    order: int | None = None
    locked_until: datetime | None = None
    offered_until: datetime | None = None
    hands: int = 0

    def put_back(self) -> None:
        self.state, self.order, self.locked_until = "available", None, None

    def is_overdue(self, now: datetime) -> bool:
        return self.state == "locked" and self.locked_until is not None and self.locked_until <= now

    def is_unaccepted(self, now: datetime) -> bool:
        return self.state == "gifting" and self.offered_until is not None and self.offered_until <= now

    def come_back(self, now: datetime) -> None:
        """Returns from an offer that nobody accepted."""
        self.state = "available" if self.expires_at > now else "expired"

    def refusal(self) -> str:
        """The code with which the platform refuses what only an available claim may do; `ok` for such a one."""
        return "ok" if self.state == "available" else NOT_AVAILABLE.get(self.state, "claim_not_usable")


class ClaimLife(RuleBasedStateMachine):
    """Every rule asks the platform, asks the model, and compares their answers."""

    def __init__(self) -> None:
        super().__init__()
        self.walk = transaction.atomic()
        self.walk.__enter__()
        self.now = NOW
        self.marketer = factories.make_marketer()
        self.shoppers = [factories.make_shopper() for _ in range(SHOPPERS)]
        self.product = factories.make_product()
        self.model: list[ModelClaim] = []
        self.claims: list[Claim] = []
        self.orders: list[Order] = []
        # By claim: its last gift. And who offered when.
        self.gifts: dict[int, Gift] = {}
        self.offers: list[tuple[int, datetime]] = []
        self.status = "published"

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.walk.__exit__(None, None, None)

    def attempt(self, expected: str, service: Callable[..., Any], **arguments: Any) -> Any:
        """Calls a service in a savepoint; its answer (`ok` or the error's code) must be the model's."""
        try:
            with transaction.atomic():
                result, answer = service(**arguments), "ok"
        except DomainError as error:
            result, answer = None, error.code
        assert answer == expected, f"{service.__name__}: {answer}, the model says {expected}"
        return result

    @initialize(
        stock=st.integers(1, 6),
        reserve=st.integers(0, 3),
        buckets=st.sampled_from([1, 3]),
        first_claims=st.lists(st.integers(0, SHOPPERS - 1), max_size=3),
    )
    def open_a_coupon(self, stock: int, reserve: int, buckets: int, first_claims: list[int]) -> None:
        self.coupon = factories.make_coupon(
            stock=stock,
            reserve=reserve,
            bucket_count=buckets,
            limit_per_shopper=LIMIT,
            limit_per_shopper_per_day=LIMIT_A_DAY,
            usable_days=VALID_FOR.days,
        )
        self.remaining, self.reserve = stock, reserve
        for who in first_claims:
            self.claim(who)

    # Claiming and stock

    @rule(who=st.integers(0, SHOPPERS - 1))
    def claim(self, who: int) -> None:
        expected = self._answer_to_a_claim(who)
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
            self.model.append(ModelClaim(who, self.now, self.now + VALID_FOR))

    def _answer_to_a_claim(self, who: int) -> str:
        if self.status != "published":
            return self.status
        if not self.remaining:
            return "sold_out"
        mine = [each for each in self.model if each.shopper == who and not each.hands]
        today = [each for each in mine if shop_day(each.claimed_at) == shop_day(self.now)]
        return "limit_reached" if len(mine) >= LIMIT or len(today) >= LIMIT_A_DAY else "ok"

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

    # The marketer's decisions

    @rule(decision=st.sampled_from([coupon_pause, coupon_resume]))
    def pause_or_resume(self, decision: Callable[..., Any]) -> None:
        before, after = ("published", "paused") if decision is coupon_pause else ("paused", "published")
        expected = "ok" if self.status == before else "wrong_coupon_state"
        self.attempt(expected, decision, coupon=self.coupon, actor=self.marketer, now=self.now)
        if expected == "ok":
            self.status = after

    @precondition(lambda self: len(self.claims) >= ENDS_AFTER)
    @rule()
    def end(self) -> None:
        expected = "wrong_coupon_state" if self.status == "ended" else "ok"
        self.attempt(expected, coupon_end, coupon=self.coupon, actor=self.marketer, now=self.now)
        self.status = "ended"

    # Orders

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def lock(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.model[index]
        # The next order ends a lock or an offer that has run out; when it is refused itself, nothing changed.
        expected = "ok" if known.is_overdue(self.now) or known.is_unaccepted(self.now) else known.refusal()
        if expected == "ok" and self.now >= known.expires_at:
            expected = "claim_not_usable" if known.is_unaccepted(self.now) else "coupon_refused"
        order = self._lock(expected, known.shopper, index)
        if order:
            known.state, known.order, known.locked_until = "locked", len(self.orders), self.now + LOCK_LASTS
            self.orders.append(order)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), stranger=st.integers(1, SHOPPERS - 1))
    def lock_somebody_elses(self, data: st.DataObject, stranger: int) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        self._lock("not_found", (self.model[index].shopper + stranger) % SHOPPERS, index)

    def _lock(self, expected: str, who: int, index: int) -> Order | None:
        return self.attempt(
            expected,
            order_lock,
            shopper=self.shoppers[who],
            reference=f"order-{self.coupon.pk}-{len(self.orders)}",
            items=[factories.cart_item(self.product)],
            claim_ids=[self.claims[index].public_id],
            now=self.now,
        )

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), verb=st.sampled_from(["redeem", "release", "refund"]))
    def settle(self, data: st.DataObject, verb: str) -> None:
        number = data.draw(st.integers(0, len(self.orders) - 1))
        known = next((each for each in self.model if each.order == number), None)
        needed = "redeemed" if verb == "refund" else "locked"
        service = {"redeem": order_redeem, "release": order_release, "refund": order_refund}[verb]
        if known is None or known.state != needed:
            self.attempt("wrong_order_state", service, order=self.orders[number], now=self.now)
            return
        self.attempt("ok", service, order=self.orders[number], now=self.now)
        if verb == "redeem":
            known.state, known.locked_until = "redeemed", None
            return
        known.put_back()
        if verb == "refund" and known.expires_at <= self.now:
            known.expires_at = self.now + GRACE

    # Gifts

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def offer(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.model[index]
        gift = self.attempt(
            self._answer_to_an_offer(known),
            gift_offer,
            claim=self.claims[index],
            giver=self.shoppers[known.shopper],
            message="",
            now=self.now,
        )
        if gift:
            known.state, known.offered_until = "gifting", min(self.now + GIFT_LASTS, known.expires_at)
            self.gifts[index] = gift
            self.offers.append((known.shopper, self.now))

    def _answer_to_an_offer(self, known: ModelClaim) -> str:
        # Where an offer has ended, the next one gives the claim back first.
        if known.state != "available" and not known.is_unaccepted(self.now):
            return known.refusal()
        if known.expires_at <= self.now:
            return "claim_not_usable"
        if known.hands >= HANDS:
            return "gift_refused"
        today = [who for who, at in self.offers if who == known.shopper and shop_day(at) == shop_day(self.now)]
        return "gift_limit_reached" if len(today) >= GIFTS_A_DAY else "ok"

    @precondition(lambda self: self.gifts)
    @rule(data=st.data(), who=st.integers(0, SHOPPERS - 1))
    def accept(self, data: st.DataObject, who: int) -> None:
        index = data.draw(st.sampled_from(sorted(self.gifts)))
        known = self.model[index]
        expected = "gift_refused" if who == known.shopper else "ok"
        if known.state != "gifting" or known.is_unaccepted(self.now):
            expected = "gift_invalid"
        token = gift_token(gift_id=self.gifts[index].public_id)
        gift = self.attempt(expected, gift_accept, token=token, recipient=self.shoppers[who], now=self.now)
        if gift:
            known.state = "gifted"
            self.claims.append(gift.received)
            self.model.append(ModelClaim(who, self.now, known.expires_at, hands=known.hands + 1))

    @precondition(lambda self: self.gifts)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(sorted(self.gifts)))
        known = self.model[index]
        expected = "ok" if known.state == "gifting" else "gift_closed"
        giver = self.shoppers[known.shopper]
        self.attempt(expected, gift_cancel, gift=self.gifts[index], giver=giver, now=self.now)
        if expected == "ok":
            known.come_back(self.now)

    # Time and operators

    @rule(step=st.sampled_from(STEPS_OF_TIME))
    def time_passes(self, step: timedelta) -> None:
        self.now += step

    @rule()
    def jobs_run(self) -> None:
        unaccepted = [each for each in self.model if each.is_unaccepted(self.now)]
        assert expire_gifts(now=self.now, batch_size=2) == len(unaccepted)
        for each in unaccepted:
            each.come_back(self.now)
        overdue = [each for each in self.model if each.is_overdue(self.now)]
        assert release_expired_locks(now=self.now) == len(overdue)
        for each in overdue:
            each.put_back()
        late = [each for each in self.model if each.state == "available" and each.expires_at <= self.now]
        assert expire_claims(now=self.now, batch_size=2) == len(late)
        for each in late:
            each.state = "expired"

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.model[index]
        claim = Claim.objects.get(pk=self.claims[index].pk)
        expected = known.refusal()
        self.attempt(expected, claim_revoke, claim=claim, actor=self.marketer, reason="walk", now=self.now)
        if expected == "ok":
            known.state = "revoked"

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), days=st.integers(1, 9))
    def extend(self, data: st.DataObject, days: int) -> None:
        index = data.draw(st.integers(0, len(self.claims) - 1))
        known = self.model[index]
        until = self.now + timedelta(days=days)
        expected = "ok" if known.state == "expired" else known.refusal()
        if until <= known.expires_at:
            expected = "claim_not_usable"
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
@override_settings(GIFTS_PER_DAY=GIFTS_A_DAY, GIFT_CHAIN_DEPTH=HANDS, GIFT_LASTS=GIFT_LASTS)
def test_no_walk_leads_the_platform_away_from_its_model() -> None:
    is_fuzzing = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
    run_state_machine_as_test(
        ClaimLife,
        settings=settings(
            max_examples=2000 if is_fuzzing else 35,
            stateful_step_count=50 if is_fuzzing else 30,
            # The same walks every time in the test run; new ones every time when fuzzing.
            derandomize=not is_fuzzing,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
