"""What coupons earned: profit of shoppers who could get them beside that of shoppers who were held out by lot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet

from analytics.learners.intervals import Interval, Sample, mean_difference
from analytics.selectors.metrics.cut import run
from campaigns.assignment import HOLDOUT
from campaigns.models import Campaign, Exposure
from coupons.enums import OrderState


@dataclass(frozen=True, slots=True)
class IncrementalProfit:
    """Profit of the shoppers in each arm, in minor units; each shopper is one number, 0 without an order."""

    treated: Sample
    holdout: Sample

    @property
    def per_shopper(self) -> Interval | None:
        """By how much the mean profit of a treated shopper exceeds that of one held out; None without two of each."""
        return mean_difference(self.treated, self.holdout)

    @property
    def total(self) -> Interval | None:
        """The same times the number of treated shoppers: what the coupons earned in all."""
        each, count = self.per_shopper, self.treated.count
        return None if each is None else Interval(each.estimate * count, each.low * count, each.high * count)


# Of an order, what goods cost after discounts less refunds, less what the shop paid for them: of each unit that was
# kept the price before discounts without the margin. A refund of goods takes its share of both.
STATEMENT = """
WITH arm AS (
    SELECT shopper_id, CASE WHEN is_treated THEN 1 ELSE 0 END AS is_treated, assigned_at FROM {} AS assignment
), profit AS (
    SELECT arm.shopper_id, arm.is_treated, COALESCE(SUM(
        (paid.subtotal - paid.discount - (1 - %s / 100.0) * paid.subtotal) * (
            1 - (paid.refunded - COALESCE((SELECT SUM(shipping) FROM coupons_refund WHERE order_id = paid.id), 0))
                * 1.0 / CASE WHEN paid.subtotal - paid.discount + paid.tax > 0
                             THEN paid.subtotal - paid.discount + paid.tax ELSE 1 END
        )), 0) AS amount
    FROM arm
    LEFT JOIN coupons_order AS paid ON paid.shopper_id = arm.shopper_id AND paid.state = %s
                                   AND paid.placed_at >= arm.assigned_at AND paid.placed_at < %s
    GROUP BY arm.shopper_id, arm.is_treated
)
SELECT is_treated, COUNT(*), SUM(amount), SUM(amount * amount) FROM profit GROUP BY is_treated
"""
NOBODY = Sample(0, 0, 0)


def incremental_profit(*, arms: QuerySet[Any], until: datetime, margin_percent: int | None = None) -> IncrementalProfit:
    """Returns the profit of shoppers by arm, from their assignment on; one query.

    Every order counts, with a coupon or without: a coupon may only move an order that would have come anyway. Groups
    that were not drawn by lot would make this a comparison of different people.

    Args:
        arms: rows of `shopper_id`, `is_treated` and `assigned_at`, each shopper once.
        until: orders placed from then on do not count.
        margin_percent: what the shop keeps of a price before discounts; None for the shop's setting.
    """
    margin = settings.GROSS_MARGIN_PERCENT if margin_percent is None else margin_percent
    found = run(
        STATEMENT, arms.values("shopper_id", "is_treated", "assigned_at"), margin, OrderState.REDEEMED.value, until
    )
    samples = {is_treated: Sample(count, float(total), float(squares)) for is_treated, count, total, squares in found}
    return IncrementalProfit(treated=samples.get(1, NOBODY), holdout=samples.get(0, NOBODY))


def campaign_incremental_profit(*, campaign: Campaign, until: datetime) -> IncrementalProfit:
    """Returns the profit of a campaign's exposed shoppers by arm; both arms are empty for one without a holdout.

    Args:
        until: orders placed from then on do not count.
    """
    arms = Exposure.objects.filter(experiment=campaign.experiment).annotate(
        is_treated=ExpressionWrapper(~Q(arm=HOLDOUT), output_field=BooleanField()), assigned_at=F("first_exposed_at")
    )
    return incremental_profit(arms=arms, until=until)
