"""The nightly allocation: which shoppers get which coupons of a campaign, under its budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import structlog
from django.db import transaction

from analytics.enums import Job, RunReason, RunState
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.allocation import Allocation, NotAllocatable, allocate
from analytics.learners.expected_value import Expected, Terms, expect, with_effect
from analytics.learners.knapsack import NONE
from analytics.learners.uplift import Score, learn_reliable
from analytics.models import AllocationPlan, Run
from analytics.selectors.allocation_facts import (
    Buyers,
    bought_within,
    buyers_of,
    coupons_to_allocate,
    had_enough,
    has_it_already,
    terms_of_coupon,
)
from analytics.selectors.holdout_results import latest_holdout_result, uplift_features
from analytics.selectors.windows import WINDOW_LASTS, Window, learning_window
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted
from campaigns.enums import CampaignStatus
from campaigns.services.exposures import campaign_exposures_log
from coupons.holdouts import is_held_out
from coupons.models import Coupon
from coupons.services.allocations import allocations_replace

FEWEST_BUYERS = 1
# An allocation that was not renewed for two nights ends: what it rested on is old.
LASTS = timedelta(days=2)
# What is expected is expected within so many days, or until the campaign ends.
LOOKS_AHEAD = timedelta(days=30)
SEED = 7
# How often the budget is tried with the holdout's part of it given to the others.
TRIES = 8
SLIGHTLY_LESS = 0.999
RESPONSE = "response"
UPLIFT = "uplift"

logger = structlog.get_logger(__name__)


class NotPossible(Exception):
    """There is nothing to decide; `reason` says why."""

    def __init__(self, reason: RunReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Effect:
    """What values rest on: an effect that a holdout has shown reliably, or else the response.

    `score` is None for response; `shown` says which campaign was judged, and what was gained.
    """

    score: Score | None
    shown: dict[str, Any]

    @property
    def basis(self) -> str:
        return RESPONSE if self.score is None else UPLIFT


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for whom, before anything is written."""

    buyers: Buyers
    coupons: list[Coupon]
    expected: Expected
    allocation: Allocation
    excluded: int
    effect: Effect


def run_allocations(*, now: datetime) -> list[Run]:
    """Sets the coupons of every active plan aside for shoppers anew.

    Returns:
        the runs, one a plan; a plan whose campaign is not running has none.

    Raises:
        RunInProgress: another one has not finished.
    """
    plans = AllocationPlan.objects.filter(
        is_active=True, campaign__status=CampaignStatus.PUBLISHED, campaign__ends_at__gt=now
    )
    with exclusively(Job.ALLOCATION):
        runs_mark_interrupted(job=Job.ALLOCATION, now=now)
        return [_run_plan(plan, now) for plan in plans.select_related("campaign__budget").order_by("pk")]


def run_allocation(*, plan: AllocationPlan, now: datetime) -> Run:
    """Sets the coupons of one plan aside, such as when a marketer cannot wait for the night.

    Raises:
        RunInProgress: another one has not finished.
    """
    with exclusively(Job.ALLOCATION):
        runs_mark_interrupted(job=Job.ALLOCATION, now=now)
        return _run_plan(plan, now)


def dry_run(*, plan: AllocationPlan, now: datetime) -> dict[str, Any]:
    """Decides as it would have been decided a month ago, and looks at what happened since; writes nothing.

    Returns:
        the figures of a run, and beside them who of those chosen bought within the month, and who of all.

    Raises:
        NotPossible
    """
    latest = learning_window(now=now, as_of=None, fewest_shoppers=FEWEST_BUYERS)
    window = learning_window(now=now, as_of=latest.end - LOOKS_AHEAD, fewest_shoppers=FEWEST_BUYERS)
    decision = decide(plan=plan, window=window, is_in_the_past=True)
    bought = bought_within(decision.buyers, start=window.end, end=latest.end)
    chosen = decision.allocation.choice != NONE
    return {
        **figures_of(decision),
        "as_of": window.end.isoformat(),
        "until": latest.end.isoformat(),
        "bought": _share(bought),
        "chosen_bought": _share(bought[chosen]),
        "expected_to_buy": _mean(decision.expected.buys),
        "chosen_expected_to_buy": _mean(decision.expected.buys[chosen]),
    }


