"""What an allocation rests on: the buyers of a window, what they had lately, and the coupons to set aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import BigIntegerField, Case, Count, F, QuerySet, Sum, Value, When
from django.db.models.functions import Cast
from numpy.typing import NDArray

from analytics.learners.expected_value import STRANGER, History, Terms
from analytics.models import AllocationPlan
from analytics.selectors.columns import MICROSECONDS, columns_of
from analytics.selectors.features import COLUMNS, buyer_features, feature_chunks
from analytics.selectors.windows import Window
from coupons.enums import AudienceKind, BenefitType, ClaimState, CouponStatus
from coupons.models import Claim, ClaimCounter, Coupon, Redemption
from users.enums import BehaviourKind
from users.models import BehaviourEvent

RECENT = timedelta(days=30)
# A claim that may still cost something.
HELD = [ClaimState.AVAILABLE, ClaimState.LOCKED, ClaimState.GIFTING]
# One that has shown whether it is used.
OVER = [ClaimState.REDEEMED, ClaimState.EXPIRED]
# Their states as numbers, as the database hands them over.
USED, MAY_BE_USED, WAS_LET_EXPIRE = 0, 1, 2
DAY_MICROSECONDS = timedelta(days=1) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Buyers:
    """The buyers of a window in the order of their ids; `segments` are numbers into `segment_names`, -1 for none."""

    shopper_ids: NDArray[np.int64]
    history: History
    segments: NDArray[np.int64]
    segment_names: tuple[str, ...]


def buyers_of(window: Window) -> Buyers:
    """Reads the buyers of a window; nothing that happened at its end or later counts but the name of a segment."""
    ids: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    rows: list[NDArray[np.float64]] = [np.zeros((0, len(COLUMNS)))]
    names: dict[str, int] = {}
    segments: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    with buyer_features(window):
        for chunk in feature_chunks():
            ids.append(chunk.shopper_ids)
            rows.append(chunk.values)
            numbers = [names.setdefault(tag, len(names)) if tag else -1 for tag in chunk.earlier_tags]
            segments.append(np.array(numbers, dtype=np.int64))
    table = np.concatenate(rows)
    column = {name: table[:, COLUMNS.index(name)] for name in COLUMNS}
    history = History(
        recency_days=column["recency_days"],
        purchases=column["purchases"],
        money=column["money"],
        claims=column["claims"],
        redemptions=column["redemptions"],
        window_days=(window.end - window.start) / timedelta(days=1),
    )
    return Buyers(np.concatenate(ids), history, np.concatenate(segments), tuple(names))


def coupons_to_allocate(plan: AllocationPlan) -> list[Coupon]:
    """Returns the coupons that a plan decides on: for allocated shoppers, not ended, of a benefit that it can cost."""
    return list(_costed(plan).filter(status__in=[CouponStatus.PUBLISHED, CouponStatus.DRAFT]))


@dataclass(frozen=True, slots=True)
class CouponClaims:
    """The claims that a campaign has brought of one of a plan's coupons, one entry each.

    `places` of the holders among the buyers, `STRANGER` for one who is not among them; whether a claim is used, or may
    still be; for how many days it can be used yet, and could be so far.
    """

    coupon: Coupon
    places: NDArray[np.int64]
    used: NDArray[np.bool_]
    held: NDArray[np.bool_]
    days_left: NDArray[np.float64]
    days_past: NDArray[np.float64]


def claims_of_plan(plan: AllocationPlan, buyers: Buyers, *, now: datetime) -> list[CouponClaims]:
    """Returns what a campaign has brought of each of a plan's coupons that anybody claimed, ended ones too.

    What was given away or revoked is left out.
    """
    found = []
    state = Case(
        When(state=ClaimState.REDEEMED, then=Value(USED)),
        When(state__in=HELD, then=Value(MAY_BE_USED)),
        default=Value(WAS_LET_EXPIRE),
    )
    for coupon in _costed(plan):
        claims = _claims(plan).filter(coupon=coupon, state__in=[*HELD, *OVER])
        rows = (
            claims.order_by()
            .annotate(number=Cast(state, BigIntegerField()))
            .values_list("shopper", "number", "usable_from", "expires_at")
        )
        # One array: of a large campaign there are millions.
        shoppers, states, usable_from, expires_at = columns_of(rows, columns=4, moments=(2, 3)).T
        if not len(shoppers):
            continue
        places = np.searchsorted(buyers.shopper_ids, shoppers)
        places[~np.isin(shoppers, buyers.shopper_ids)] = STRANGER
        moment = round(now.timestamp() * MICROSECONDS)
        left = (expires_at - moment) / DAY_MICROSECONDS
        past = (np.minimum(expires_at, moment) - usable_from) / DAY_MICROSECONDS
        found.append(
            CouponClaims(
                coupon=coupon,
                places=places.astype(np.int64),
                used=states == USED,
                held=(states == MAY_BE_USED) & (left > 0),
                days_left=np.maximum(left, 0.0),
                days_past=np.maximum(past, 0.0),
            )
        )
    return found


def redeemed_money(plan: AllocationPlan) -> int:
    """Returns what a plan's coupons have taken off since the campaign began, less what was given back."""
    used = Redemption.objects.filter(claim__in=_claims(plan))
    return used.aggregate(money=Sum(F("amount") - F("refunded")))["money"] or 0


