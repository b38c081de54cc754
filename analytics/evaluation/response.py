"""Response on Complete Journey: learned before October 2017, judged on the recipients of campaigns 16 to 19."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from analytics.evaluation.errors import DataMissing
from analytics.evaluation.figures import Figure
from analytics.learners.accuracy import auc, auc_interval, log_loss, ranked_well
from analytics.learners.calibration import (
    Forecast,
    Platt,
    calibration_error,
    fit_isotonic,
    fit_platt,
    fit_shift,
)
from analytics.learners.response import (
    CAMPAIGN_SETTINGS,
    COUPON_SETTINGS,
    FEWEST_ANSWERS,
    Lesson,
    Settings,
    any_answer,
    blended,
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
# How much of shopper × campaign comes from the model of single coupons.
SHARE_OF_COUPONS = 0.25


@dataclass(frozen=True, slots=True)
class Told:
    """A campaign: what was forecast before calibration and what came, shoppers × coupons or shoppers alone."""

    key: str
    started: float
    ended: float
    raw: np.ndarray
    answers: np.ndarray

    @property
    def as_rows(self) -> Forecast:
        """Row after row, for calibration."""
        return Forecast(self.raw.ravel(), self.answers.ravel(), self.answers[0].size)


@dataclass(frozen=True, slots=True)
class Trial:
    """What one way of learning makes of the judged campaigns, and of the learned ones looking forward."""

    judged: list[Told]
    forward: list[Told]

    @property
    def shift(self) -> float:
        """What the forward forecasts teach about the next campaign."""
        return fit_shift([one.as_rows for one in self.forward])

    def calibrated(self, one: Told) -> np.ndarray:
        """Returns probabilities as the product gives them."""
        return Platt(intercept=self.shift).apply(one.raw)


def evaluate(seed: int, tell: Tell) -> Sequence[Figure]:
    """Measures shopper × campaign."""
    facts = read_facts(tell)
    tell("Learning shopper × coupon …")
    coupons = coupon_trial(facts, COUPON_SETTINGS, seed)
    tell("Learning shopper × campaign …")
    alone = learn_and_judge(facts, campaign_features, _any_answer, CAMPAIGN_SETTINGS, seed)
    figures = _campaign_figures(_with_coupons(alone, coupons), seed)
    figures.append(_beside("without the model of single coupons", alone))
    for name, settings in _others(CAMPAIGN_SETTINGS).items():
        tell(f"Compared with {name} …")
        figures.append(_beside(name, learn_and_judge(facts, campaign_features, _any_answer, settings, seed)))
    return figures


def _with_coupons(trial: Trial, coupons: Trial) -> Trial:
    """Lets what is said of single coupons speak of their campaign."""

    def joined(ones: Sequence[Told], others: Sequence[Told]) -> list[Told]:
        single = {other.key: any_answer(other.raw) for other in others}
        return [replace(one, raw=blended(one.raw, single[one.key], share=SHARE_OF_COUPONS)) for one in ones]

    return Trial(judged=joined(trial.judged, coupons.judged), forward=joined(trial.forward, coupons.forward))


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
    learned = [(offering, each) for offering, each in facts if offering.key not in JUDGED]
    lessons = [
        Lesson(
            features=features(each)[1],
            answers=answers(each).ravel(),
            started=offering.starts_at.timestamp(),
            ended=offering.ends_at.timestamp(),
            rows_each=answers(each)[:1].size,
        )
        for offering, each in learned
    ]
    names = features(facts[0][1])[0]
    model, forward = fit_response(lessons, names=names, settings=settings, seed=seed)

    def told(offering: Offering, each: CampaignFacts, raw: np.ndarray) -> Told:
        came = answers(each)
        started, ended = offering.starts_at.timestamp(), offering.ends_at.timestamp()
        return Told(key=offering.key, started=started, ended=ended, raw=raw.reshape(came.shape), answers=came)

    return Trial(
        judged=[
            told(offering, each, model.raw(features(each)[1])) for offering, each in facts if offering.key in JUDGED
        ],
        forward=[told(*learned[number], forecast) for number, forecast in forward],
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


def _flat(each: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([one.ravel() for one in each])


def _judged(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """Returns all judged forecasts, calibrated, and their answers."""
    return _flat([trial.calibrated(one) for one in trial.judged]), _flat([one.answers for one in trial.judged])


def _raw(ones: Sequence[Told]) -> tuple[np.ndarray, np.ndarray]:
    return _flat([one.raw for one in ones]), _flat([one.answers for one in ones])


def _campaign_figures(trial: Trial, seed: int) -> list[Figure]:
    forecast, answers = _judged(trial)
    area, (low, high) = auc(forecast, answers), auc_interval(forecast, answers, seed=seed)
    loss, ratio = log_loss(forecast, answers), float(forecast.sum() / answers.sum())
    by_campaign = {one.key: auc(one.raw, one.answers) for one in trial.judged}
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
        *_forward_figures(trial),
    ]


def _forward_figures(trial: Trial) -> list[Figure]:
    earlier, earlier_answers = _raw(trial.forward)
    raw, answers = _raw(trial.judged)
    platt = fit_platt(earlier, earlier_answers)
    scaled = platt.apply(raw)
    steps = np.interp(raw, *fit_isotonic(earlier, earlier_answers))
    loss = {
        "without": log_loss(earlier, earlier_answers),
        "the shift": _lost_in_time(trial.forward, lambda past: Platt(intercept=fit_shift(past))),
        "Platt's scaling": _lost_in_time(trial.forward, _platt_of),
    }
    return [
        Figure(
            what="forward validation before October: AUC, log loss, sum of p / sum of y",
            measured=f"{auc(earlier, earlier_answers):.4f}, {loss['without']:.5f}, "
            f"{earlier.sum() / earlier_answers.sum():.3f}",
            beside="what settings and features were chosen by",
        ),
        Figure(
            what="log loss before October, calibrated by what had ended before",
            measured=", ".join(f"{name} {value:.5f}" for name, value in loss.items()),
            beside="what the calibration was chosen by",
        ),
        Figure(
            what="without calibration: log loss, sum of p / sum of y",
            measured=f"{log_loss(raw, answers):.5f}, {raw.sum() / answers.sum():.3f}",
            beside=f"shift {trial.shift:.3f}",
        ),
        Figure(
            what="Platt's scaling instead: log loss, sum of p / sum of y",
            measured=f"{log_loss(scaled, answers):.5f}, {scaled.sum() / answers.sum():.3f}",
            beside=f"slope {platt.slope:.3f}, intercept {platt.intercept:.3f}",
        ),
        Figure(
            what="isotonic instead: log loss, sum of p / sum of y",
            measured=f"{log_loss(steps, answers):.5f}, {steps.sum() / answers.sum():.3f}",
        ),
    ]


def _lost_in_time(forward: Sequence[Told], learn: Callable[[list[Forecast]], Platt]) -> float:
    """Returns the log loss when each campaign is corrected by the forecasts of those that had ended when it started."""
    corrected = [
        learn([other.as_rows for other in forward if other.ended <= one.started]).apply(one.raw) for one in forward
    ]
    return log_loss(_flat(corrected), _flat([one.answers for one in forward]))


def _platt_of(past: list[Forecast]) -> Platt:
    if sum(int(each.answers.sum()) for each in past) < FEWEST_ANSWERS:
        return Platt()
    return fit_platt(_flat([each.probability for each in past]), _flat([each.answers for each in past]))


def _beside(name: str, trial: Trial) -> Figure:
    forecast, answers = _judged(trial)
    earlier = _raw(trial.forward)
    return Figure(
        what=f"{name}: AUC, log loss, sum of p / sum of y",
        measured=f"{auc(forecast, answers):.4f}, {log_loss(forecast, answers):.5f}, "
        f"{forecast.sum() / answers.sum():.3f}",
        beside=f"forward before October: AUC {auc(*earlier):.4f}, log loss {log_loss(*earlier):.5f}",
    )


def coupon_trial(facts: Sequence[tuple[Offering, CampaignFacts]], settings: Settings, seed: int) -> Trial:
    """Learns and judges shopper × coupon."""
    return learn_and_judge(facts, coupon_features, _answers, settings, seed)


def coupon_figures(facts: Sequence[tuple[Offering, CampaignFacts]], seed: int, tell: Tell) -> list[Figure]:
    """Measures shopper × coupon."""
    tell("Learning shopper × coupon …")
    trial = coupon_trial(facts, COUPON_SETTINGS, seed)
    forecast, answers = _judged(trial)
    area = auc(forecast, answers)
    ranked = next(one for one in trial.judged if one.key == RANKED)
    recall, gain = ranked_well(ranked.raw, ranked.answers)
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
        *_forward_figures(trial),
    ]
    for name, settings in _others(COUPON_SETTINGS).items():
        tell(f"Compared with {name} …")
        other = coupon_trial(facts, settings, seed)
        only = next(one for one in other.judged if one.key == RANKED)
        recall, gain = ranked_well(only.raw, only.answers)
        figures += [
            _beside(name, other),
            Figure(what=f"{name}: recall@10, NDCG@10", measured=f"{recall:.3f}, {gain:.3f}"),
        ]
    return figures