def decide(*, plan: AllocationPlan, window: Window, is_in_the_past: bool = False) -> Decision:
    """Decides who would get what, from what happened before the end of a window.

    Args:
        is_in_the_past: whether what shoppers have claimed of these coupons meanwhile is not looked at.

    Raises:
        NotPossible
    """
    money = plan.money
    if money is None:
        raise NotPossible(RunReason.NO_BUDGET)
    coupons = coupons_to_allocate(plan)
    if not coupons:
        raise NotPossible(RunReason.NOTHING_TO_GIVE)
    buyers = buyers_of(window)
    terms: list[Terms] = [terms_of_coupon(coupon) for coupon in coupons]
    expected = expect(buyers.history, terms, days=LOOKS_AHEAD / timedelta(days=1), margin=plan.margin_percent / 100)
    effect = effect_shown(before=window.end)
    if effect.score is not None:
        expected = with_effect(expected, effect.score(uplift_features(buyers.history)))
    values = expected.values.copy()
    if not is_in_the_past:
        for column, coupon in enumerate(coupons):
            values[has_it_already(buyers, coupon), column] = -np.inf
    excluded = had_enough(buyers, most_claims=plan.most_claims, before=window.end)
    floors = dict.fromkeys(range(len(buyers.segment_names)), plan.floor_percent / 100)
    segments = buyers.segments

    def within(budget: float) -> Allocation:
        return allocate(
            values,
            expected.costs,
            budget,
            excluded=excluded,
            segments=segments,
            floors=floors if plan.floor_percent else None,
        )

    try:
        allocation = _with_holdout(within, plan, buyers, coupons, expected, money)
    except NotAllocatable as refusal:
        raise NotPossible(RunReason.FLOORS_TOO_DEAR) from refusal
    return Decision(buyers, coupons, expected, allocation, int(excluded.sum()), effect)


def _with_holdout(
    within: Callable[[float], Allocation],
    plan: AllocationPlan,
    buyers: Buyers,
    coupons: list[Coupon],
    expected: Expected,
    money: int,
) -> Allocation:
    """Chooses the holdout like the others, so that both arms can be compared; what it would cost is left to the others.

    How much that is depends on the lots: the first guess is its share, and is cut until the others keep the budget.
    """
    share = (plan.campaign.holdout_percent or 0) / 100
    budget = money / (1 - share)
    for _ in range(TRIES if share else 0):
        allocation = within(budget)
        spent = _spent(allocation, buyers, coupons, expected)
        if spent <= money:
            return allocation
        budget = max(float(money), budget * money / spent * SLIGHTLY_LESS)
    return within(float(money))


def _spent(allocation: Allocation, buyers: Buyers, coupons: list[Coupon], expected: Expected) -> float:
    rows = np.nonzero((allocation.choice != NONE) & ~_held_out(allocation, buyers, coupons))[0]
    return float(expected.costs[rows, allocation.choice[rows]].sum())


def effect_shown(*, before: datetime) -> Effect:
    """Returns the effect that the last campaign with a holdout has shown, if its gain is reliable."""
    result = latest_holdout_result(before=before)
    if result is None:
        return Effect(None, {})
    gain, score = learn_reliable(result.features, result.treated, result.outcome, seed=SEED)
    shown: dict[str, Any] = {"campaign": result.campaign, "shoppers": len(result.treated)}
    if gain is not None:
        shown |= {name: round(number, 4) for name, number in asdict(gain).items()}
    return Effect(score, shown)


