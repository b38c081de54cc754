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
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.bandit import FLOOR, HALF_LIFE_NIGHTS, fresh, hold_back, learn, thompson_shares
from analytics.learners.off_policy import Estimate, OffPolicy, lies_below, off_policy, standardised_interval
from analytics.learners.reward import rewards
from analytics.models import ModelPromotion, ModelVersion, Run
from analytics.selectors.decisions import DecisionLog, Outcome, decision_log, outcomes_due
from analytics.selectors.windows import Window
from analytics.services.registry import Learned, champion, model_load, model_promote, model_roll_back, model_save
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted
from campaigns.models import DecisionReward, VariantGroup
from campaigns.services.variants import decision_rewards_write, variant_shares_publish

LOG_LASTS = timedelta(days=120)
# A model is judged by its own decisions, and not before there are so many of each.
FEWEST_TO_JUDGE = 200
# Of which so many in each group that is compared, or its interval means nothing.
FEWEST_IN_GROUP = 30
# Time for a week of decisions, and for the week in which each of them earns.
REIGNS_FOR = timedelta(days=14)
# New shares are judged by the newer half of the decisions, but no more than these: the rest is better learned from.
MOST_TO_JUDGE_BY = 2000
# Equal shares, of groups that no model knows.
EQUAL_SHARES = 0

Shares = Mapping[int, float]

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a night would make of one group; `estimate` is None without measured decisions."""

    group: VariantGroup
    shares: dict[int, float]
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
                measured_at=now,
            )
        )
    return found


def _decide(run: Run, now: datetime) -> tuple[RunState, str, dict[str, Any]]:
    groups = list(VariantGroup.objects.filter(is_active=True).order_by("pk"))
    reigning = champion(Job.BANDIT)
    if reigning is not None:
        _bring_into_force(groups, reigning)
    logs = {group.pk: decision_log(group=group, as_of=now, lasts=LOG_LASTS) for group in groups}
    may_change = _may_change(now)
    comparison = _comparison(reigning, groups, logs) if reigning is not None and may_change else None
    if reigning is not None and comparison is not None and lies_below(*comparison):
        _bring_into_force(groups, _return_to_former(run, reigning, _in_words(*comparison), now))
        return RunState.SKIPPED, RunReason.ROLLED_BACK, {"groups": len(groups), **_interval_metrics(comparison)}
    proposals = [_proposal(group, logs[group.pk]) for group in groups if len(logs[group.pk])]
    proposals = [proposal for proposal in proposals if len(proposal.shares) > 1]
    figures = {"groups": len(groups), "estimates": [_estimate_figures(proposal) for proposal in proposals]}
    live = [proposal for proposal in proposals if proposal.may_go_live]
    if not live:
        return RunState.SKIPPED, RunReason.WORSE if proposals else RunReason.NO_DECISIONS, figures
    if not may_change or _own_decisions(reigning, logs) < FEWEST_TO_JUDGE:
        return RunState.SKIPPED, RunReason.TOO_SOON, figures
    # A group that fails keeps its shares, as part of the new model: a roll back then knows what all groups had.
    shares = {group.pk: _shares_in_force(group) for group in groups}
    shares |= {proposal.group.pk: proposal.shares for proposal in live}
    version = _save(run, shares, figures, now)
    model_promote(version=version, reason=f"{len(live)} of {len(proposals)} groups passed the off-policy gate", now=now)
    _bring_into_force(groups, model_load(version))
    return RunState.PUBLISHED, "", figures


def _proposal(group: VariantGroup, log: DecisionLog) -> Proposal:
    """Learns from the older decisions, as they were worth when the newer ones began, and judges by the newer ones."""
    coupon_ids = list(group.arms.order_by("pk").values_list("coupon_id", flat=True))
    if not coupon_ids:
        return Proposal(group, {}, None)
    # A coupon that has left the group since is drawn by nobody any more.
    known = np.isin(log.coupon_ids, coupon_ids)
    split = len(log) - min(len(log) // 2, MOST_TO_JUDGE_BY)
    older = log.part(slice(0, split)).part(known[:split])
    places = {coupon_id: place for place, coupon_id in enumerate(coupon_ids)}
    drawn = np.array([places[coupon_id] for coupon_id in older.coupon_ids.tolist()], dtype=np.int64)
    ages = older.ages_days - log.ages_days[split - 1]
    arms = learn(fresh(len(coupon_ids)), drawn=drawn, rewards=older.rewards, ages_days=ages)
    learned = thompson_shares(arms, floor=min(FLOOR, 1 / len(coupon_ids)))
    held = hold_back(learned, unseen=np.bincount(drawn, minlength=len(coupon_ids)) == 0)
    shares = dict(zip(coupon_ids, held.tolist(), strict=True))
    means = dict(zip(coupon_ids, arms.means.tolist(), strict=True))
    newer = _as_among(log, known).part(slice(split, None)).part(known[split:])
    return Proposal(group, shares, _estimate(newer, shares, means) if len(newer) else None)


def _as_among(log: DecisionLog, known: NDArray[np.bool_]) -> DecisionLog:
    """Returns the log with the chances that known arms would have had without the others.

    What all of them together had is not logged, only what the drawn one had: the part of the same model's decisions
    that they were drawn in stands for it.
    """
    chances = log.propensities.copy()
    for policy in np.unique(log.policies[known]):
        rows = log.policies == policy
        chances[rows] = np.minimum(chances[rows] / known[rows].mean(), 1)
    return replace(log, propensities=chances)


def _estimate(log: DecisionLog, shares: Shares, means: Mapping[int, float]) -> OffPolicy:
    drawn = log.coupon_ids.tolist()
    expected = sum(share * means[coupon_id] for coupon_id, share in shares.items())
    return off_policy(
        rewards=log.rewards,
        propensities=log.propensities,
        target=np.array([shares[coupon_id] for coupon_id in drawn]),
        expected_drawn=np.array([means[coupon_id] for coupon_id in drawn]),
        expected_target=np.full(len(drawn), expected),
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
        log, now_by, then_by = logs[group.pk], _policy_in(reigning, group), _policy_in(former, group)
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
    version = _save(run, {}, {}, now)
    model_promote(version=version, reason=reason, now=now)
    return model_load(version)


def _bring_into_force(groups: list[VariantGroup], learned: Learned) -> None:
    """Publishes a model's shares in each group that has others; one that the model does not know has equal ones."""
    for group in groups:
        policy = _policy_in(learned, group)
        if group.policy != policy:
            variant_shares_publish(group=group, shares=_shares_in(learned, group), policy=policy)


