"""The nightly response run: who would use which coupon of the campaigns that run or come next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from analytics.enums import Job, RunReason, RunState
from analytics.jobs.drift import InputWatch
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.accuracy import auc, log_loss, log_losses
from analytics.learners.calibration import calibration_error
from analytics.learners.incumbents import BEYOND_CHANCE, gain_over
from analytics.learners.response import (
    COUPON_SETTINGS,
    FEWEST_ANSWERS,
    Lesson,
    ResponseModel,
    TooFewAnswers,
    fit_response,
)
from analytics.learners.response_features import SHOPPER_COLUMNS, CampaignFacts, coupon_feature_names, coupon_features
from analytics.learners.segmentation import FEWEST_SHOPPERS
from analytics.learners.value import (
    captured_value,
    expected_value,
    fit_score,
    learned_is_better,
    time_factor,
    value_score,
)
from analytics.models import Run
from analytics.selectors.coupon_faces import coupon_faces, usual_basket
from analytics.selectors.response import (
    Offering,
    campaign_facts,
    coupon_figures,
    recipient_counts,
    recipients_of,
)
from analytics.selectors.response_campaigns import (
    allocated_coupons,
    audience_chunks,
    ended_offerings,
    open_offerings,
)
from analytics.selectors.response_facts import response_facts
from analytics.selectors.windows import WINDOW_LASTS, learning_window
from analytics.services.registry import Learned, champion, is_held_by_hand, model_promote, model_save
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted
from campaigns.services.scores import ScoreDraft, coupon_scores_drop_older, coupon_scores_write

DEFAULT_SEED = 7
# Shopper × coupon pairs held in memory at once.
CHUNK_PAIRS = 200_000
# Of one ended campaign so many pairs are learned from at most, and of all together: they are held in memory.
MOST_PAIRS_LEARNED = 400_000
MOST_PAIRS_IN_ALL = 2_000_000
# Of a shopper's coupons of one campaign only the best are kept.
MOST_SCORES_A_SHOPPER = 50

# Of these a drift of the shoppers who are scored is told; most others are counts of the same over another time.
WATCHED_COLUMNS = (
    "orders",
    "spend",
    "orders_quarter",
    "recency",
    "tenure",
    "with_coupon",
    "received",
    "since_received",
    "used",
    "since_used",
)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that scores tonight, whether its expected value may order coupons, and what was found out."""

    model: ResponseModel
    uses_expected_value: bool
    metrics: dict[str, Any]


def run_response(*, now: datetime, as_of: datetime | None = None, seed: int = DEFAULT_SEED) -> Run:
    """Learns who used which coupon of ended campaigns, and scores those of live and coming ones.

    The challenger is judged on the newest ended campaign with answers enough, which neither it nor the champion has
    learned from; only if its log loss is lower beyond chance is it taught that campaign too and promoted. While no
    further campaign has ended there is nothing new to learn, and the champion scores again; so it does when there are
    too few answers, and for some nights after somebody rolled back. Scores are renewed in chunks, each its own
    transaction: a run that is cut off leaves old scores beside new ones, never a hole.

    Args:
        as_of: nothing that happened then or later is looked at; None for now, see `learning_window`.

    Returns:
        the run: published, or skipped with its reason.

    Raises:
        RunInProgress: another one has not finished.
    """
    with exclusively(Job.RESPONSE):
        watch = Stopwatch(now)
        runs_mark_interrupted(job=Job.RESPONSE, now=now)
        window = learning_window(now=now, as_of=as_of, fewest_shoppers=FEWEST_SHOPPERS)
        run = run_start(
            job=Job.RESPONSE, window=window, seed=seed, parameters={"window_days": WINDOW_LASTS.days}, now=now
        )
        try:
            metrics = _learn_and_score(run, watch)
        except TooFewAnswers as few:
            metrics = {"answers": few.answers, **_costs(watch)}
            run_finish(run=run, state=RunState.SKIPPED, reason=RunReason.TOO_FEW, metrics=metrics, now=watch.now())
        except Exception as error:
            run_finish(run=run, state=RunState.FAILED, reason=f"{type(error).__name__}: {error}", now=watch.now())
            raise
        else:
            run_finish(run=run, state=RunState.PUBLISHED, metrics={**metrics, **_costs(watch)}, now=watch.now())
        logger.info("response finished", run=run.pk, state=run.state, reason=run.reason, **_costs(watch))
        return run


