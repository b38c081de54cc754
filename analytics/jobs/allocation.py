"""The nightly allocation: which shoppers get which coupons of a campaign, under its budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import structlog
from django.db import transaction

from analytics.enums import Job, RunReason, RunState
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.allocation import Allocation, NotAllocatable, allocate
from analytics.learners.expected_value import Expected, Terms, cost_of_claims, expect, with_effect
from analytics.learners.knapsack import NONE
from analytics.learners.uplift import Score, learn_reliable
from analytics.models import AllocationPlan, Run
from analytics.selectors.allocation_facts import (
    Buyers,
    bought_within,
    buyers_of,
    coupons_to_allocate,
    had_enough,
    has_claimed,
    has_it_already,
    held_claims,
    redeemed_money,
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
# What is expected is expected within so many days, or until the coupons can no longer be used.
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
    # What the coupons have taken off already, and what claims that are held are expected to.
    committed: float


def run_allocations(*, now: datetime) -> list[Run]:
    """Sets the coupons of every active plan aside for shoppers anew.

    Returns:
        the runs, one a plan; a plan whose campaign is not running has none.

    Raises:
        RunInProgress: another one has not finished.
        ExceptionGroup: of the errors of plans that failed; all others were decided on nevertheless.
    """
    plans = AllocationPlan.objects.filter(
        is_active=True, campaign__status=CampaignStatus.PUBLISHED, campaign__ends_at__gt=now
    )
    runs: list[Run] = []
    errors: list[Exception] = []
    with exclusively(Job.ALLOCATION):
        runs_mark_interrupted(job=Job.ALLOCATION, now=now)
        window = learning_window(now=now, as_of=None, fewest_shoppers=FEWEST_BUYERS)
        # It is the same for all plans, and takes long.
        effect = cache(lambda: effect_shown(before=window.end))
        for plan in plans.select_related("campaign__budget").order_by("pk"):
            try:
                runs.append(_run_plan(plan, window, effect, now))
            except Exception as error:
                logger.exception("allocation failed", plan=plan.pk)
                errors.append(error)
    if errors:
        raise ExceptionGroup("allocations failed", errors)
    return runs


def run_allocation(*, plan: AllocationPlan, now: datetime) -> Run:
    """Sets the coupons of one plan aside, such as when a marketer cannot wait for the night.

    Raises:
        RunInProgress: another one has not finished.
    """
    with exclusively(Job.ALLOCATION):
        runs_mark_interrupted(job=Job.ALLOCATION, now=now)
        window = learning_window(now=now, as_of=None, fewest_shoppers=FEWEST_BUYERS)
        return _run_plan(plan, window, lambda: effect_shown(before=window.end), now)


def dry_run(*, plan: AllocationPlan, now: datetime) -> dict[str, Any]:
    """Decides as it would have been decided a month ago, and looks at what happened since; writes nothing.

    Returns:
        the figures of a run, and beside them who of those chosen bought within the month, and who of all.

    Raises:
        NotPossible
    """
    latest = learning_window(now=now, as_of=None, fewest_shoppers=FEWEST_BUYERS)
    window = learning_window(now=now, as_of=latest.end - LOOKS_AHEAD, fewest_shoppers=FEWEST_BUYERS)
    decision = decide(plan=plan, window=window, effect=lambda: effect_shown(before=window.end), now=None)
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


def decide(*, plan: AllocationPlan, window: Window, effect: Callable[[], Effect], now: datetime | None) -> Decision:
    """Decides who would get what, from what happened before the end of a window.

    Args:
        effect: tells what values rest on; asked only if there is something to decide.
        now: when the coupons are given. None for a decision in the past, as if the campaign began then: neither its
            end nor what shoppers have claimed and used of these coupons meanwhile is looked at.

    Raises:
        NotPossible
    """
    if now is not None and not _is_running(plan, now):
        raise NotPossible(RunReason.NOTHING_TO_GIVE)
    money = plan.money
    if money is None:
        raise NotPossible(RunReason.NO_BUDGET)
    coupons = coupons_to_allocate(plan)
    if not coupons:
        raise NotPossible(RunReason.NOTHING_TO_GIVE)
    buyers = buyers_of(window)
    terms: list[Terms] = [terms_of_coupon(coupon) for coupon in coupons]
    ahead = LOOKS_AHEAD if now is None else _ahead(coupons, now)
    margin = plan.margin_percent / 100
    expected = expect(buyers.history, terms, days=ahead / timedelta(days=1), margin=margin)
    shown = effect()
    if shown.score is not None:
        gains = shown.score(uplift_features(buyers.history))
        expected = with_effect(expected, gains, history=buyers.history, margin=margin)
    values = expected.values.copy()
    served = np.zeros(len(values), dtype=np.bool_)
    committed = 0.0
    if now is not None:
        for column, coupon in enumerate(coupons):
            values[has_it_already(buyers, coupon), column] = -np.inf
        served = has_claimed(plan, buyers)
        committed = _committed(plan, buyers, now)
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
            served=served,
        )

    try:
        allocation = _with_holdout(within, plan, buyers, coupons, expected, max(0.0, money - committed))
    except NotAllocatable as refusal:
        raise NotPossible(RunReason.FLOORS_TOO_DEAR) from refusal
    return Decision(buyers, coupons, expected, allocation, int(excluded.sum()), shown, committed)


def _is_running(plan: AllocationPlan, now: datetime) -> bool:
    return plan.campaign.status == CampaignStatus.PUBLISHED and plan.campaign.ends_at > now


def _ahead(coupons: list[Coupon], now: datetime) -> timedelta:
    """Returns how far to look: past the campaign's end, since what was claimed in it costs money after it too."""
    last = max(coupon.usable_window(now)[1] for coupon in coupons)
    return max(timedelta(), min(LOOKS_AHEAD, last - now))


def _committed(plan: AllocationPlan, buyers: Buyers, now: datetime) -> float:
    """Returns what of the plan's money is gone: without it, every night would spend the budget anew."""
    most = LOOKS_AHEAD / timedelta(days=1)
    held = sum(
        cost_of_claims(
            buyers.history,
            terms_of_coupon(claims.coupon),
            places=claims.places,
            days=np.minimum(claims.days, most),
        )
        for claims in held_claims(plan, buyers, now=now)
    )
    # What is left of a campaign's budget is without what was redeemed already.
    return held if plan.budget is None else held + redeemed_money(plan)


def _with_holdout(
    within: Callable[[float], Allocation],
    plan: AllocationPlan,
    buyers: Buyers,
    coupons: list[Coupon],
    expected: Expected,
    money: float,
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
        budget = max(money, budget * money / spent * SLIGHTLY_LESS)
    return within(money)


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
        "committed": round(decision.committed),
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


def _run_plan(plan: AllocationPlan, window: Window, effect: Callable[[], Effect], now: datetime) -> Run:
    watch = Stopwatch(now)
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
        decision = decide(plan=plan, window=window, effect=effect, now=now)
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
    # A coupon that was public before its campaign keeps nobody out: whoever gets it belongs to no arm.
    drawn = [coupon.holdout_salt == plan.campaign.holdout_salt for coupon in decision.coupons]
    choice = decision.allocation.choice
    exposed = decision.buyers.shopper_ids[(choice != NONE) & np.array(drawn, dtype=np.bool_)[choice]]
    campaign_exposures_log(campaign=plan.campaign, shopper_ids=exposed.tolist(), now=now)


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