def _policy_in(learned: Learned | None, group: VariantGroup) -> int:
    """Returns the number under which a group's decisions are logged while a model is in use."""
    return learned.version.pk if learned is not None and _shares_in(learned, group) else EQUAL_SHARES


def _shares_in(learned: Learned, group: VariantGroup) -> dict[int, float]:
    rows: NDArray[np.bool_] = learned.arrays["group"] == group.pk
    coupons, shares = learned.arrays["coupon"][rows].tolist(), learned.arrays["share"][rows].tolist()
    return dict(zip(coupons, shares, strict=True))


def _shares_in_force(group: VariantGroup) -> dict[int, float]:
    known = group.arms.exclude(share=None).order_by("pk").values_list("coupon_id", "share")
    return {coupon_id: share for coupon_id, share in known if share is not None}


def _save(run: Run, shares: Mapping[int, Shares], figures: dict[str, Any], now: datetime) -> ModelVersion:
    rows = [(group, coupon, share) for group, of_group in shares.items() for coupon, share in of_group.items()]
    arrays = {
        "group": np.array([group for group, _coupon, _share in rows], dtype=np.int64),
        "coupon": np.array([coupon for _group, coupon, _share in rows], dtype=np.int64),
        "share": np.array([share for _group, _coupon, share in rows], dtype=np.float64),
    }
    description = {"share": "how often a coupon of a variant group is drawn"}
    return model_save(run=run, arrays=arrays, metrics=figures, description=description, now=now)


def _estimate_figures(proposal: Proposal) -> dict[str, Any]:
    estimate = proposal.estimate
    figures: dict[str, Any] = {"group": proposal.group.key, "live": proposal.may_go_live}
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
