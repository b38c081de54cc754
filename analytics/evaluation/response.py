"""Response on Complete Journey: learned before October 2017, judged on the recipients of campaigns 16 to 19."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from analytics.evaluation.errors import DataMissing
from analytics.evaluation.figures import Figure
from analytics.learners.accuracy import auc, auc_interval, log_loss, ranked_well
from analytics.learners.calibration import calibration_error, fit_isotonic
from analytics.learners.response import (
    CAMPAIGN_SETTINGS,
    COUPON_SETTINGS,
    Lesson,
    ResponseModel,
    Settings,
    fit_response,
)
from analytics.learners.response_features import CampaignFacts, campaign_features, coupon_features
from analytics.selectors.response import Offering, campaign_facts, offerings, recipients_of
from analytics.selectors.response_facts import response_facts
from campaigns.models import Campaign
from config.kernel.clock import start_of_shop_day

Tell = Callable[[str], None]
Features = Callable[[CampaignFacts], tuple[tuple[str, ...], np.ndarray]]

LEARNED_BEFORE = date(2017, 10, 1)
JUDGED = ("cj-16", "cj-17", "cj-18", "cj-19")
RANKED = "cj-18"
# Of these nothing is known of the shoppers before they started.
WITHOUT_HISTORY = ("cj-24", "cj-25", "cj-26")
# Above this AUC something of the answer has leaked in.
SUSPICIOUS_AUC = 0.92


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged campaign: what was forecast and what came, shoppers × coupons or shoppers alone."""

    key: str
    forecast: np.ndarray
    answers: np.ndarray


@dataclass(frozen=True, slots=True)
class Trial:
    """What one way of learning makes of the judged campaigns, and of the learned ones looking forward."""

    model: ResponseModel
    judged: list[Judged]
    forward: tuple[np.ndarray, np.ndarray]

    @property
    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """All judged forecasts and answers."""
        return (
            np.concatenate([one.forecast.ravel() for one in self.judged]),
            np.concatenate([one.answers.ravel() for one in self.judged]),
        )


def evaluate(seed: int, tell: Tell) -> Sequence[Figure]:
    """Measures shopper × campaign."""
    facts = read_facts(tell)
    chosen = learn_and_judge(facts, campaign_features, _any_answer, CAMPAIGN_SETTINGS, seed)
    figures = _campaign_figures(chosen, seed)
    for name, settings in _others(CAMPAIGN_SETTINGS).items():
        tell(f"Compared with {name} …")
        figures.append(_beside(name, learn_and_judge(facts, campaign_features, _any_answer, settings, seed)))
    return figures


def read_facts(tell: Tell) -> list[tuple[Offering, CampaignFacts]]:
    """Reads every campaign of the protocol with what was known the day before it, in the order of their start.

    Raises:
        DataMissing: the history is not loaded.
    """
    campaigns = Campaign.objects.filter(key__startswith="cj-").exclude(key__in=WITHOUT_HISTORY)
    learned = campaigns.filter(ends_at__lte=start_of_shop_day(LEARNED_BEFORE))
    found = offerings([*learned, *campaigns.filter(key__in=JUDGED)])
    if {offering.key for offering in found} < set(JUDGED):
        raise DataMissing("Load the history first: manage.py load_complete_journey")
    coupon_ids = sorted({coupon for offering in found for coupon in offering.coupon_ids})
    facts = []
    with response_facts(until=max(offering.starts_at for offering in found), coupon_ids=coupon_ids):
        for offering in found:
            tell(f"Reading {offering.key} …")
            shoppers = recipients_of(offering)
            facts.append((offering, campaign_facts(offering=offering, shopper_ids=shoppers, with_answers=True)))
    return facts


def learn_and_judge(
    facts: Sequence[tuple[Offering, CampaignFacts]],
    features: Features,
    answers: Callable[[CampaignFacts], np.ndarray],
    settings: Settings,
    seed: int,
) -> Trial:
    """Learns from the campaigns that are not judged, and forecasts those that are."""
    lessons = [
        Lesson(
            features=features(each)[1],
            answers=answers(each).ravel(),
            started=offering.starts_at.timestamp(),
            ended=offering.ends_at.timestamp(),
        )
        for offering, each in facts
        if offering.key not in JUDGED
    ]
    names = features(facts[0][1])[0]
    model, forward = fit_response(lessons, names=names, settings=settings, seed=seed)
    return Trial(
        model=model,
        judged=[
            Judged(offering.key, model.predict(features(each)[1]).reshape(answers(each).shape), answers(each))
            for offering, each in facts
            if offering.key in JUDGED
        ],
        forward=(
            np.concatenate([forecast for _, forecast in forward]),
            np.concatenate([lessons[number].answers for number, _ in forward]),
        ),
    )


def _any_answer(facts: CampaignFacts) -> np.ndarray:
    return np.asarray(_answers(facts).any(axis=1))


def _answers(facts: CampaignFacts) -> np.ndarray:
    if facts.answers is None:
        raise DataMissing("The answers of a campaign were not read.")
    return facts.answers


def _others(settings: Settings) -> dict[str, Settings]:
    return {
        "logistic regression alone": replace(settings, tree_weight=0.0),
        "boosted trees alone": replace(settings, tree_weight=1.0),
    }


