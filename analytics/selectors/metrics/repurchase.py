"""Who bought again: shoppers who used a coupon beside shoppers who used none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, IntegerField, When

from analytics.learners.intervals import Interval, share_interval
from analytics.selectors.metrics.cut import Cut, is_without_coupon, later_by, run
from coupons.enums import OrderState

WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Returning:
    """Of so many shoppers, so many ordered again in time."""

    shoppers: int
    returned: int

    @property
    def rate(self) -> Interval | None:
        """The share that ordered again; None of nobody."""
        return share_interval(self.returned, self.shoppers)


@dataclass(frozen=True, slots=True)
class Repurchase:
    """Shoppers who used one of the coupons, and shoppers who used no coupon at all in the period."""

    with_coupon: Returning
    without_coupon: Returning


STATEMENT = """
WITH paid AS (
    SELECT shopper_id, placed_at, is_with, is_without FROM {paid} AS paid_order
), anchor AS (
    -- A shopper's first order with one of the coupons; of one who used none at all, the first order.
    SELECT shopper_id, COALESCE(MIN(CASE WHEN is_with = 1 THEN placed_at END), MIN(placed_at)) AS placed_at,
           MAX(is_with) AS is_with, MIN(is_without) AS is_without
    FROM paid GROUP BY shopper_id
), followed AS (
    SELECT is_with, CASE WHEN EXISTS (
               SELECT 1 FROM coupons_order AS later
               WHERE later.shopper_id = anchor.shopper_id AND later.state = %s
                 AND later.placed_at > anchor.placed_at AND later.placed_at <= {until}
           ) THEN 1 ELSE 0 END AS has_returned
    FROM anchor
    -- Who could still come back in time is not counted yet.
    WHERE (is_with = 1 OR is_without = 1) AND anchor.placed_at <= %s
)
SELECT is_with, COUNT(*), SUM(has_returned) FROM followed GROUP BY is_with
"""


def repurchase(cut: Cut, *, known_until: datetime, within: timedelta = WITHIN) -> Repurchase:
    """Returns how many shoppers ordered again within so many days; one query.

    Each shopper counts once, from the first order with one of the coupons that was placed in the period; one without
    any coupon in the period from the first order. A shopper with only other coupons is on neither side. Shoppers who
    use coupons differ from those who do not by more than the coupon, so the difference is not its effect.

    Args:
        known_until: up to when orders are known. Shoppers whose days are not over by then are left out.
    """
    paid = cut.paid_orders().annotate(
        is_with=Case(When(cut.is_with_coupon(), then=1), default=0, output_field=IntegerField()),
        is_without=Case(When(is_without_coupon(), then=1), default=0, output_field=IntegerField()),
    )
    found = run(
        STATEMENT.format(paid="{}", until=later_by("anchor.placed_at")),
        paid.values("shopper_id", "placed_at", "is_with", "is_without"),
        OrderState.REDEEMED.value,
        within,
        known_until - within,
    )
    sides = {is_with: Returning(shoppers, int(returned)) for is_with, shoppers, returned in found}
    nobody = Returning(0, 0)
    return Repurchase(with_coupon=sides.get(1, nobody), without_coupon=sides.get(0, nobody))
