"""Uses a week of claims that are held: forecast by age alone, by summed probabilities, and as the nightly run does it.

Complete Journey's mailings of types B and C gave every recipient every coupon at once, so that it is known who held
what and when it was used. At the start of each, and every seven days later, the uses of the next seven days are
forecast, coupon by coupon, from what was known then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db.models import Min
from numpy.typing import NDArray

from analytics.evaluation.errors import DataMissing
from analytics.evaluation.figures import Figure
from analytics.evaluation.response import LEARNED_BEFORE, WITHOUT_HISTORY
from analytics.learners.forecast import wape
from analytics.learners.response import COUPON_SETTINGS, Lesson, fit_response
from analytics.learners.response_features import CampaignFacts, coupon_feature_names, coupon_features
from analytics.learners.stock import leanings_of, redemptions_ahead, use_rates, usual_rates
from analytics.selectors.response import Offering, campaign_facts, offerings, recipients_of
from analytics.selectors.response_facts import response_facts
from analytics.selectors.stock_history import DAYS_OF_USUAL
from campaigns.models import Campaign
from config.kernel.clock import shop_date, start_of_shop_day
from coupons.models import Claim

Tell = Callable[[str], None]
Vector = NDArray[np.float64]
Days = NDArray[np.int64]

# Who held which coupon of these is not recorded: type A.
HELD_UNKNOWN = ("cj-8", "cj-13", "cj-18", "cj-27")
JUDGED = ("cj-16", "cj-17", "cj-19", "cj-20", "cj-21", "cj-22")
LAST_DAY = date(2017, 12, 31)
AGES = 60
WEEK = 7
NEVER = 0


@dataclass(frozen=True, slots=True)
class Claims:
    """All claims, one entry each; days are ordinals, `used` is `NEVER` for one that was not used."""

    coupons: Days
    shoppers: Days
    made: Days
    used: Days
    ends: Days


@dataclass(frozen=True, slots=True)
class Mailing:
    """One campaign with each recipient's chance to use each coupon, as it was on its eve."""

    key: str
    starts: int
    ends: int
    coupon_ids: tuple[int, ...]
    shopper_ids: Days
    chances: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of a mailing's coupons at an origin.

    `redeemed` and `at_risk` by days since the claim; `held` claims, all of one age; `lately` and `usual`, the rates by
    age of two pools of claims; of the holders' chances the mean over all `claims` and the sum over those still held.
    """

    age: int
    redeemed: NDArray[np.float64]
    at_risk: NDArray[np.float64]
    held: Vector
    lately: Vector
    usual: Vector
    scores: Vector
    summed: Vector
    claims: Vector
    lasts: int


def evaluate(seed: int, tell: Tell) -> Sequence[Figure]:
    """Compares ways to forecast on the mailings before October, and judges them on those after.

    Raises:
        DataMissing: Complete Journey is not loaded.
    """
    claims = _read_claims()
    if not len(claims.coupons):
        raise DataMissing("Load the history first: manage.py load_complete_journey")
    mailings = _read_mailings(seed, tell)
    figures = []
    for name, keys in (
        ("before October", [mailing for mailing in mailings if mailing.key not in JUDGED]),
        ("judged", [mailing for mailing in mailings if mailing.key in JUDGED]),
    ):
        tell(f"Forecasting week by week, {name} …")
        figures += _compared(name, keys, claims)
    return figures


def by_age_lately(known: Known) -> Vector:
    """Returns uses of the next week by age alone, from live coupons' claims of two months: as it was done before."""
    return _by_rates(known, use_rates(known.redeemed, known.at_risk, usual=known.lately))


def by_age(known: Known) -> Vector:
    """Returns the same from all claims of half a year, ended coupons' as well."""
    return _by_rates(known, use_rates(known.redeemed, known.at_risk, usual=known.usual))


def by_age_and_scores(known: Known) -> Vector:
    """Returns what the nightly run does: by age, with the distance between coupons from their holders' scores."""
    leanings = leanings_of(known.scores, known.claims)
    return _by_rates(known, use_rates(known.redeemed, known.at_risk, usual=known.usual, leanings=leanings))