def _campaign_figures(trial: Trial, seed: int) -> list[Figure]:
    forecast, answers = trial.flat
    area, (low, high) = auc(forecast, answers), auc_interval(forecast, answers, seed=seed)
    loss, ratio = log_loss(forecast, answers), float(forecast.sum() / answers.sum())
    by_campaign = {one.key: auc(one.forecast, one.answers) for one in trial.judged}
    return [
        Figure(
            what="AUC",
            measured=f"{area:.3f} [{low:.3f}, {high:.3f}]",
            aim=">= .86",
            holds=area >= 0.86,
            beside="anchor .845 [.816, .874]; trees .83",
        ),
        Figure(what="log loss", measured=f"{loss:.4f}", aim="<= .315", holds=loss <= 0.315, beside="anchor .325"),
        Figure(
            what="sum of p / sum of y",
            measured=f"{ratio:.3f}",
            aim=".9-1.1",
            holds=0.9 <= ratio <= 1.1,
            beside="anchor 1.17",
        ),
        Figure(
            what="AUC by campaign",
            measured=", ".join(f"{key[3:]} {value:.3f}" for key, value in by_campaign.items()),
            aim="none above .92: that would be a leak",
            holds=max(by_campaign.values()) <= SUSPICIOUS_AUC,
        ),
        Figure(
            what="calibration error, ten bins",
            measured=f"{calibration_error(forecast, answers):.4f}",
            beside="mean gap between forecast and rate",
        ),
        *_forward_figures(trial, forecast, answers),
    ]


def _forward_figures(trial: Trial, forecast: np.ndarray, answers: np.ndarray) -> list[Figure]:
    earlier, earlier_answers = trial.forward
    calibrated = trial.model.platt.apply(earlier)
    platt = trial.model.platt
    # What the model said before Platt's scaling, worked back.
    odds = (np.log(forecast / (1 - forecast)) - platt.intercept) / platt.slope
    raw = 1 / (1 + np.exp(-odds))
    steps = np.interp(raw, *fit_isotonic(earlier, earlier_answers))
    return [
        Figure(
            what="forward validation before October: AUC, log loss, sum of p / sum of y",
            measured=f"{auc(earlier, earlier_answers):.3f}, {log_loss(earlier, earlier_answers):.4f}, "
            f"{earlier.sum() / earlier_answers.sum():.3f}",
            beside=f"what settings were chosen by; Platt makes it {log_loss(calibrated, earlier_answers):.4f}",
        ),
        Figure(
            what="without calibration: log loss, sum of p / sum of y",
            measured=f"{log_loss(raw, answers):.4f}, {raw.sum() / answers.sum():.3f}",
            beside=f"slope {platt.slope:.3f}, intercept {platt.intercept:.3f}",
        ),
        Figure(
            what="isotonic instead: log loss, sum of p / sum of y",
            measured=f"{log_loss(steps, answers):.4f}, {steps.sum() / answers.sum():.3f}",
        ),
    ]


def _beside(name: str, trial: Trial) -> Figure:
    forecast, answers = trial.flat
    low = trial.forward
    return Figure(
        what=f"{name}: AUC, log loss, sum of p / sum of y",
        measured=f"{auc(forecast, answers):.3f}, {log_loss(forecast, answers):.4f}, "
        f"{forecast.sum() / answers.sum():.3f}",
        beside=f"forward before October: AUC {auc(*low):.3f}, log loss {log_loss(*low):.4f}",
    )


def coupon_trial(facts: Sequence[tuple[Offering, CampaignFacts]], settings: Settings, seed: int) -> Trial:
    """Learns and judges shopper × coupon."""
    return learn_and_judge(facts, coupon_features, _answers, settings, seed)


def coupon_figures(facts: Sequence[tuple[Offering, CampaignFacts]], seed: int, tell: Tell) -> list[Figure]:
    """Measures shopper × coupon."""
    tell("Learning shopper × coupon …")
    trial = coupon_trial(facts, COUPON_SETTINGS, seed)
    forecast, answers = trial.flat
    area = auc(forecast, answers)
    ranked = next(one for one in trial.judged if one.key == RANKED)
    recall, gain = ranked_well(ranked.forecast, ranked.answers)
    ratio = float(forecast.sum() / answers.sum())
    figures = [
        Figure(what="AUC", measured=f"{area:.4f}", aim=">= .955", holds=area >= 0.955, beside="anchor .948"),
        Figure(
            what="recall@10, campaign 18",
            measured=f"{recall:.3f}",
            aim=">= .64",
            holds=recall >= 0.64,
            beside="anchor .613",
        ),
        Figure(
            what="NDCG@10, campaign 18", measured=f"{gain:.3f}", aim=">= .48", holds=gain >= 0.48, beside="anchor .453"
        ),
        Figure(what="sum of p / sum of y", measured=f"{ratio:.3f}", aim=".9-1.1", holds=0.9 <= ratio <= 1.1),
        Figure(what="log loss", measured=f"{log_loss(forecast, answers):.5f}"),
        *_forward_figures(trial, forecast, answers),
    ]
    for name, settings in _others(COUPON_SETTINGS).items():
        tell(f"Compared with {name} …")
        other = coupon_trial(facts, settings, seed)
        only = next(one for one in other.judged if one.key == RANKED)
        recall, gain = ranked_well(only.forecast, only.answers)
        figures += [
            _beside(name, other),
            Figure(what=f"{name}: recall@10, NDCG@10", measured=f"{recall:.3f}, {gain:.3f}"),
        ]
    return figures