def _learn_and_score(run: Run, watch: Stopwatch) -> dict[str, Any]:
    ended = ended_offerings(until=run.window_end)
    coming = open_offerings(now=watch.started_at, known_until=run.window_end)
    coupon_ids = sorted({pk for offering in (*ended, *coming) for pk in offering.coupon_ids})
    with response_facts(until=run.window_end, coupon_ids=coupon_ids):
        choice = _choose_model(run, ended, watch)
        scored = _score(run, choice, coming, watch)
    return {**choice.metrics, **scored}


def _choose_model(run: Run, ended: Sequence[Offering], watch: Stopwatch) -> Choice:
    """Returns the champion of tonight: the one that reigns, or a challenger that beat it.

    Raises:
        TooFewAnswers: nothing reigns, and there is not enough to learn from or to judge by.
    """
    reigning = champion(Job.RESPONSE)
    if reigning is not None and tuple(reigning.description["features"]) != coupon_feature_names():
        # It was learned from other features, so that it cannot be asked any more.
        reigning = None
    if reigning is not None and is_held_by_hand(job=Job.RESPONSE, now=watch.started_at):
        return _kept(reigning, "somebody rolled back lately")
    newest = max(ended, key=_order_of_ends, default=None)
    if reigning is not None and newest is not None and newest.campaign_id in reigning.description["campaigns"]:
        return _kept(reigning, "nothing new has ended")
    try:
        return _challenge(run, ended, reigning, watch)
    except TooFewAnswers as few:
        if reigning is None:
            raise
        # What was learned before is as good as it was; without it the old scores would go on ageing.
        return _kept(reigning, "too few answers", answers=few.answers)


def _kept(reigning: Learned, outcome: str, **metrics: Any) -> Choice:
    return Choice(
        model=ResponseModel.from_arrays(reigning.arrays),
        uses_expected_value=bool(reigning.description["uses_expected_value"]),
        metrics={"outcome": outcome, "model": reigning.version.pk, **metrics},
    )


def _challenge(run: Run, ended: Sequence[Offering], reigning: Learned | None, watch: Stopwatch) -> Choice:
    """Teaches a challenger and judges it on the newest campaign that has answers enough to tell two models apart."""
    lessons: dict[int, Lesson] = {}
    newest, newest_facts = None, None
    most = _pairs_to_learn(ended)
    for offering in ended:
        facts = _facts_of_ended(offering, run.seed, most=most[offering.campaign_id])
        lesson = lessons[offering.campaign_id] = _lesson(offering, facts)
        is_newer = newest is None or _order_of_ends(offering) > _order_of_ends(newest)
        if is_newer and lesson.answers.sum() >= FEWEST_ANSWERS:
            newest, newest_facts = offering, facts
    if newest is None or newest_facts is None:
        raise TooFewAnswers(sum(int(lesson.answers.sum()) for lesson in lessons.values()))
    if reigning is not None and newest.campaign_id in reigning.description["campaigns"]:
        return _kept(reigning, "nothing new has answers enough to judge by")
    names = coupon_feature_names()
    before = [lessons[offering.campaign_id] for offering in ended if offering.ends_at <= newest.starts_at]
    challenger, _ = fit_response(before, names=names, settings=COUPON_SETTINGS, seed=run.seed)
    held_out = lessons[newest.campaign_id]
    incumbent = ResponseModel.from_arrays(reigning.arrays) if reigning is not None else None
    forecast, rival = challenger.predict(held_out.features), _said_by(incumbent, before, held_out)
    gain, error = _gain_by_shopper(rival, forecast, held_out.answers, shoppers=len(newest_facts.shopper_ids))
    metrics = {
        "held_out": newest.key,
        "learned_from": len(ended),
        "answers": sum(int(lesson.answers.sum()) for lesson in lessons.values()),
        "challenger": _judge(forecast, held_out.answers),
        "incumbent": _judge(rival, held_out.answers),
        "gain": {"mean": round(gain, 6), "error": round(error, 6) if np.isfinite(error) else None},
        **_compare_values(challenger, newest, newest_facts, run),
    }
    if not gain > BEYOND_CHANCE * error:
        if reigning is not None:
            return _kept(reigning, "the incumbent stays", **metrics)
        # Not even better than the same chance for everybody: nothing may be decided by it.
        raise TooFewAnswers(metrics["answers"])
    model, _ = fit_response(list(lessons.values()), names=names, settings=COUPON_SETTINGS, seed=run.seed)
    version = model_save(
        run=run,
        arrays=model.arrays(),
        metrics=metrics,
        description={
            "campaigns": sorted(lessons),
            "features": list(names),
            "uses_expected_value": metrics["uses_expected_value"],
        },
        now=watch.now(),
    )
    reason = f"Log loss {metrics['challenger']['log_loss']} on {newest.key}, before {metrics['incumbent']['log_loss']}"
    model_promote(version=version, reason=reason, now=watch.now())
    return Choice(
        model=model,
        uses_expected_value=metrics["uses_expected_value"],
        metrics={"outcome": "promoted", "model": version.pk, **metrics},
    )