def summed(known: Known) -> Vector:
    """Returns the sum of the holders' probabilities, spread over the mailing's days as uses were before."""
    left = np.concatenate([[1.0], np.cumprod(1 - known.usual)])
    first, last = min(known.age, AGES), min(known.age + WEEK, AGES)
    whole = 1 - left[min(known.lasts, AGES)]
    share = (left[first] - left[last]) / whole if whole > 0 else WEEK / known.lasts
    result: Vector = known.summed * share
    return result


WAYS: dict[str, Callable[[Known], Vector]] = {
    "by age, live coupons of two months": by_age_lately,
    "by age, all claims of half a year": by_age,
    "summed probabilities": summed,
    "half summed, half by age and scores": lambda known: (summed(known) + by_age_and_scores(known)) / 2,
    "by age and scores (in use)": by_age_and_scores,
}


def _by_rates(known: Known, rates: NDArray[np.float64]) -> Vector:
    # Those made on the first day of the forecast are new on it; all others are a day older than the day before.
    new, held = np.zeros((len(rates), WEEK)), np.zeros(rates.shape)
    if known.age == 0:
        new[:, 0] = known.held
    elif known.age <= AGES:
        held[:, known.age - 1] = known.held
    used: Vector = redemptions_ahead(held, new, rates).sum(axis=1)
    return used


def _compared(name: str, mailings: Sequence[Mailing], claims: Claims) -> list[Figure]:
    expected: dict[str, list[Vector]] = {way: [] for way in WAYS}
    came: list[Vector] = []
    for mailing in mailings:
        for origin in range(mailing.starts, min(mailing.ends, LAST_DAY.toordinal()) + 2 - WEEK, WEEK):
            known = _known_at(origin, mailing, claims)
            came.append(_came(origin, mailing, claims))
            for way, forecast in WAYS.items():
                expected[way].append(forecast(known))
    figures = []
    for way, forecasts in expected.items():
        pairs = list(zip(forecasts, came, strict=True))
        by_campaign = np.array([(abs(said.sum() - uses.sum()), uses.sum()) for said, uses in pairs]).T
        by_coupon = np.array([(np.abs(said - uses).sum(), uses.sum()) for said, uses in pairs]).T
        total = sum(uses.sum() for _, uses in pairs)
        figures.append(
            Figure(
                what=f"{name}: {way}",
                measured=f"WAPE {wape(*by_campaign):.3f} by campaign, {wape(*by_coupon):.3f} by coupon",
                beside=f"expected {sum(said.sum() for said, _ in pairs):.0f} of {total:.0f} uses; "
                f"deviance {_deviance(pairs) / total:.2f} a use",
            )
        )
    return figures


def _deviance(pairs: Sequence[tuple[Vector, Vector]]) -> float:
    """Returns Poisson's deviance: unlike the absolute error it is not least for a forecast of nothing."""
    said = np.maximum(np.concatenate([one for one, _ in pairs]), 1e-3)
    uses = np.concatenate([one for _, one in pairs])
    logs = np.where(uses > 0, uses * np.log(np.maximum(uses, 1.0) / said), 0.0)
    return float(2 * (logs - (uses - said)).sum())


def _known_at(origin: int, mailing: Mailing, claims: Claims) -> Known:
    age = origin - mailing.starts
    count = len(mailing.coupon_ids)
    redeemed, at_risk = np.zeros((2, count, AGES))
    scores, expected, made, held = np.zeros((4, count))
    row_of = {shopper: row for row, shopper in enumerate(mailing.shopper_ids.tolist())}
    for place, coupon_id in enumerate(mailing.coupon_ids):
        of_coupon = claims.coupons == coupon_id
        is_open = (claims.used[of_coupon] == NEVER) | (claims.used[of_coupon] >= origin)
        held[place] = is_open.sum()
        redeemed[place], at_risk[place] = _by_age(claims, of_coupon & (claims.made < origin), origin)
        chances = mailing.chances[[row_of[shopper] for shopper in claims.shoppers[of_coupon].tolist()], place]
        made[place], scores[place], expected[place] = len(chances), chances.mean(), chances[is_open].sum()
    lately = (claims.made < origin) & (claims.made > origin - AGES) & (claims.ends >= origin)
    usual = (claims.made < origin) & (claims.made >= origin - DAYS_OF_USUAL)
    return Known(
        age=age, redeemed=redeemed, at_risk=at_risk, held=held,
        lately=usual_rates(*_by_age(claims, lately, origin)), usual=usual_rates(*_by_age(claims, usual, origin)),
        scores=scores, summed=expected, claims=made, lasts=mailing.ends - mailing.starts + 1,
    )  # fmt: skip


