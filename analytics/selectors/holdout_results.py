"""What campaigns with a holdout have shown: who was exposed in which arm, what was known of them before, who bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db.models import Count
from numpy.typing import NDArray

from analytics.enums import WindowEnd
from analytics.learners.expected_value import History
from analytics.learners.scaling import log_features
from analytics.selectors.allocation_facts import Buyers, bought_within, buyers_of
from analytics.selectors.windows import WINDOW_LASTS, Window
from campaigns.assignment import TREATED
from campaigns.models import Campaign, Exposure

# Fewer buyers show nothing, however large the effect.
FEWEST_EXPOSED = 1_000


@dataclass(frozen=True, slots=True)
class HoldoutResult:
    """One ended campaign: features before it, the arm that the lot gave, and whether the shopper bought in it."""

    campaign: str
    features: NDArray[np.float64]
    treated: NDArray[np.float64]
    outcome: NDArray[np.float64]


def latest_holdout_result(*, before: datetime) -> HoldoutResult | None:
    """Returns what the campaign that ended last has shown, if enough buyers were exposed to it; else None.

    Args:
        before: a campaign that ends then or later is not looked at.
    """
    for campaign in Campaign.objects.filter(ends_at__lte=before, holdout_percent__gt=0).order_by("-ends_at", "-pk"):
        exposures = Exposure.objects.filter(experiment=campaign.experiment)
        if exposures.aggregate(count=Count("pk"))["count"] >= FEWEST_EXPOSED:
            result = _result_of(campaign)
            # Of who never bought before nothing is known: they are no part of the result.
            if len(result.treated) >= FEWEST_EXPOSED:
                return result
    return None


def uplift_features(history: History) -> NDArray[np.float64]:
    """Returns what an effect is learned from, and scored by: logarithms of a history's columns."""
    columns = (history.recency_days, history.purchases, history.money, history.claims, history.redemptions)
    return log_features(np.column_stack(columns))


def _result_of(campaign: Campaign) -> HoldoutResult:
    start = campaign.starts_at
    buyers: Buyers = buyers_of(Window(start - WINDOW_LASTS, start, WindowEnd.GIVEN))
    exposed = Exposure.objects.filter(experiment=campaign.experiment).values_list("shopper", "arm")
    arms = {shopper: arm == TREATED for shopper, arm in exposed.iterator(chunk_size=20_000)}
    known = np.array([shopper in arms for shopper in buyers.shopper_ids.tolist()], dtype=np.bool_)
    bought = bought_within(buyers, start=start, end=campaign.ends_at)
    treated = [float(arms[shopper]) for shopper in buyers.shopper_ids[known].tolist()]
    return HoldoutResult(
        campaign=campaign.key,
        features=uplift_features(buyers.history)[known],
        treated=np.array(treated, dtype=np.float64),
        outcome=bought[known].astype(np.float64),
    )
