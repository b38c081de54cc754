"""The nightly allocation: which shoppers get which coupons of a campaign, under its budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import structlog

from analytics.enums import Job, RunState
from analytics.jobs.allocation_decision import (
    LOOKS_AHEAD,
    SEED,
    Decision,
    Effect,
    NotPossible,
    decide,
    effect_shown,
    figures_of,
    held_out,
    share,
)
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.knapsack import NONE
from analytics.models import AllocationPlan, Run
from analytics.selectors.allocation_facts import bought_within
from analytics.selectors.windows import WINDOW_LASTS, Window, learning_window
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted
from campaigns.enums import CampaignStatus
from campaigns.services.exposures import campaign_exposures_log
from coupons.services.allocations import allocations_clear_ended, allocations_replace

# An allocation that was not renewed for two nights ends: what it rested on is old.
LASTS = timedelta(days=2)

logger = structlog.get_logger(__name__)


def run_allocations(*, now: datetime) -> list[Run]:
    """Sets the coupons of every active plan aside for shoppers anew, and clears away what earlier plans left.

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
        window = learning_window(now=now, as_of=None)
        # It is the same for all plans, and takes long.
        effect = cache(lambda: effect_shown(before=window.end))
        for plan in plans.select_related("campaign__budget").order_by("pk"):
            try:
                runs.append(_run_plan(plan, window, effect, now))
            except Exception as error:
                logger.exception("allocation failed", plan=plan.pk)
                errors.append(error)
        allocations_clear_ended(now=now)
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
        window = learning_window(now=now, as_of=None)
        return _run_plan(plan, window, lambda: effect_shown(before=window.end), now)


def dry_run(*, plan: AllocationPlan, now: datetime) -> dict[str, Any]:
    """Decides as it would have been decided a month ago, and looks at what happened since; writes nothing.

    Returns:
        the figures of a run, and beside them who of those chosen bought within the month, and who of all.

    Raises:
        NotPossible
    """
    latest = learning_window(now=now, as_of=None)
    window = learning_window(now=now, as_of=latest.end - LOOKS_AHEAD)
    decision = decide(plan=plan, window=window, effect=lambda: effect_shown(before=window.end), now=None)
    bought = bought_within(decision.buyers, start=window.end, end=latest.end)
    chosen = decision.allocation.choice != NONE
    return {
        **figures_of(decision),
        "as_of": window.end.isoformat(),
        "until": latest.end.isoformat(),
        "bought": share(bought),
        "chosen_bought": share(bought[chosen]),
        "expected_to_buy": _mean(decision.expected.buys),
        "chosen_expected_to_buy": _mean(decision.expected.buys[chosen]),
    }


def _run_plan(plan: AllocationPlan, window: Window, effect: Callable[[], Effect], now: datetime) -> Run:
    watch = Stopwatch(now)
    parameters = {
        "plan": plan.pk,
        "campaign": plan.campaign.key,
        "budget": plan.money,
        "margin_percent": plan.margin,
        "floor_percent": plan.floor_percent,
        "most_claims": plan.most_claims,
        "window_days": WINDOW_LASTS.days,
    }
    run = run_start(job=Job.ALLOCATION, window=window, seed=SEED, parameters=parameters, now=now)
    try:
        decision = decide(plan=plan, window=window, effect=effect, now=now)
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
    # A coupon that was public before its campaign keeps nobody out: whoever gets it belongs to no arm.
    drawn = [coupon.holdout_salt == plan.campaign.holdout_salt for coupon in decision.coupons]
    choice = decision.allocation.choice
    exposed = decision.buyers.shopper_ids[(choice != NONE) & np.array(drawn, dtype=np.bool_)[choice]]
    allocations_replace(
        coupon_ids=[coupon.pk for coupon in decision.coupons],
        rows=_rows(run, decision),
        until=min(now + LASTS, plan.campaign.ends_at),
        now=now,
        # Nobody gets a coupon who is not logged. Of a run that dies in between the next one logs the same again.
        before_switch=lambda: campaign_exposures_log(campaign=plan.campaign, shopper_ids=exposed.tolist(), now=now),
    )


def _rows(run: Run, decision: Decision) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yields who gets what; whoever is held out gets no row, though the claim core would refuse it anyway."""
    choice, expected = decision.allocation.choice, decision.expected
    given = np.nonzero((choice != NONE) & ~held_out(decision.allocation, decision.buyers, decision.coupons))[0]
    for row, option in zip(given.tolist(), choice[given].tolist(), strict=True):
        yield (
            decision.coupons[option].pk,
            int(decision.buyers.shopper_ids[row]),
            {
                "run": run.pk,
                "basis": decision.basis_of(row, option),
                "chance": round(float(expected.uses[row, option]), 4),
                "cost": round(float(expected.costs[row, option])),
                "value": round(float(expected.values[row, option])),
            },
        )


def _mean(numbers: Any) -> float:
    return round(float(np.mean(numbers)), 4) if len(numbers) else 0.0


def _costs(watch: Stopwatch) -> dict[str, float]:
    return {"seconds": round(watch.seconds(), 3), "peak_memory_mib": round(peak_memory(), 1)}
