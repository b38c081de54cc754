"""What live coupons saw day by day: claims, uses by age, and when there was stock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Avg, Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import TruncDate
from numpy.typing import NDArray

from analytics.selectors.response_scores import scores_made_at
from campaigns.models import CouponScore
from config.kernel.clock import shop_date, shop_zone, start_of_shop_day
from coupons.enums import ClaimState
from coupons.models import Claim, Coupon, Redemption, ReleaseBatch, StockBucket, StockMovement
from coupons.models.claim import DERIVED

# What all coupons' uses by age are learned from: a campaign's length has come round several times.
DAYS_OF_USUAL = 180
# Holders are compared who can still use what they claimed, or did.
LATELY = timedelta(days=60)
WITHOUT_END = 10**12
OPEN_STATES = (ClaimState.AVAILABLE, ClaimState.LOCKED, ClaimState.GIFTING)
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CouponDays:
    """Live coupons with a limit of stock or money, one row each.

    Columns are whole shop days before the day of `as_of`.
    `counted` is false for days before the coupon opened and for those that ended without stock. `redeemed` and
    `at_risk` are by days since the claim, `open_claims` by their age today. `arriving` is what release batches add on
    the day of `as_of` and on each one after it. `usual_redeemed` and `usual_at_risk` are by age too, of all claims of
    the last half year, ended coupons' as well: what a campaign's first claims come to is known from those before it.
    """

    first_day: date
    coupons: tuple[Coupon, ...]
    claims: Counts
    counted: NDArray[np.bool_]
    left: Counts
    arriving: Counts
    redeemed: Counts
    at_risk: Counts
    open_claims: Counts
    usual_redeemed: Counts
    usual_at_risk: Counts


def coupon_days(*, as_of: datetime, days: int, ages: int, horizon: int) -> CouponDays:
    """Reads what a forecast of stock is made from; nothing that happened at `as_of` or later is looked at.

    Stock is what is left now, and so are open claims: whoever asks about the past gets the present's.

    Args:
        days: how many days back.
        ages: for how many days after a claim its use is followed.
        horizon: how many days ahead batches are looked for.
    """
    limited = Q(stock__is_unlimited=False) | Q(Exists(Coupon.budgets.through.objects.filter(coupon=OuterRef("pk"))))
    coupons = tuple(Coupon.objects.live(as_of).filter(limited).select_related("stock").order_by("pk"))
    rows = {coupon.pk: row for row, coupon in enumerate(coupons)}
    today = shop_date(as_of)
    first_day = today - timedelta(days=days)
    claims = _by_day(_claims(rows, first_day, as_of), "claimed_at", Count("pk"), rows, first_day, days + 1)
    moved = _by_day(
        StockMovement.objects.filter(coupon_id__in=rows, created_at__gte=start_of_shop_day(first_day)),
        "created_at", Sum("quantity"), rows, first_day, days + 1,
    )  # fmt: skip
    left = _by_coupon(
        StockBucket.objects.filter(coupon_id__in=rows).values_list("coupon_id").annotate(Sum("remaining")), rows
    )
    # What has no end does not end within any forecast.
    left[[coupon.stock.is_unlimited for coupon in coupons]] = WITHOUT_END
    usual_redeemed, usual_at_risk = _usual_by_age(today, as_of, ages)
    redeemed, at_risk, open_claims = _by_age(rows, today, as_of, ages)
    return CouponDays(
        first_day=first_day,
        coupons=coupons,
        claims=claims[:, :-1],
        counted=_counted(coupons, claims, moved, left, first_day),
        left=left,
        arriving=_arriving(rows, as_of, today, horizon),
        redeemed=redeemed,
        at_risk=at_risk,
        open_claims=open_claims,
        usual_redeemed=usual_redeemed,
        usual_at_risk=usual_at_risk,
    )


def holders_scores(*, coupon_ids: Sequence[int], now: datetime) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the mean score of each coupon's holders, NaN where there is none, and how many claims they made lately.

    Only scores that hold now count. A holder without a score counts as the mean of the others, since whoever came after
    the night is no worse than they.
    """
    means, counts = np.full(len(coupon_ids), np.nan), np.zeros(len(coupon_ids))
    made_at = scores_made_at(now)
    if made_at is None:
        return means, counts
    score = CouponScore.objects.filter(coupon=OuterRef("coupon"), shopper=OuterRef("shopper"), computed_at=made_at)
    made = (
        Claim.objects.filter(coupon_id__in=coupon_ids, claimed_at__gte=now - LATELY)
        .filter(state__in=[*OPEN_STATES, ClaimState.REDEEMED])
        .annotate(probability=Subquery(score.values("probability")))
        .values("coupon_id")
        .annotate(count=Count("pk"), mean=Avg("probability"))
        .order_by()
    )
    places = {coupon_id: place for place, coupon_id in enumerate(coupon_ids)}
    for row in made:
        if row["mean"] is not None:
            means[places[row["coupon_id"]]], counts[places[row["coupon_id"]]] = row["mean"], row["count"]
    return means, counts


def _claims(rows: Iterable[int], first_day: date, as_of: datetime) -> QuerySet[Claim]:
    # A gift's and a rest's claim take no stock: they came from another one.
    return Claim.objects.filter(
        coupon_id__in=rows, claimed_at__gte=start_of_shop_day(first_day), claimed_at__lt=as_of
    ).exclude(channel__in=DERIVED)


