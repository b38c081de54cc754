"""Forecasts of claims and redemptions of single coupons, and what they mean for stock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.learners.levels import learned_level

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Counts = NDArray[np.int64]

WEEK = 7
# Days after which a day counts half: for what happens now, and for what it falls back to. A drop is loud at first.
RECENT_HALF_LIFE = 2.0
LASTING_HALF_LIFE = 10.0
# Of the distance between the two, what is left after each day ahead.
DAMPING = 0.85
# A weekday's factor is held to 1 by as many mean days, or a coupon of one week would promise its noise.
HELD_BY_DAYS = 4.0
# More than so many usual days on one day are a rush.
MOST_OF_A_DAY = 3.0
# A coupon's own rate of use on a day after its claim is held to all coupons' rate by so many claims.
HELD_BY_CLAIMS = 50.0


def claims_ahead(claims: Matrix, *, counted: NDArray[np.bool_], first_weekday: int, horizon: int) -> Matrix:
    """Returns how many claims each coupon will see on each day ahead, as long as it has stock.

    The rate goes from the recent one to the lasting one (both weighted means that forget), times the weekday's
    factor, which all coupons share.

    Args:
        claims: one row a coupon, one column a day, oldest first.
        counted: days that say what shoppers wanted: not before the coupon began, nor when it had run out.
        first_weekday: of the first column, 0 for Monday.
        horizon: how many days ahead.

    Returns:
        one row a coupon; zeros for one of which no day counts.
    """
    coupons, days = claims.shape
    factors = _weekday_factors(claims, counted, first_weekday)
    usual = claims / factors[(first_weekday + np.arange(days)) % WEEK]
    recent = _forgetting_mean(usual, counted, RECENT_HALF_LIFE)
    lasting = _forgetting_mean(usual, counted, LASTING_HALF_LIFE)
    left = DAMPING ** np.arange(1, horizon + 1)
    rates = lasting[:, None] + (recent - lasting)[:, None] * left
    ahead: Matrix = np.maximum(rates, 0.0) * factors[(first_weekday + days + np.arange(horizon)) % WEEK]
    return ahead.reshape(coupons, horizon)


def use_rates(redeemed: Matrix, at_risk: Matrix, *, usual: Vector, leanings: Vector | None = None) -> Matrix:
    """Returns the chance that a claim is used on each day after it was made, if it has not been before.

    What is expected of a coupon is the usual chance of that day, times its leaning, times what came of its claims so
    far (`learned_level`); a day's own rate moves it by as much as `HELD_BY_CLAIMS` allow.

    Args:
        redeemed: claims used so many days after they were made; one row a coupon, one column a day.
        at_risk: claims that could have been used on that day: still open, and old enough.
        usual: `usual_rates`, of these coupons or of more.
        leanings: how much likelier than usual a coupon's holders are to use it, 1 for as likely; None for all alike.
    """
    expected = np.repeat(usual[None, :], len(redeemed), axis=0)
    if leanings is not None:
        expected = expected * leanings[:, None]
    uses, chances = redeemed.sum(axis=1), (at_risk * expected).sum(axis=1)
    levels = [learned_level(float(used), float(due)) for used, due in zip(uses, chances, strict=True)]
    expected = expected * np.array(levels)[:, None]
    rates: Matrix = (redeemed + HELD_BY_CLAIMS * expected) / (at_risk + HELD_BY_CLAIMS)
    return np.clip(rates, 0.0, 1.0)


def usual_rates(redeemed: Vector, at_risk: Vector) -> Vector:
    """Returns the chance of use on each day of age, of all claims together."""
    rates: Vector = redeemed / np.maximum(at_risk, 1.0)
    return rates


def leanings_of(scores: Vector, claims: Vector) -> Vector:
    """Returns how much likelier than usual a coupon's holders are to use it, by the mean of their scores.

    Only the order and the distance of coupons is taken from scores, and none of their level: the mean of the leanings
    over all scored claims is 1.

    Args:
        scores: the mean score of each coupon's holders; NaN where none has been scored.
        claims: how many claims there are of each.
    """
    leanings = np.ones(len(scores))
    known = np.isfinite(scores) & (claims > 0)
    mean = float(scores[known] @ claims[known] / claims[known].sum()) if known.any() else 0.0
    if mean > 0:
        leanings[known] = scores[known] / mean
    return leanings


def redemptions_ahead(open_claims: Matrix, new_claims: Matrix, rates: Matrix) -> Matrix:
    """Returns how many claims will be used on each day ahead: of those open now, and of those that will be made.

    Args:
        open_claims: claims open now by their age in days; one row a coupon. Those older than the rates know are
            taken to be used no more.
        new_claims: `claims_ahead`, after stock.
        rates: `use_rates`, one column a day of age.
    """
    coupons, ages = rates.shape
    horizon = new_claims.shape[1]
    waiting = np.zeros((coupons, ages))
    kept = min(ages, open_claims.shape[1])
    waiting[:, :kept] = open_claims[:, :kept]
    used = np.zeros((coupons, horizon))
    for day in range(horizon):
        # Everybody is a day older; today's claims are new.
        waiting = np.concatenate([new_claims[:, day : day + 1], waiting[:, :-1]], axis=1)
        using = waiting * rates
        used[:, day] = using.sum(axis=1)
        waiting = waiting - using
    return used


@dataclass(frozen=True, slots=True)
class StockPlan:
    """What a forecast means for one coupon's stock.

    Attributes:
        days_of_cover: days until it runs out, in parts of a day; None when it lasts as long as is looked ahead.
        served: claims on each day ahead that there is stock for.
        top_up: how many more would last to the end of the days to cover.
        batches: the same in parts: day ahead on which each is needed, and how many.
    """

    days_of_cover: float | None
    served: list[float]
    top_up: int
    batches: list[tuple[int, int]]


def plan_stock(*, ahead: Sequence[float], left: int, arrivals: Sequence[int], cover: int) -> StockPlan:
    """Returns how long a stock lasts and what it lacks.

    Args:
        ahead: expected claims on each day.
        left: what may be claimed now.
        arrivals: what opens by itself at the start of each of these days.
        cover: how many of the days should be covered.
    """
    stock = float(left)
    served: list[float] = []
    cover_ends: float | None = None
    lacking = [0.0] * len(ahead)
    for day, (wanted, arriving) in enumerate(zip(ahead, arrivals, strict=True)):
        stock += arriving
        given = min(wanted, stock)
        if cover_ends is None and wanted > stock:
            cover_ends = day + stock / wanted
        lacking[day] = wanted - given
        served.append(given)
        stock -= given
    lacking = lacking[:cover]
    return StockPlan(
        days_of_cover=cover_ends, served=served, top_up=math.ceil(sum(lacking) - 1e-9), batches=_batches(lacking)
    )


def days_until_spent(*, ahead: Sequence[float], left: float) -> float | None:
    """Returns after how many days, in parts of a day, what is left is spent; None when it lasts as long as is known.

    Args:
        ahead: what is expected to be spent on each day.
    """
    if left <= 0:
        return 0.0
    for day, spent in enumerate(ahead):
        if spent > left:
            return day + left / spent
        left -= spent
    return None


def _batches(lacking: Sequence[float]) -> list[tuple[int, int]]:
    """Returns what lacks, a week's worth at a time, each at the first day on which it does."""
    batches: list[tuple[int, int]] = []
    day, owed = 0, 0.0
    while day < len(lacking):
        if lacking[day] <= 0:
            day += 1
            continue
        owed += sum(lacking[day : day + WEEK])
        # Parts of a claim are owed to the next batch, so that all together are what lacks, rounded up once.
        quantity = math.ceil(owed - 1e-9)
        owed -= quantity
        if quantity:
            batches.append((day, quantity))
        day += WEEK
    return batches


def _weekday_factors(claims: Matrix, counted: NDArray[np.bool_], first_weekday: int) -> Matrix:
    seen = np.where(counted, claims, 0.0)
    # Each coupon weighs as its share of a usual day, or one drop would decide all weekdays.
    usual = seen.sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    shares = np.divide(seen, usual[:, None], out=np.zeros_like(seen), where=usual[:, None] > 0)
    # A rush is no habit of its weekday.
    shares = np.minimum(shares, MOST_OF_A_DAY)
    days = counted & (usual[:, None] > 0)
    factors = np.ones(WEEK)
    for weekday in range(WEEK):
        columns = slice((weekday - first_weekday) % WEEK, None, WEEK)
        factors[weekday] = (shares[:, columns].sum() + HELD_BY_DAYS) / (days[:, columns].sum() + HELD_BY_DAYS)
    return factors


def _forgetting_mean(values: Matrix, counted: NDArray[np.bool_], half_life: float) -> Matrix:
    age = np.arange(values.shape[1])[::-1]
    weights = counted * 0.5 ** (age / half_life)
    total = weights.sum(axis=1)
    mean: Matrix = np.divide((weights * values).sum(axis=1), total, out=np.zeros(len(values)), where=total > 0)
    return mean