def _order_of_ends(offering: Offering) -> tuple[datetime, int]:
    return offering.ends_at, offering.campaign_id


def _gain_by_shopper(
    rival: NDArray[np.float64], forecast: NDArray[np.float64], answers: NDArray[np.bool_], *, shoppers: int
) -> tuple[float, float]:
    """Returns how much lower the log loss is, over shoppers, and its standard error.

    A shopper's pairs are one draw and not many: whoever shops a lot answers several coupons at once.
    """
    lost, new = (log_losses(said, answers).reshape(shoppers, -1).mean(axis=1) for said in (rival, forecast))
    return gain_over(lost, new)


def _pairs_to_learn(ended: Sequence[Offering]) -> dict[int, int]:
    """Returns of how many pairs of each campaign is learned: each gives up the same share where all are too many."""
    recipients = recipient_counts(ended)
    pairs = {
        offering.campaign_id: min(
            recipients.get(offering.campaign_id, 0) * len(offering.coupon_ids), MOST_PAIRS_LEARNED
        )
        for offering in ended
    }
    share = min(1.0, MOST_PAIRS_IN_ALL / max(sum(pairs.values()), 1))
    return {campaign_id: int(count * share) for campaign_id, count in pairs.items()}


def _facts_of_ended(offering: Offering, seed: int, *, most: int) -> CampaignFacts:
    """Returns what was known of an ended campaign's recipients, or of so many drawn from them that `most` pairs come.

    There is one of them at least.
    """
    recipients = recipients_of(offering)
    count = max(1, most // len(offering.coupon_ids))
    if len(recipients) > count:
        drawn = np.random.default_rng([seed, offering.campaign_id]).choice(len(recipients), count, replace=False)
        recipients = recipients[np.sort(drawn)]
    return campaign_facts(offering=offering, shopper_ids=recipients, with_answers=True)


def _lesson(offering: Offering, facts: CampaignFacts) -> Lesson:
    return Lesson(
        features=coupon_features(facts)[1],
        answers=_answers_of(facts).ravel(),
        started=offering.starts_at.timestamp(),
        ended=offering.ends_at.timestamp(),
        rows_each=len(facts.coupon_ids),
    )


def _answers_of(facts: CampaignFacts) -> NDArray[np.bool_]:
    if facts.answers is None:
        raise ValueError("facts of an ended campaign come with answers")
    return facts.answers


def _said_by(incumbent: ResponseModel | None, before: Sequence[Lesson], held_out: Lesson) -> NDArray[np.float64]:
    """Returns the champion's forecast, or without one the same chance for everybody: the rate so far."""
    if incumbent is not None:
        return incumbent.predict(held_out.features)
    answers = np.concatenate([lesson.answers for lesson in before])
    return np.full(len(held_out.answers), float(answers.mean()))


def _judge(forecast: NDArray[np.float64], answers: NDArray[np.bool_]) -> dict[str, float | None]:
    area = auc(forecast, answers)
    return {
        "log_loss": round(log_loss(forecast, answers), 6),
        "auc": None if np.isnan(area) else round(area, 4),
        "expected": round(float(forecast.sum()), 1),
        "came": int(answers.sum()),
        "calibration_error": round(calibration_error(forecast, answers), 6),
    }


def _compare_values(model: ResponseModel, offering: Offering, facts: CampaignFacts, run: Run) -> dict[str, Any]:
    """Finds out which of the two values puts more of what shoppers saved among their first ten coupons."""
    face = _faces(offering, run)
    probability, transparent = _values(model, offering, facts, face, offering.starts_at)
    used = _answers_of(facts)
    by_rule = captured_value(transparent, face, used)
    by_learning = captured_value(expected_value(probability, face), face, used)
    is_better = learned_is_better(by_learning, by_rule)
    return {
        "value_captured": {
            "transparent": None if np.isnan(by_rule) else round(by_rule, 4),
            "learned": None if np.isnan(by_learning) else round(by_learning, 4),
        },
        "uses_expected_value": is_better,
    }


def _faces(offering: Offering, run: Run) -> NDArray[np.float64]:
    """Returns what each coupon takes off."""
    return coupon_faces(coupon_ids=offering.coupon_ids, basket=usual_basket(until=run.window_end))


def _values(
    model: ResponseModel, offering: Offering, facts: CampaignFacts, face: NDArray[np.float64], now: datetime
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns probabilities and transparent values, shoppers × coupons."""
    shape = facts.pairs.shape[:2]
    probability = model.predict(coupon_features(facts)[1]).reshape(shape)
    gap = facts.of_shopper("tenure") / np.maximum(facts.of_shopper("orders"), 1.0)
    factor = time_factor((offering.ends_at - max(now, offering.starts_at)) / timedelta(days=1), gap)
    transparent = value_score(face[None, :], fit_score(facts.of_pair("orders_quarter")), factor[:, None])
    return probability, transparent


def _score(run: Run, choice: Choice, coming: Sequence[Offering], watch: Stopwatch) -> dict[str, Any]:
    """Writes scores of every open campaign for its audience, and takes away those that were not renewed.

    Whoever is scored only because coupons are to be allocated gets scores of these alone, and is not expected to use
    any: a score of another coupon means that its campaign addresses the shopper.
    """
    now = watch.started_at
    written, expected = 0, {}
    inputs = InputWatch(run, SHOPPER_COLUMNS, watched=WATCHED_COLUMNS)
    for offering in coming:
        total = 0.0
        rows = max(1, CHUNK_PAIRS // len(offering.coupon_ids))
        # What everybody did is the same for every chunk.
        figures, face = coupon_figures(offering), _faces(offering, run)
        is_allocated = np.isin(offering.coupon_ids, allocated_coupons(offering))
        for chunk in audience_chunks(offering=offering, now=now, chunk_rows=rows):
            facts = campaign_facts(
                offering=offering, shopper_ids=chunk.shopper_ids, with_answers=False, figures=figures
            )
            inputs.look(facts.shoppers)
            probability, transparent = _values(choice.model, offering, facts, face, now)
            value = expected_value(probability, face) if choice.uses_expected_value else transparent
            is_addressed = np.isin(facts.shopper_ids, chunk.addressed)
            drafts = _drafts(facts, probability, value, wanted=is_addressed[:, None] | is_allocated[None, :])
            written += coupon_scores_write(drafts=drafts, now=now)
            total += float(probability[is_addressed].sum())
        expected[offering.key] = round(total, 1)
    dropped = coupon_scores_drop_older(than=now)
    return {"scores": written, "dropped": dropped, "expected_redemptions": expected, **inputs.metrics()}


def _drafts(
    facts: CampaignFacts,
    probability: NDArray[np.float64],
    value: NDArray[np.float64],
    *,
    wanted: NDArray[np.bool_],
) -> list[ScoreDraft]:
    ranks = np.where(wanted, -value, np.inf)
    best = np.argsort(ranks, axis=1, kind="stable")[:, :MOST_SCORES_A_SHOPPER]
    return [
        ScoreDraft(
            shopper_id=shopper_id,
            coupon_id=int(facts.coupon_ids[column]),
            probability=float(probability[row, column]),
            value=float(value[row, column]),
        )
        for row, shopper_id in enumerate(facts.shopper_ids.tolist())
        for column in best[row].tolist()
        if wanted[row, column]
    ]


def _costs(watch: Stopwatch) -> dict[str, float]:
    return {"seconds": round(watch.seconds(), 3), "peak_memory_mib": round(peak_memory(), 1)}
