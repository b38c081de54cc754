"""Which shoppers would get which coupons of a plan: everything up to the decision, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.enums import RunReason
from analytics.learners.allocation import Allocation, NotAllocatable, allocate
from analytics.learners.expected_value import Expected, Terms, cost_of_claims, expect, uses_of_claims, with_effect
from analytics.learners.knapsack import NONE
from analytics.learners.levels import learned_level
from analytics.learners.uplift import Score, learn_reliable
from analytics.models import AllocationPlan
from analytics.selectors.allocation_facts import (
    Buyers,
    CouponClaims,
    buyers_of,
    claims_of_plan,
    coupons_to_allocate,
    had_enough,
    has_claimed,
    has_it_already,
    has_one_of,
    redeemed_money,
    terms_of_coupon,
)
from analytics.selectors.holdout_results import latest_holdout_result, uplift_features
from analytics.selectors.response_scores import coupon_scores, scores_made_at
from analytics.selectors.windows import Window
from campaigns.enums import CampaignStatus
from coupons.holdouts import is_held_out
from coupons.models import Coupon

# What is expected is expected within so many days, or until the coupons can no longer be used.
LOOKS_AHEAD = timedelta(days=30)
DAY = timedelta(days=1)
SEED = 7
# How often the budget is tried with the holdout's part of it given to the others.
TRIES = 8
SLIGHTLY_LESS = 0.999
# What a value rests on: a shopper's own history, a model's score of the pair, or an effect that a holdout has shown.
HISTORY = "history"
RESPONSE = "response"
UPLIFT = "uplift"


class NotPossible(Exception):
    """There is nothing to decide; `reason` says why."""

    def __init__(self, reason: RunReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect that a holdout has shown reliably; `score` is None if none has.

    `shown` says which campaign was judged, and what was gained.
    """

    score: Score | None
    shown: dict[str, Any]


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
    # What came of each coupon's claims, as a factor of what the rule expected of them.
    levels: list[float]

    @property
    def basis(self) -> str:
        """What most can be said of all values."""
        if self.effect.score is not None:
            return UPLIFT
        return RESPONSE if self.expected.scored.any() else HISTORY

    def basis_of(self, row: int, option: int) -> str:
        """What one value rests on."""
        if self.effect.score is not None:
            return UPLIFT
        return RESPONSE if self.expected.scored[row, option] else HISTORY


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
    # A decision in the past must not know what came of claims since, nor what a model says today.
    claims = [] if now is None else claims_of_plan(plan, buyers, now=now)
    levels = _levels(coupons, claims, buyers)
    terms: list[Terms] = [terms_of_coupon(coupon) for coupon in coupons]
    ahead = LOOKS_AHEAD if now is None else _ahead(coupons, now)
    margin = plan.margin / 100
    expected = expect(
        buyers.history,
        terms,
        days=ahead / DAY,
        margin=margin,
        scores=None if now is None else _scores(buyers, coupons, now),
        levels=levels,
    )
    shown = effect()
    if shown.score is not None:
        gains = shown.score(uplift_features(buyers.history))
        expected = with_effect(expected, gains, history=buyers.history, margin=margin)
    # What nobody can use must not fill a floor either.
    values = np.where(expected.uses > 0, expected.values, -np.inf)
    served = np.zeros(len(values), dtype=np.bool_)
    committed = 0.0
    if now is not None:
        for column, coupon in enumerate(coupons):
            values[has_it_already(buyers, coupon), column] = -np.inf
        # At most one a shopper, of all nights together.
        values[has_one_of(plan, buyers)] = -np.inf
        served = has_claimed(plan, buyers)
        committed = _committed(plan, claims, dict(zip((coupon.pk for coupon in coupons), levels, strict=True)), buyers)
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
    return Decision(buyers, coupons, expected, allocation, int(excluded.sum()), shown, committed, levels)


