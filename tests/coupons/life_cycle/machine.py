"""The ground of the walks: one shop, its model, and how an answer of the platform is compared with the model's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from config.kernel.errors import DomainError
from coupons.models import Claim, Gift, Order, ReleaseBatch, Stock, StockPolicy, WaitingEntry
from tests import factories
from tests.coupons.life_cycle.model import (
    LIMIT,
    LIMIT_A_DAY,
    LIMIT_ALL_A_DAY,
    LOW,
    PRICE,
    SHOPPERS,
    VALID_FOR,
    ModelClaim,
    ModelOrder,
    ModelPolicy,
    ModelStock,
)
from tests.crashes import Crash, crash_at
from tests.factories import NOW
from tests.invariants import assert_budget_holds, assert_invariants, assert_order_adds_up

STEPS_OF_TIME = [timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=13), timedelta(days=3)]
# Most services take fewer statements than this.
FURTHEST_CRASH = 30

WHO = st.integers(0, SHOPPERS - 1)
POLICIES = st.none() | st.builds(
    ModelPolicy,
    open_reserve=st.integers(0, 2),
    top_up=st.sampled_from([0, 0, 1, 2]),
    stops=st.sampled_from([False, False, False, True]),
)


class Machine(RuleBasedStateMachine):
    """Every rule asks the platform, asks the model, and compares their answers."""

    # Of all walks of a run, for the table of figures.
    steps = 0
    crashes = 0

    def __init__(self) -> None:
        super().__init__()
        self.walk = transaction.atomic()
        self.walk.__enter__()
        self.now = NOW
        self.marketer = factories.make_marketer()
        self.shoppers = [factories.make_shopper() for _ in range(SHOPPERS)]
        self.product = factories.make_product(price=PRICE)
        self.status = "published"
        # By their number: what the platform has, and what the model knows of it.
        self.claims: list[Claim] = []
        self.known: list[ModelClaim] = []
        self.orders: list[Order] = []
        self.known_orders: list[ModelOrder] = []
        # By claim: its last gift. And who offered when.
        self.gifts: dict[int, Gift] = {}
        self.offers: list[tuple[int, datetime]] = []
        self.crash_point: int | None = None

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.walk.__exit__(None, None, None)

    @initialize(
        stock=st.integers(1, 6),
        reserve=st.integers(0, 3),
        buckets=st.sampled_from([1, 3]),
        policy=POLICIES,
        cap=st.sampled_from([1_000_00, 25_00]),
    )
    def open_a_coupon(self, stock: int, reserve: int, buckets: int, policy: ModelPolicy | None, cap: int) -> None:
        self.coupon = factories.make_coupon(
            stock=stock,
            reserve=reserve,
            bucket_count=buckets,
            limit_per_shopper=LIMIT,
            limit_per_shopper_per_day=LIMIT_A_DAY,
            limit_per_day=LIMIT_ALL_A_DAY,
            usable_days=VALID_FOR.days,
        )
        self.budget = factories.make_budget(cap=cap)
        self.coupon.budgets.add(self.budget)
        self.stock = ModelStock(remaining=stock, reserve=reserve, policy=policy)
        if policy is not None:
            StockPolicy.objects.create(
                coupon=self.coupon,
                low_below=LOW,
                open_reserve=policy.open_reserve,
                top_up=policy.top_up,
                top_ups_a_day=int(policy.top_up > 0),
                stop_when_sold_out=policy.stops,
            )

    def attempt(self, expected: str | Callable[[], str], service: Callable[..., Any], **arguments: Any) -> Any:
        """Calls a service; its answer (`ok` or the error's code) must be the model's.

        When a crash is ahead, the service dies first: nothing must have changed, and the retry is as good as the call.

        Args:
            expected: worked out when it is a function, after a crash that changed nothing.
        """
        outcome = self.until_it_dies(service, arguments)
        if outcome is None:
            # The one thing that a claim does beside itself.
            if ReleaseBatch.objects.filter(coupon=self.coupon).exclude(opened_at=None).count() > self.opened_batches:
                self.stock.open_due(self.now)
            self.the_platform_is_where_the_model_is()
            outcome = self.outcome_of(service, arguments)
        result, answer = outcome
        wanted = expected if isinstance(expected, str) else expected()
        assert answer == wanted, f"{service.__name__}: {answer}, the model says {wanted}"
        return result

    def run_job(self, job: Callable[..., Any], **arguments: Any) -> Any:
        """Runs a job, which is many transactions, to its end; returns None when it died on its way and ran again."""
        outcome = self.until_it_dies(job, arguments)
        if outcome is not None:
            return outcome[0]
        assert_invariants(self.coupon)
        job(**arguments)
        return None

    def until_it_dies(self, service: Callable[..., Any], arguments: dict[str, Any]) -> tuple[Any, str] | None:
        """Calls a service up to the next crash; None when it died, its outcome when it was done before."""
        if self.crash_point is None:
            return self.outcome_of(service, arguments)
        point, self.crash_point = self.crash_point, None
        try:
            with crash_at(point):
                return self.outcome_of(service, arguments)
        except Crash:
            type(self).crashes += 1
            return None

    def outcome_of(self, service: Callable[..., Any], arguments: dict[str, Any]) -> tuple[Any, str]:
        try:
            return service(**arguments), "ok"
        except DomainError as error:
            return None, error.code

    @property
    def opened_batches(self) -> int:
        return sum(batch.is_open for batch in self.stock.batches)

    @property
    def spent(self) -> int:
        """What the coupon's redemptions stand for; the budget pays them."""
        return sum(order.standing for order in self.known_orders)

    @rule(point=st.integers(1, FURTHEST_CRASH))
    def the_next_call_will_die(self, point: int) -> None:
        self.crash_point = point

    @rule(step=st.sampled_from(STEPS_OF_TIME))
    def time_passes(self, step: timedelta) -> None:
        self.now += step

    @invariant()
    def the_platform_is_where_the_model_is(self) -> None:
        if not hasattr(self, "stock"):
            return
        type(self).steps += 1
        rows = Claim.objects.filter(coupon=self.coupon).order_by("pk").values_list("state", "expires_at")
        assert list(rows) == [(each.state, each.expires_at) for each in self.known]
        stock = Stock.objects.get(coupon=self.coupon)
        assert (stock.remaining(), stock.reserve) == (self.stock.remaining, self.stock.reserve)
        queue = WaitingEntry.objects.filter(coupon=self.coupon).order_by("pk").values_list("state", flat=True)
        assert list(queue) == [entry.state for entry in self.stock.queue]
        states = Order.objects.filter(pk__in=[order.pk for order in self.orders]).order_by("pk")
        assert list(states.values_list("state", flat=True)) == [order.state for order in self.known_orders]
        self.coupon.refresh_from_db(fields=["status"])
        assert self.coupon.status == self.status
        self.budget.refresh_from_db()
        assert self.budget.spent == self.spent
        assert_invariants(self.coupon)
        assert_budget_holds(self.budget)
        for order in self.orders[-2:]:
            assert_order_adds_up(order)
