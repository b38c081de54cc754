"""How budgets of coupons are spent: what is left of each, what a use takes, and what other coupons take a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db.models import Count, F, Sum
from numpy.typing import NDArray

from analytics.selectors.coupon_faces import coupon_faces, usual_basket
from coupons.models import Budget, BudgetEntry, Coupon, Redemption

# A coupon's own mean discount weighs as much as its terms once it was used so often.
HELD_BY_USES = 10
LATELY = timedelta(days=60)
OTHERS_LATELY = timedelta(days=14)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """One budget: the coupons among those asked for that it pays for, by their place; money in minor units.

    `others_a_day` is what was taken of it lately beside the claims of these coupons: by others, such as ended ones
    still in use, and by automatic promotions, which are used without a claim.
    """

    left: int
    places: tuple[int, ...]
    others_a_day: float


def discount_a_use(*, coupon_ids: Sequence[int], now: datetime) -> NDArray[np.float64]:
    """Returns what a use of each coupon takes off, in minor units: what it did lately, drawn towards its terms."""
    faces = coupon_faces(coupon_ids=coupon_ids, basket=usual_basket(until=now))
    uses, money = np.zeros((2, len(coupon_ids)))
    places = {coupon_id: place for place, coupon_id in enumerate(coupon_ids)}
    seen = Redemption.objects.filter(coupon_id__in=coupon_ids, redeemed_at__gte=now - LATELY, redeemed_at__lt=now)
    sums = seen.order_by().values_list("coupon_id").annotate(uses=Count("pk"), taken=Sum(F("amount") - F("refunded")))
    for coupon_id, count, taken in sums:
        uses[places[coupon_id]], money[places[coupon_id]] = count, taken
    mean: NDArray[np.float64] = (money + HELD_BY_USES * faces) / (uses + HELD_BY_USES)
    return mean


def budgets_of(*, coupon_ids: Sequence[int], now: datetime) -> list[BudgetFacts]:
    """Returns the budgets that pay for these coupons."""
    places = {coupon_id: place for place, coupon_id in enumerate(coupon_ids)}
    found: dict[int, list[int]] = {}
    links = Coupon.budgets.through.objects.filter(coupon_id__in=coupon_ids).order_by("budget_id", "coupon_id")
    for budget_id, coupon_id in links.values_list("budget_id", "coupon_id"):
        found.setdefault(budget_id, []).append(places[coupon_id])
    # What claims of these coupons will take is forecast; nothing else of what is taken now is.
    others = (
        BudgetEntry.objects.filter(budget_id__in=found, created_at__gte=now - OTHERS_LATELY, created_at__lt=now)
        .exclude(redemption__coupon_id__in=coupon_ids, redemption__claim__isnull=False)
        .order_by()
        .values_list("budget_id", "redemption__coupon__claim_starts_at")
        .annotate(Sum("amount"))
    )
    others_a_day = dict.fromkeys(found, 0.0)
    for budget_id, starts_at, amount in others:
        # A promotion of three days has not spent for two weeks.
        others_a_day[budget_id] += amount / (min(max(now - starts_at, DAY), OTHERS_LATELY) / DAY)
    budgets = Budget.objects.in_bulk(found)
    return [
        BudgetFacts(
            left=budgets[budget_id].left,
            places=tuple(rows),
            others_a_day=max(0.0, others_a_day[budget_id]),
        )
        for budget_id, rows in found.items()
    ]