def _is_running(plan: AllocationPlan, now: datetime) -> bool:
    return plan.campaign.status == CampaignStatus.PUBLISHED and plan.campaign.ends_at > now


def _ahead(coupons: list[Coupon], now: datetime) -> timedelta:
    """Returns how far to look: past the campaign's end, since what was claimed in it costs money after it too."""
    last = max(coupon.usable_window(now)[1] for coupon in coupons)
    return max(timedelta(), min(LOOKS_AHEAD, last - now))


def _scores(buyers: Buyers, coupons: list[Coupon], now: datetime) -> NDArray[np.float64] | None:
    made_at = scores_made_at(now)
    if made_at is None:
        return None
    coupon_ids = [coupon.pk for coupon in coupons]
    return coupon_scores(shopper_ids=buyers.shopper_ids, coupon_ids=coupon_ids, made_at=made_at)


def _levels(coupons: list[Coupon], claims: list[CouponClaims], buyers: Buyers) -> list[float]:
    """Returns what came of each coupon's claims so far, as a factor of what the rule expected of them."""
    found = {of.coupon.pk: of for of in claims}
    levels = []
    for coupon in coupons:
        of = found.get(coupon.pk)
        if of is None:
            levels.append(1.0)
            continue
        expected = uses_of_claims(buyers.history, terms_of_coupon(coupon), places=of.places, days=of.days_past)
        levels.append(learned_level(float(of.used.sum()), float(expected.sum())))
    return levels


def _committed(plan: AllocationPlan, claims: list[CouponClaims], levels: dict[int, float], buyers: Buyers) -> float:
    """Returns what of the plan's money is gone: without it, every night would spend the budget anew."""
    held = sum(
        cost_of_claims(
            buyers.history,
            terms_of_coupon(of.coupon),
            places=of.places[of.held],
            days=np.minimum(of.days_left[of.held], LOOKS_AHEAD / DAY),
            level=levels.get(of.coupon.pk, 1.0),
        )
        for of in claims
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
    rows = np.nonzero((allocation.choice != NONE) & ~held_out(allocation, buyers, coupons))[0]
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
    kept_out = held_out(decision.allocation, decision.buyers, decision.coupons)
    given = (choice != NONE) & ~kept_out
    rows = np.nonzero(given)[0]
    segments = decision.buyers.segments
    return {
        "shoppers": len(choice),
        "excluded": decision.excluded,
        "allocated": int(given.sum()),
        "held_out": int(((choice != NONE) & kept_out).sum()),
        "committed": round(decision.committed),
        "spend": round(float(decision.expected.costs[rows, choice[rows]].sum())),
        "value": round(float(decision.expected.values[rows, choice[rows]].sum())),
        "shadow_price": round(decision.allocation.shadow_price, 4),
        "gap": float(f"{decision.allocation.gap:.1e}"),
        "basis": decision.basis,
        "scored": share(decision.expected.scored),
        "levels": {
            str(coupon.pk): round(level, 4) for coupon, level in zip(decision.coupons, decision.levels, strict=True)
        },
        "shown": decision.effect.shown,
        "coupons": {
            str(coupon.pk): int((choice[rows] == number).sum()) for number, coupon in enumerate(decision.coupons)
        },
        "segments": {
            name: share(choice[segments == number] != NONE) for number, name in enumerate(decision.buyers.segment_names)
        },
    }


def held_out(allocation: Allocation, buyers: Buyers, coupons: list[Coupon]) -> Any:
    """Tells who belongs to the holdout of the coupon chosen for them."""
    ids = buyers.shopper_ids.tolist()
    return np.array(
        [
            option != NONE and is_held_out(coupons[option], shopper_id)
            for shopper_id, option in zip(ids, allocation.choice.tolist(), strict=True)
        ],
        dtype=np.bool_,
    )


def share(told: Any) -> float:
    return round(float(np.mean(told)), 4) if len(told) else 0.0
