"""Walks over claiming, stock that comes and goes, its policy, and those who wait for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from coupons.enums import ClaimChannel
from coupons.models import Claim, ReleaseBatch
from coupons.services.claims import claim_create
from coupons.services.publishing import coupon_end, coupon_pause, coupon_resume
from coupons.services.release_batches import release_batches_open_due
from coupons.services.stock import reserve_open, stock_top_up, stock_withdraw
from coupons.services.stock_policies import stock_policy_apply, stock_policy_stop
from coupons.services.waiting import waiting_grant_due, waiting_join, waiting_leave
from tests.coupons.life_cycle.machine import STEPS_OF_TIME, WHO, Machine
from tests.coupons.life_cycle.model import (
    LIMIT,
    LIMIT_A_DAY,
    LIMIT_ALL_A_DAY,
    LOW,
    VALID_FOR,
    ModelBatch,
    ModelClaim,
    ModelEntry,
    shop_day,
)

# A walk grows dull when everything has ended early.
ENDS_AFTER = 6
QUANTITY = st.integers(1, 3)


class StockLife(Machine):
    """Claims, stock and the waiting list."""

    @rule(who=WHO)
    def claim(self, who: int) -> None:
        made = self.attempt(
            partial(self.answer_to_a_claim, who),
            claim_create,
            shopper=self.shoppers[who],
            coupon=self.coupon,
            channel=ClaimChannel.WEB,
            now=self.now,
        )
        if made:
            mine = [entry for entry in self.stock.waiting if entry.shopper == who]
            for entry in mine:
                entry.state = "granted"
            self.note_claim(who, made)

    def note_claim(self, who: int, made: Claim) -> None:
        self.stock.remaining -= 1
        self.claims.append(made)
        self.known.append(ModelClaim(who, self.now, self.now + VALID_FOR))

    def answer_to_a_claim(self, who: int) -> str:
        answer = self.answer_of_the_stock(who, is_granted=False)
        # Whoever finds nothing opens what is due, and tries once more.
        if answer == "sold_out" and self.stock.open_due(self.now):
            answer = self.answer_of_the_stock(who, is_granted=False)
        return "limit_reached" if answer == "day_is_full" else answer

    def answer_of_the_stock(self, who: int, *, is_granted: bool) -> str:
        if self.status != "published":
            return self.status
        if not self.stock.remaining or (self.stock.waiting and not is_granted and not self.stock.beyond):
            return "sold_out"
        # What came as a gift counts against no limit.
        counted = [each for each in self.known if not each.hands]
        mine = [each for each in counted if each.shopper == who]
        today = [each for each in mine if shop_day(each.claimed_at) == shop_day(self.now)]
        if len(mine) >= LIMIT or len(today) >= LIMIT_A_DAY:
            return "limit_reached"
        all_today = [each for each in counted if shop_day(each.claimed_at) == shop_day(self.now)]
        return "day_is_full" if len(all_today) >= LIMIT_ALL_A_DAY else "ok"

    @rule(quantity=QUANTITY)
    def top_up(self, quantity: int) -> None:
        self.attempt("ok", stock_top_up, coupon=self.coupon, quantity=quantity, actor=None, now=self.now)
        self.stock.remaining += quantity

    @rule(quantity=QUANTITY)
    def withdraw(self, quantity: int) -> None:
        expected = "ok" if quantity <= self.stock.remaining else "stock_too_small"
        self.attempt(expected, stock_withdraw, coupon=self.coupon, quantity=quantity, actor=None, now=self.now)
        self.stock.remaining -= quantity if expected == "ok" else 0

    @rule(quantity=QUANTITY)
    def open_the_reserve(self, quantity: int) -> None:
        expected = "ok" if quantity <= self.stock.reserve else "stock_too_small"
        self.attempt(expected, reserve_open, coupon=self.coupon, quantity=quantity, actor=None, now=self.now)
        if expected == "ok":
            self.stock.reserve -= quantity
            self.stock.remaining += quantity

    # Batches

    @precondition(lambda self: len(self.stock.batches) < 3)
    @rule(quantity=QUANTITY, step=st.sampled_from(STEPS_OF_TIME))
    def plan_a_batch(self, quantity: int, step: timedelta) -> None:
        # No two open at the same moment.
        opens_at = self.now + step + timedelta(microseconds=len(self.stock.batches))
        ReleaseBatch.objects.create(coupon=self.coupon, quantity=quantity, opens_at=opens_at)
        self.stock.batches.append(ModelBatch(opens_at, quantity))

    @precondition(lambda self: self.stock.batches)
    @rule()
    def open_batches(self) -> None:
        opened = self.run_job(release_batches_open_due, now=self.now)
        expected = self.stock.open_due(self.now) if self.status == "published" else 0
        assert opened in (expected, None)

    # The stock's policy

    @precondition(lambda self: self.stock.policy)
    @rule()
    def watch_the_stock(self) -> None:
        told = self.attempt("ok", stock_policy_apply, coupon=self.coupon, now=self.now)
        assert (told is not None) == self._policy_applies()
        stopped = self.attempt("ok", stock_policy_stop, coupon=self.coupon, now=self.now)
        assert stopped == self._policy_stops()
        if stopped:
            self.status = "ended"

    def _policy_applies(self) -> bool:
        """Does what the policy asks for in the model; tells whether operators hear of it."""
        policy, stock = self.stock.policy, self.stock
        if policy is None or self.status != "published":
            return False
        crosses = stock.remaining < LOW and not policy.is_low
        if stock.remaining < LOW:
            if opened := min(policy.open_reserve, stock.reserve):
                stock.reserve -= opened
                stock.remaining += opened
            elif self._may_top_up() and shop_day(self.now) not in policy.topped_up:
                policy.topped_up.append(shop_day(self.now))
                stock.remaining += policy.top_up
        policy.is_low = stock.remaining < LOW
        return crosses

    def _may_top_up(self) -> bool:
        return bool(self.stock.policy and self.stock.policy.top_up) and self.spent < self.budget.cap

    def _policy_stops(self) -> bool:
        policy, stock = self.stock.policy, self.stock
        if policy is None or not policy.stops or self.status != "published" or stock.remaining:
            return False
        is_batch_to_come = any(not batch.is_open for batch in stock.batches)
        return not (is_batch_to_come or (policy.open_reserve and stock.reserve) or self._may_top_up())

    # The waiting list

    @rule(who=WHO)
    def join(self, who: int) -> None:
        expected = self._answer_to_joining(who)
        is_waiting = any(entry.shopper == who for entry in self.stock.waiting)
        self.attempt(expected, waiting_join, coupon=self.coupon, shopper=self.shoppers[who], now=self.now)
        if expected == "ok" and not is_waiting:
            self.stock.queue.append(ModelEntry(who))

    def _answer_to_joining(self, who: int) -> str:
        if any(entry.shopper == who for entry in self.stock.waiting):
            return "ok"
        if self.status != "published":
            return self.status
        if len([each for each in self.known if each.shopper == who and not each.hands]) >= LIMIT:
            return "limit_reached"
        return "not_sold_out" if self.stock.beyond else "ok"

    @precondition(lambda self: self.stock.waiting)
    @rule(who=WHO)
    def leave(self, who: int) -> None:
        mine = [entry for entry in self.stock.waiting if entry.shopper == who]
        left = self.attempt("ok", waiting_leave, coupon=self.coupon, shopper=self.shoppers[who], now=self.now)
        assert left == bool(mine)
        for entry in mine:
            entry.state = "left"

    @precondition(lambda self: self.stock.waiting)
    @rule()
    def grant_the_waiting(self) -> None:
        count = self.run_job(waiting_grant_due, now=self.now)
        before = len(self.known)
        while (state := self._grant_next()) is not None:
            self.stock.waiting[0].state = state
        assert count in (len(self.known) - before, None)
        self.claims += Claim.objects.filter(coupon=self.coupon).order_by("pk")[before:]

    def _grant_next(self) -> str | None:
        """Decides in the model about whoever waits first; None when nobody can be granted now."""
        if not self.stock.waiting:
            return None
        who, due = self.stock.waiting[0].shopper, []
        answer = self.answer_of_the_stock(who, is_granted=True)
        if answer == "sold_out" and (due := self.stock.due(self.now)):
            self.stock.open_due(self.now)
            answer = self.answer_of_the_stock(who, is_granted=True)
        if answer == "ok":
            self.stock.remaining -= 1
            self.known.append(ModelClaim(who, self.now, self.now + VALID_FOR))
            return "granted"
        # A refusal takes the opening of batches back with it; whoever comes next does it again.
        for batch in due:
            batch.is_open = False
            self.stock.remaining -= batch.quantity
        return "skipped" if answer in ("ended", "limit_reached") else None

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