def _by_age(claims: Claims, which: NDArray[np.bool_], origin: int) -> tuple[Vector, Vector]:
    old = origin - claims.made[which]
    used = claims.used[which]
    age = np.where((used != NEVER) & (used < origin), used - claims.made[which], AGES + origin)
    ages = np.arange(AGES)[:, None]
    seen = old > ages
    return ((age == ages) & seen).sum(axis=1).astype(np.float64), ((age >= ages) & seen).sum(axis=1).astype(np.float64)


def _came(origin: int, mailing: Mailing, claims: Claims) -> Vector:
    within = (claims.used >= origin) & (claims.used < origin + WEEK)
    return np.array([(within & (claims.coupons == coupon_id)).sum() for coupon_id in mailing.coupon_ids], dtype=float)


def _read_claims() -> Claims:
    found = Claim.objects.filter(coupon__campaigns__key__startswith="cj-").exclude(
        coupon__campaigns__key__in=HELD_UNKNOWN
    )
    rows = found.annotate(used_at=Min("redemptions__redeemed_at")).order_by("pk")
    columns = [
        (coupon, shopper, shop_date(made).toordinal(), NEVER if used is None else shop_date(used).toordinal(),
         shop_date(ends).toordinal())
        for coupon, shopper, made, used, ends in rows.values_list(
            "coupon_id", "shopper_id", "claimed_at", "used_at", "expires_at"
        )
    ]  # fmt: skip
    return Claims(*np.array(columns, dtype=np.int64).reshape(-1, 5).T)


def _read_mailings(seed: int, tell: Tell) -> list[Mailing]:
    """Reads mailings with the chances that a model of those ended on their eve, or before October, gave them."""
    cut_off = start_of_shop_day(LEARNED_BEFORE)
    campaigns = Campaign.objects.filter(key__startswith="cj-").exclude(key__in=WITHOUT_HISTORY)
    found = offerings([*campaigns.filter(ends_at__lte=cut_off), *campaigns.filter(key__in=JUDGED)])
    facts = _read_facts(found, tell)
    learned = [offering for offering in found if offering.ends_at <= cut_off]
    lessons = [_lesson(offering, facts[offering.key]) for offering in learned]
    tell("Learning shopper × coupon …")
    model, forward = fit_response(lessons, names=coupon_feature_names(), settings=COUPON_SETTINGS, seed=seed)
    chances = {learned[number].key: forecast for number, forecast in forward}
    chances |= {key: model.predict(coupon_features(facts[key])[1]) for key in facts if key in JUDGED}
    return [
        Mailing(
            key=offering.key,
            starts=shop_date(offering.starts_at).toordinal(),
            ends=shop_date(offering.ends_at).toordinal(),
            coupon_ids=offering.coupon_ids,
            shopper_ids=facts[offering.key].shopper_ids,
            chances=chances[offering.key].reshape(-1, len(offering.coupon_ids)),
        )
        for offering in found
        if offering.key in chances and offering.key not in HELD_UNKNOWN
    ]


def _read_facts(found: Sequence[Offering], tell: Tell) -> dict[str, CampaignFacts]:
    facts = {}
    coupon_ids = sorted({coupon for offering in found for coupon in offering.coupon_ids})
    with response_facts(until=max(offering.starts_at for offering in found), coupon_ids=coupon_ids):
        for offering in found:
            tell(f"Reading {offering.key} …")
            shoppers = recipients_of(offering)
            facts[offering.key] = campaign_facts(offering=offering, shopper_ids=shoppers, with_answers=True)
    return facts


def _lesson(offering: Offering, facts: CampaignFacts) -> Lesson:
    if facts.answers is None:
        raise DataMissing("The answers of a campaign were not read.")
    return Lesson(
        features=coupon_features(facts)[1],
        answers=facts.answers.ravel(),
        started=offering.starts_at.timestamp(),
        ended=offering.ends_at.timestamp(),
    )
