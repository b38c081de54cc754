"""The nightly bandit: what decisions brought in, which variants to draw more often, and whether that may go live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import structlog
from django.db import transaction
from numpy.typing import NDArray

from analytics.enums import Job, PromotionKind, RunReason, RunState, WindowEnd
from analytics.jobs.bandit_policies import (
    EQUAL_SHARES,
    Policy,
    bring_into_force,
    number_of,
    policies_save,
    policy_in_force,
)
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.bandit import FLOOR, HALF_LIFE_NIGHTS
from analytics.learners.bandit_contexts import EVERYBODY, FEWEST_IN_CONTEXT, Drawing, learn_contexts
from analytics.learners.off_policy import Estimate, OffPolicy, lies_below, off_policy, standardised_interval
from analytics.learners.reward import rewards
from analytics.models import ModelPromotion, ModelVersion, Run
from analytics.selectors.decisions import DecisionLog, Outcome, decision_log, outcomes_due
from analytics.selectors.windows import Window
from analytics.services.registry import Learned, champion, model_load, model_promote, model_roll_back
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted
from campaigns.models import REWARD_RULE, DecisionReward, VariantGroup
from campaigns.services.variants import decision_rewards_write

LOG_LASTS = timedelta(days=120)
# A model is judged by its own decisions, and not before there are so many of each.
FEWEST_TO_JUDGE = 200
# Of which so many in each group that is compared, or its interval means nothing.
FEWEST_IN_GROUP = 30
# Time for a week of decisions, and for the week in which each of them earns.
REIGNS_FOR = timedelta(days=14)
# New shares are judged by the newer half of the decisions, but no more than these: the rest is better learned from.
MOST_TO_JUDGE_BY = 2000

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a night would make of one group; `estimate` is None without measured decisions."""

    group: VariantGroup
    policy: Policy
    estimate: OffPolicy | None

    @property
    def may_go_live(self) -> bool:
        """Whether nothing speaks against it: by its decisions so far it would not have earned less, beyond chance."""
        return self.estimate is None or not self.estimate.is_reliably_worse


def run_bandit(*, now: datetime) -> Run:
    """Measures decisions whose time is over, and publishes how often each variant is drawn from now on.

    First the shares of the champion are brought into force where they are not: someone may have chosen another one.
    Then, once it has been in use long enough, it answers for itself: if the interval of what its own decisions earned
    lies wholly below that of what was in use before, that comes back, and nothing new is promoted for as long again.
    Otherwise each group's new shares pass an off-policy gate; a group that fails it keeps what it has. Running it
    again on the same data changes nothing but the run's own row.

    Raises:
        RunInProgress: another one has not finished.
    """
    with exclusively(Job.BANDIT):
        watch = Stopwatch(now)
        runs_mark_interrupted(job=Job.BANDIT, now=now)
        window = Window(start=now - LOG_LASTS, end=now, ends_with=WindowEnd.NOW)
        parameters = {"floor": FLOOR, "half_life_nights": HALF_LIFE_NIGHTS}
        run = run_start(job=Job.BANDIT, window=window, seed=0, parameters=parameters, now=now)
        try:
            measured = _measure(now)
            with transaction.atomic():
                state, reason, metrics = _decide(run, now)
                metrics |= {"measured": measured, "seconds": round(watch.seconds(), 3)}
                metrics["peak_memory_mib"] = round(peak_memory(), 1)
                run_finish(run=run, state=state, reason=reason, metrics=metrics, now=watch.now())
        except Exception as error:
            run_finish(run=run, state=RunState.FAILED, reason=f"{type(error).__name__}: {error}", now=watch.now())
            raise
        logger.info("bandit finished", run=run.pk, state=run.state, reason=run.reason, measured=measured)
        return run


def _measure(now: datetime) -> int:
    """Writes what came of decisions whose time is over; each chunk is a transaction of its own."""
    return sum(decision_rewards_write(outcomes=_rewarded(chunk, now)) for chunk in outcomes_due(as_of=now))


def _rewarded(outcomes: list[Outcome], now: datetime) -> list[DecisionReward]:
    found: list[DecisionReward] = []
    for outcome in outcomes:
        (reward,) = rewards(
            claimed=np.array([outcome.claimed]),
            dwell_seconds=np.array([outcome.dwell_seconds]),
            redeemed=np.array([outcome.redeemed]),
            margin=np.array([float(outcome.margin)]),
            full_margin=float(outcome.decision.group.full_margin),
        ).tolist()
        found.append(
            DecisionReward(
                decision=outcome.decision,
                reward=min(max(reward, 0.0), 1.0),
                claimed=outcome.claimed,
                dwell_seconds=outcome.dwell_seconds,
                redeemed=outcome.redeemed,
                margin=outcome.margin,
                rule=REWARD_RULE,
                measured_at=now,
            )
        )
    return found