def _by_day(found: QuerySet[Any], moment: str, figure: Any, rows: dict[int, int], first_day: date, days: int) -> Counts:
    counts = np.zeros((len(rows), days), dtype=np.int64)
    by_day = found.annotate(day=TruncDate(moment, tzinfo=shop_zone())).order_by().values_list("coupon_id", "day")
    for coupon_id, day, number in by_day.annotate(figure=figure).iterator():
        if 0 <= (day - first_day).days < days:
            counts[rows[coupon_id], (day - first_day).days] = number
    return counts


def _by_coupon(found: Any, rows: dict[int, int]) -> Counts:
    counts = np.zeros(len(rows), dtype=np.int64)
    for coupon_id, number in found.order_by():
        counts[rows[coupon_id]] = number
    return counts


def _counted(
    coupons: tuple[Coupon, ...], claims: Counts, moved: Counts, left: Counts, first_day: date
) -> NDArray[np.bool_]:
    """Returns which days say what shoppers wanted.

    The stock at the end of each day is reckoned back from today's. A little inexact is fine here, because what was
    revoked or withdrawn and claimed again within a day moves only whether that day counts.
    """
    days = claims.shape[1] - 1
    changes = moved - claims
    later = np.cumsum(changes[:, ::-1], axis=1)[:, ::-1]
    stock_at_end = left[:, None] - later[:, 1:]
    opened = np.array([(shop_date(coupon.claim_starts_at) - first_day).days for coupon in coupons], dtype=np.int64)
    # The day on which it opened is no whole one, but of a young coupon it is all that is known.
    is_open = np.arange(days) >= opened.reshape(-1, 1)
    counted = is_open & (stock_at_end > 0)
    # Where every day ended without stock, what was claimed is at least a floor of what was wanted.
    return np.where(counted.any(axis=1, keepdims=True), counted, is_open)


def _arriving(rows: dict[int, int], as_of: datetime, today: date, horizon: int) -> Counts:
    counts = np.zeros((len(rows), horizon), dtype=np.int64)
    batches = ReleaseBatch.objects.filter(
        coupon_id__in=rows, opened_at=None, opens_at__lt=start_of_shop_day(today + timedelta(days=horizon))
    )
    for coupon_id, opens_at, quantity in batches.values_list("coupon_id", "opens_at", "quantity"):
        # One that is overdue opens within the minute.
        counts[rows[coupon_id], max(0, (shop_date(opens_at) - today).days)] += quantity
    return counts


def _by_age(rows: dict[int, int], today: date, as_of: datetime, ages: int) -> tuple[Counts, Counts, Counts]:
    redeemed, at_risk, open_claims = np.zeros((3, len(rows), ages), dtype=np.int64)
    first_day = today - timedelta(days=ages - 1)
    made = Claim.objects.filter(
        coupon_id__in=rows, claimed_at__gte=start_of_shop_day(first_day), claimed_at__lt=as_of
    ).annotate(day=TruncDate("claimed_at", tzinfo=shop_zone()))
    by_day = made.order_by().values_list("coupon_id", "day")
    cohorts = np.zeros((len(rows), ages), dtype=np.int64)
    for coupon_id, day, count in by_day.annotate(Count("pk")).iterator():
        cohorts[rows[coupon_id], (today - day).days] = count
    for coupon_id, day, count in by_day.filter(state__in=OPEN_STATES).annotate(Count("pk")).iterator():
        open_claims[rows[coupon_id], (today - day).days] = count
    for old in range(1, ages):
        # Claims made so many days ago have been seen through every day of age up to yesterday's.
        at_risk[:, :old] += cohorts[:, old, None]
    used = (
        Redemption.objects.filter(claim__in=made, redeemed_at__lt=as_of)
        .annotate(made_on=TruncDate("claim__claimed_at", tzinfo=shop_zone()))
        .annotate(used_on=TruncDate("redeemed_at", tzinfo=shop_zone()))
        .order_by()
        .values_list("coupon_id", "made_on", "used_on")
        .annotate(Count("claim", distinct=True))
    )
    for coupon_id, made_on, used_on, count in used.iterator():
        old, age = (today - made_on).days, max(0, (used_on - made_on).days)
        if age >= old:
            continue
        redeemed[rows[coupon_id], age] += count
        # Used is used: from the next day of age on they are no longer at risk.
        at_risk[rows[coupon_id], age + 1 : old] -= count
    # One that was used, refunded and used again counts twice; it must not make room for less than nobody.
    return redeemed, np.maximum(at_risk, redeemed), open_claims


def _usual_by_age(today: date, as_of: datetime, ages: int) -> tuple[Counts, Counts]:
    redeemed, at_risk = np.zeros((2, ages), dtype=np.int64)
    made = Claim.objects.filter(
        claimed_at__gte=start_of_shop_day(today - timedelta(days=DAYS_OF_USUAL)), claimed_at__lt=as_of
    ).annotate(day=TruncDate("claimed_at", tzinfo=shop_zone()))
    for day, count in made.order_by().values_list("day").annotate(Count("pk")).iterator():
        at_risk[: (today - day).days] += count
    used = (
        Redemption.objects.filter(claim__in=made, redeemed_at__lt=as_of)
        .annotate(made_on=TruncDate("claim__claimed_at", tzinfo=shop_zone()))
        .annotate(used_on=TruncDate("redeemed_at", tzinfo=shop_zone()))
        .order_by()
        .values_list("made_on", "used_on")
        .annotate(Count("claim", distinct=True))
    )
    for made_on, used_on, count in used.iterator():
        old, age = (today - made_on).days, max(0, (used_on - made_on).days)
        if age < min(old, ages):
            redeemed[age] += count
            at_risk[age + 1 : old] -= count
    return redeemed, np.maximum(at_risk, redeemed)