def has_claimed(plan: AllocationPlan, buyers: Buyers) -> NDArray[np.bool_]:
    """Tells who has claimed any of a plan's coupons since the campaign began."""
    return _among(buyers, _claims(plan).order_by().values_list("shopper", flat=True).distinct())


def has_one_of(plan: AllocationPlan, buyers: Buyers) -> NDArray[np.bool_]:
    """Tells who holds, has used or has given away one of a plan's coupons since the campaign began.

    Whoever let one expire has none.
    """
    had = _claims(plan).filter(state__in=[*HELD, ClaimState.REDEEMED, ClaimState.GIFTED])
    return _among(buyers, had.order_by().values_list("shopper", flat=True).distinct())


def terms_of_coupon(coupon: Coupon) -> Terms:
    """Returns a coupon as far as its cost goes."""
    return Terms(
        minimum_spend=float(coupon.minimum_spend),
        amount_off=None if coupon.amount_off is None else float(coupon.amount_off),
        percent_off=None if coupon.percent_off is None else float(coupon.percent_off),
        discount_cap=None if coupon.discount_cap is None else float(coupon.discount_cap),
    )


def had_enough(buyers: Buyers, *, most_claims: int | None, before: datetime) -> NDArray[np.bool_]:
    """Tells who made so many claims in the 30 days before a moment; nobody without a limit."""
    if most_claims is None:
        return np.zeros(len(buyers.shopper_ids), dtype=np.bool_)
    recent = Claim.objects.filter(claimed_at__gte=before - RECENT, claimed_at__lt=before)
    counted = recent.values("shopper").annotate(count=Count("pk")).filter(count__gte=most_claims)
    return _among(buyers, counted.order_by().values_list("shopper", flat=True))


def has_it_already(buyers: Buyers, coupon: Coupon) -> NDArray[np.bool_]:
    """Tells who has claimed a coupon as often as it allows."""
    counters = ClaimCounter.objects.filter(coupon=coupon, claimed__gte=coupon.limit_per_shopper)
    return _among(buyers, counters.values_list("shopper", flat=True))


def bought_within(buyers: Buyers, *, start: datetime, end: datetime) -> NDArray[np.bool_]:
    """Tells who bought something in `[start, end)`."""
    events = BehaviourEvent.objects.filter(kind=BehaviourKind.PURCHASE, occurred_at__gte=start, occurred_at__lt=end)
    return _among(buyers, events.order_by().values_list("shopper", flat=True).distinct())


def _costed(plan: AllocationPlan) -> QuerySet[Coupon]:
    return plan.campaign.coupons.filter(
        audience=AudienceKind.ALLOCATED, benefit_type__in=[BenefitType.AMOUNT_OFF, BenefitType.PERCENT_OFF]
    ).order_by("pk")


def _claims(plan: AllocationPlan) -> QuerySet[Claim]:
    return Claim.objects.filter(coupon__in=_costed(plan).order_by(), claimed_at__gte=plan.campaign.starts_at)


def _among(buyers: Buyers, found: QuerySet[Any, int]) -> NDArray[np.bool_]:
    numbers = np.fromiter(found.iterator(chunk_size=20_000), dtype=np.int64)
    return np.isin(buyers.shopper_ids, numbers)