def _decide(run: Run, now: datetime) -> tuple[RunState, str, dict[str, Any]]:
    groups = list(VariantGroup.objects.filter(is_active=True).order_by("pk"))
    reigning = champion(Job.BANDIT)
    if reigning is not None:
        bring_into_force(groups, reigning)
    logs = {group.pk: decision_log(group=group, as_of=now, lasts=LOG_LASTS) for group in groups}
    may_change = _may_change(now)
    comparison = _comparison(reigning, groups, logs) if reigning is not None and may_change else None
    if reigning is not None and comparison is not None and lies_below(*comparison):
        bring_into_force(groups, _return_to_former(run, reigning, _in_words(*comparison), now))
        return RunState.SKIPPED, RunReason.ROLLED_BACK, {"groups": len(groups), **_interval_metrics(comparison)}
    proposals = [_proposal(group, logs[group.pk]) for group in groups if len(logs[group.pk])]
    proposals = [proposal for proposal in proposals if len(proposal.policy.get(EVERYBODY, ())) > 1]
    figures = {"groups": len(groups), "estimates": [_estimate_figures(proposal) for proposal in proposals]}
    live = [proposal for proposal in proposals if proposal.may_go_live]
    if not live:
        return RunState.SKIPPED, RunReason.WORSE if proposals else RunReason.NO_DECISIONS, figures
    if not may_change or _own_decisions(reigning, logs) < FEWEST_TO_JUDGE:
        return RunState.SKIPPED, RunReason.TOO_SOON, figures
    # A group that fails keeps its shares, as part of the new model: a roll back then knows what all groups had.
    policies = {group.pk: policy_in_force(group) for group in groups}
    policies |= {proposal.group.pk: proposal.policy for proposal in live}
    version = policies_save(run=run, policies=policies, figures=figures, now=now)
    model_promote(version=version, reason=f"{len(live)} of {len(proposals)} groups passed the off-policy gate", now=now)
    bring_into_force(groups, model_load(version))
    return RunState.PUBLISHED, "", figures