def figures_of(decision: Decision) -> dict[str, Any]:
    """Returns what a person should know of a decision; money in minor units, for those who are not held out."""
    choice = decision.allocation.choice
    held_out = _held_out(decision.allocation, decision.buyers, decision.coupons)
    given = (choice != NONE) & ~held_out
    rows = np.nonzero(given)[0]
    segments = decision.buyers.segments
    return {
        "shoppers": len(choice),
        "excluded": decision.excluded,
        "allocated": int(given.sum()),
        "held_out": int(((choice != NONE) & held_out).sum()),
        "spend": round(float(decision.expected.costs[rows, choice[rows]].sum())),
        "value": round(float(decision.expected.values[rows, choice[rows]].sum())),
        "shadow_price": round(decision.allocation.shadow_price, 4),
        "gap": float(f"{decision.allocation.gap:.1e}"),
        "basis": decision.effect.basis,
        "shown": decision.effect.shown,
        "coupons": {
            str(coupon.pk): int((choice[rows] == number).sum()) for number, coupon in enumerate(decision.coupons)
        },
        "segments": {
            name: _share(choice[segments == number] != NONE)
            for number, name in enumerate(decision.buyers.segment_names)
        },
    }


def _run_plan(plan: AllocationPlan, now: datetime) -> Run:
    watch = Stopwatch(now)
    window = learning_window(now=now, as_of=None, fewest_shoppers=FEWEST_BUYERS)
    parameters = {
        "plan": plan.pk,
        "campaign": plan.campaign.key,
        "budget": plan.money,
        "margin_percent": plan.margin_percent,
        "floor_percent": plan.floor_percent,
        "most_claims": plan.most_claims,
        "window_days": WINDOW_LASTS.days,
    }
    run = run_start(job=Job.ALLOCATION, window=window, seed=SEED, parameters=parameters, now=now)
    try:
        decision = decide(plan=plan, window=window)
        with transaction.atomic():
            _publish(plan, run, decision, now)
            metrics = {**figures_of(decision), **_costs(watch)}
            run_finish(run=run, state=RunState.PUBLISHED, metrics=metrics, now=watch.now())
    except NotPossible as refusal:
        run_finish(run=run, state=RunState.SKIPPED, reason=refusal.reason, metrics=_costs(watch), now=watch.now())
    except Exception as error:
        run_finish(run=run, state=RunState.FAILED, reason=f"{type(error).__name__}: {error}", now=watch.now())
        raise
    AllocationPlan.objects.filter(pk=plan.pk).update(last_run=run)
    logger.info("allocation finished", run=run.pk, plan=plan.pk, state=run.state, reason=run.reason)
    return run


def _publish(plan: AllocationPlan, run: Run, decision: Decision, now: datetime) -> None:
    allocations_replace(
        coupon_ids=[coupon.pk for coupon in decision.coupons],
        rows=_rows(run, decision),
        until=min(now + LASTS, plan.campaign.ends_at),
        now=now,
    )
    chosen = decision.buyers.shopper_ids[decision.allocation.choice != NONE]
    campaign_exposures_log(campaign=plan.campaign, shopper_ids=chosen.tolist(), now=now)


def _rows(run: Run, decision: Decision) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yields who gets what; whoever is held out gets no row, though the claim core would refuse it anyway."""
    choice, expected = decision.allocation.choice, decision.expected
    given = np.nonzero((choice != NONE) & ~_held_out(decision.allocation, decision.buyers, decision.coupons))[0]
    for row, option in zip(given.tolist(), choice[given].tolist(), strict=True):
        yield (
            decision.coupons[option].pk,
            int(decision.buyers.shopper_ids[row]),
            {
                "run": run.pk,
                "basis": decision.effect.basis,
                "chance": round(float(expected.uses[row, option]), 4),
                "cost": round(float(expected.costs[row, option])),
                "value": round(float(expected.values[row, option])),
            },
        )


def _held_out(allocation: Allocation, buyers: Buyers, coupons: list[Coupon]) -> Any:
    """Tells who belongs to the holdout of the coupon chosen for them."""
    ids = buyers.shopper_ids.tolist()
    return np.array(
        [
            option != NONE and is_held_out(coupons[option], shopper_id)
            for shopper_id, option in zip(ids, allocation.choice.tolist(), strict=True)
        ],
        dtype=np.bool_,
    )


def _share(told: Any) -> float:
    return round(float(np.mean(told)), 4) if len(told) else 0.0


def _mean(numbers: Any) -> float:
    return round(float(np.mean(numbers)), 4) if len(numbers) else 0.0


def _costs(watch: Stopwatch) -> dict[str, float]:
    return {"seconds": round(watch.seconds(), 3), "peak_memory_mib": round(peak_memory(), 1)}
