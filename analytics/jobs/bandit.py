"""The nightly bandit: what decisions brought in, which variants to draw more often, and whether that may go live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import structlog
from django.db import transaction
from numpy.typing import NDArray

from analytics.enums import Job, PromotionKind, RunReason, RunState, WindowEnd
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.bandit import FLOOR, HALF_LIFE_NIGHTS, BetaArms, thompson_shares
from analytics.learners.off_policy import Estimate, OffPolicy, lies_below, mean_interval, off_policy
from analytics.learners.reward import rewards
from analytics.models import ModelPromotion, ModelVersion, Run
from analytics.selectors.decisions import DecisionLog, Outcome, decision_log, outcomes_due
from analytics.selectors.windows import Window
from analytics.services.registry import Learned, champion, model_promote, model_roll_back, model_save
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted
from campaigns.models import DecisionReward, VariantGroup
from campaigns.services.variants import decision_rewards_write, variant_shares_publish

LOG_LASTS = timedelta(days=120)
# A model is judged by its own decisions, and not before there are so many of each.
FEWEST_TO_JUDGE = 200
# Time for a week of decisions, and for the week in which each of them earns.
REIGNS_FOR = timedelta(days=14)

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

    First the model in use answers for itself: if the interval of what its own decisions earned lies wholly below that
    of the model before, that one comes back, and nothing new is promoted tonight. Otherwise, once it has been in use
    long enough to have been judged, each group's new shares pass an off-policy gate; a group that fails it keeps what
    it has. Running it again on the same data changes nothing but the run's own row.

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
            clicked=np.array([outcome.clicked]),
            dwell_seconds=np.array([outcome.dwell_seconds]),
            redeemed=np.array([outcome.redeemed]),
            margin=np.array([float(outcome.margin)]),
            full_margin=float(outcome.decision.group.full_margin),
        ).tolist()
        found.append(
            DecisionReward(
                decision=outcome.decision,
                reward=min(max(reward, 0.0), 1.0),
                clicked=outcome.clicked,
                dwell_seconds=outcome.dwell_seconds,
                redeemed=outcome.redeemed,
                margin=outcome.margin,
                measured_at=now,
            )
        )
    return found


def _decide(run: Run, now: datetime) -> tuple[RunState, str, dict[str, Any]]:
    groups = list(VariantGroup.objects.filter(is_active=True).order_by("pk"))
    logs = {group.pk: decision_log(group=group, as_of=now, lasts=LOG_LASTS) for group in groups}
    reigning = champion(Job.BANDIT)
    comparison = _comparison(reigning, list(logs.values()))
    if comparison is not None and lies_below(*comparison):
        promotion = model_roll_back(job=Job.BANDIT, reason=_in_words(*comparison), now=now)
        _publish_all(groups, promotion.model, champion(Job.BANDIT))
        return RunState.SKIPPED, RunReason.ROLLED_BACK, {"groups": len(groups), **_interval_metrics(comparison)}
    proposals = [_proposal(group, logs[group.pk]) for group in groups if len(logs[group.pk].rewards)]
    proposals = [proposal for proposal in proposals if len(proposal.shares) > 1]
    figures = {"groups": len(groups), "estimates": [_estimate_figures(proposal) for proposal in proposals]}
    live = [proposal for proposal in proposals if proposal.may_go_live]
    if not live:
        return RunState.SKIPPED, RunReason.WORSE if proposals else RunReason.NO_DECISIONS, figures
    if reigning is not None and _is_unjudged(reigning, now):
        return RunState.SKIPPED, RunReason.TOO_SOON, figures
    # A group that fails keeps its shares, as part of the new model: a roll back then knows what all groups had.
    shares = {group.pk: _shares_in_force(group) for group in groups}
    shares |= {proposal.group.pk: proposal.shares for proposal in live}
    version = _save(run, shares, figures, now)
    model_promote(version=version, reason=f"{len(live)} of {len(proposals)} groups passed the off-policy gate", now=now)
    for group in groups:
        variant_shares_publish(group=group, shares=shares[group.pk], policy=version.pk)
    return RunState.PUBLISHED, "", figures


def _proposal(group: VariantGroup, log: DecisionLog) -> Proposal:
    coupon_ids = list(group.arms.order_by("pk").values_list("coupon_id", flat=True))
    weights = 0.5 ** (log.ages_days / HALF_LIFE_NIGHTS)
    won = np.array([(weights * log.rewards)[log.coupon_ids == coupon_id].sum() for coupon_id in coupon_ids])
    seen = np.array([weights[log.coupon_ids == coupon_id].sum() for coupon_id in coupon_ids])
    arms = BetaArms(alpha=1 + won, beta=1 + seen - won)
    if not coupon_ids:
        return Proposal(group, {}, None)
    floor = min(FLOOR, 1 / len(coupon_ids))
    shares = dict(zip(coupon_ids, thompson_shares(arms, floor=floor).tolist(), strict=True))
    means = dict(zip(coupon_ids, arms.means.tolist(), strict=True))
    return Proposal(group, shares, _estimate(log, shares, means))


def _estimate(log: DecisionLog, shares: Shares, means: Mapping[int, float]) -> OffPolicy | None:
    # A coupon that has left the group since is drawn by nobody any more.
    known = np.isin(log.coupon_ids, list(shares))
    if not known.any():
        return None
    drawn = log.coupon_ids[known].tolist()
    expected = sum(share * means[coupon_id] for coupon_id, share in shares.items())
    return off_policy(
        rewards=log.rewards[known],
        propensities=log.propensities[known],
        target=np.array([shares[coupon_id] for coupon_id in drawn]),
        expected_drawn=np.array([means[coupon_id] for coupon_id in drawn]),
        expected_target=np.full(len(drawn), expected),
    )


def _comparison(reigning: Learned | None, logs: list[DecisionLog]) -> tuple[Estimate, Estimate] | None:
    """Returns what the model in use and the one before earned by their own decisions; None while it is too early."""
    if reigning is None:
        return None
    crowned = ModelPromotion.objects.filter(model=reigning.version, kind=PromotionKind.PROMOTED).order_by("-pk").first()
    if crowned is None or crowned.before_id is None:
        return None
    policies = np.concatenate([log.policies for log in logs]) if logs else np.zeros(0)
    earned = np.concatenate([log.rewards for log in logs]) if logs else np.zeros(0)
    own, former = earned[policies == reigning.version.pk], earned[policies == crowned.before_id]
    if min(len(own), len(former)) < FEWEST_TO_JUDGE:
        return None
    return mean_interval(own), mean_interval(former)


def _publish_all(groups: list[VariantGroup], version: ModelVersion, learned: Learned | None) -> None:
    if learned is None:
        return
    for group in groups:
        shares = _shares_in(learned, group)
        if shares:
            variant_shares_publish(group=group, shares=shares, policy=version.pk)


def _shares_in(learned: Learned, group: VariantGroup) -> dict[int, float]:
    rows: NDArray[np.bool_] = learned.arrays["group"] == group.pk
    coupons, shares = learned.arrays["coupon"][rows].tolist(), learned.arrays["share"][rows].tolist()
    return dict(zip(coupons, shares, strict=True))


def _shares_in_force(group: VariantGroup) -> dict[int, float]:
    known = group.arms.exclude(share=None).order_by("pk").values_list("coupon_id", "share")
    return {coupon_id: share for coupon_id, share in known if share is not None}


def _is_unjudged(reigning: Learned, now: datetime) -> bool:
    """Returns whether the model in use has not had the time to be compared with the one before."""
    crowned = ModelPromotion.objects.filter(model=reigning.version).order_by("-pk").first()
    return crowned is not None and now - crowned.at < REIGNS_FOR


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