def _proposal(group: VariantGroup, log: DecisionLog) -> Proposal:
    """Learns from the older decisions, as they were worth when the newer ones began, and judges by the newer ones.

    Segments get shares of their own only if these would have earned more than the same for all.
    """
    coupon_ids = list(group.arms.order_by("pk").values_list("coupon_id", flat=True))
    if not coupon_ids:
        return Proposal(group, {}, None)
    # A coupon that has left the group since is drawn by nobody any more.
    known = np.isin(log.coupon_ids, coupon_ids)
    split = len(log) - min(len(log) // 2, MOST_TO_JUDGE_BY)
    older = log.part(slice(0, split)).part(known[:split])
    newer = _as_among(log, known).part(slice(split, None)).part(known[split:])
    learned = learn_contexts(
        len(coupon_ids),
        drawn=_places(coupon_ids, older),
        rewards=older.rewards,
        ages_days=older.ages_days - log.ages_days[split - 1],
        contexts=older.segments,
    )
    alike, contextual = (
        Proposal(group, _policy(coupon_ids, drawings), _estimate(newer, coupon_ids, drawings))
        for drawings in ({EVERYBODY: learned[EVERYBODY]}, learned)
    )
    return contextual if _earns_more(contextual.estimate, alike.estimate) else alike


def _policy(coupon_ids: list[int], drawings: Mapping[str, Drawing]) -> Policy:
    return {
        segment: dict(zip(coupon_ids, drawing.shares.tolist(), strict=True)) for segment, drawing in drawings.items()
    }


def _places(coupon_ids: list[int], log: DecisionLog) -> NDArray[np.int64]:
    places = {coupon_id: place for place, coupon_id in enumerate(coupon_ids)}
    return np.array([places[coupon_id] for coupon_id in log.coupon_ids.tolist()], dtype=np.int64)


def _earns_more(one: OffPolicy | None, other: OffPolicy | None) -> bool:
    return one is not None and other is not None and one.doubly_robust.value > other.doubly_robust.value


def _as_among(log: DecisionLog, known: NDArray[np.bool_]) -> DecisionLog:
    """Returns the log with the chances that known arms would have had without the others.

    What all of them together had is not logged, only what the drawn one had: the part of the same model's decisions
    for the same segment that they were drawn in stands for it; segments with a handful of decisions are put together.
    """
    names, sizes = np.unique(log.segments, return_counts=True)
    segments = np.where(np.isin(log.segments, names[sizes >= FEWEST_IN_CONTEXT]), log.segments, EVERYBODY)
    chances = log.propensities.copy()
    for policy, segment in {*zip(log.policies[known].tolist(), segments[known].tolist(), strict=True)}:
        rows = (log.policies == policy) & (segments == segment)
        chances[rows] = np.minimum(chances[rows] / known[rows].mean(), 1)
    return replace(log, propensities=chances)


def _estimate(log: DecisionLog, coupon_ids: list[int], drawings: Mapping[str, Drawing]) -> OffPolicy | None:
    if not len(log):
        return None
    each = [drawings.get(segment, drawings[EVERYBODY]) for segment in log.segments.tolist()]
    shares, means = np.array([one.shares for one in each]), np.array([one.means for one in each])
    rows, drawn = np.arange(len(log)), _places(coupon_ids, log)
    return off_policy(
        rewards=log.rewards,
        propensities=log.propensities,
        target=shares[rows, drawn],
        expected_drawn=means[rows, drawn],
        expected_target=(shares * means).sum(axis=1),
    )


def _may_change(now: datetime) -> bool:
    """Returns whether the last change of champion, whoever made it and whichever way, had the time to show."""
    last = ModelPromotion.objects.filter(job=Job.BANDIT).order_by("-pk").first()
    return last is None or now - last.at >= REIGNS_FOR


def _former(reigning: Learned) -> ModelVersion | None:
    """Returns the model before; None when shares were equal before."""
    crowned = ModelPromotion.objects.filter(model=reigning.version, kind=PromotionKind.PROMOTED).order_by("-pk").first()
    return crowned.before if crowned is not None else None


def _comparison(
    reigning: Learned, groups: list[VariantGroup], logs: Mapping[int, DecisionLog]
) -> tuple[Estimate, Estimate] | None:
    """Returns what the model in use and the one before earned by their own decisions; None while it is too early.

    Only groups that both served are compared, and both means weigh them alike: a group with dear coupons that one of
    them served more often would decide otherwise.
    """
    before = _former(reigning)
    former = model_load(before) if before is not None else None
    own_parts, former_parts = [], []
    for group in groups:
        log, now_by, then_by = logs[group.pk], number_of(reigning, group), number_of(former, group)
        own, earlier = log.rewards[log.policies == now_by], log.rewards[log.policies == then_by]
        if now_by != then_by and min(len(own), len(earlier)) >= FEWEST_IN_GROUP:
            own_parts.append(own)
            former_parts.append(earlier)
    if min(sum(map(len, own_parts)), sum(map(len, former_parts))) < FEWEST_TO_JUDGE:
        return None
    sizes = np.array([len(part) for part in own_parts], dtype=np.float64)
    weights = sizes / sizes.sum()
    return standardised_interval(own_parts, weights=weights), standardised_interval(former_parts, weights=weights)


def _own_decisions(reigning: Learned | None, logs: Mapping[int, DecisionLog]) -> int:
    """Returns how many measured decisions there are of the model in use, or of equal shares where it is none."""
    knows_any = reigning is not None and len(reigning.arrays["group"])
    policy = reigning.version.pk if reigning is not None and knows_any else EQUAL_SHARES
    return sum(int((log.policies == policy).sum()) for log in logs.values())


def _return_to_former(run: Run, reigning: Learned, reason: str, now: datetime) -> Learned:
    if _former(reigning) is not None:
        return model_load(model_roll_back(job=Job.BANDIT, reason=reason, now=now).model)
    # Before the first model shares were equal: as a model that knows no group these can be in use, and be left again.
    version = policies_save(run=run, policies={}, figures={}, now=now)
    model_promote(version=version, reason=reason, now=now)
    return model_load(version)


def _estimate_figures(proposal: Proposal) -> dict[str, Any]:
    estimate = proposal.estimate
    segments = sorted(segment for segment in proposal.policy if segment != EVERYBODY)
    figures: dict[str, Any] = {"group": proposal.group.key, "live": proposal.may_go_live, "segments": segments}
    if estimate is None:
        return figures
    figures |= {"decisions": estimate.decisions, "effective": round(estimate.effective, 1), "thin": estimate.is_thin}
    for name in ("ips", "snips", "doubly_robust", "gain"):
        each: Estimate = getattr(estimate, name)
        # JSON has no infinity: an interval of one decision is left out.
        if np.isfinite([each.value, each.low, each.high]).all():
            figures[name] = [round(each.value, 4), round(each.low, 4), round(each.high, 4)]
    return figures


def _interval_metrics(comparison: tuple[Estimate, Estimate]) -> dict[str, list[float]]:
    return {
        name: [round(each.value, 4), round(each.low, 4), round(each.high, 4)]
        for name, each in zip(("earned", "earned_before"), comparison, strict=True)
    }


def _in_words(own: Estimate, former: Estimate) -> str:
    return (
        f"its decisions earned {own.value:.4f} [{own.low:.4f}, {own.high:.4f}], "
        f"those of the model before {former.value:.4f} [{former.low:.4f}, {former.high:.4f}]"
    )
