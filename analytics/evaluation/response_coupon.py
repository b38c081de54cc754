"""Response to single coupons on Complete Journey, by the protocol of `analytics/evaluation/response.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analytics.evaluation.figures import Figure
from analytics.evaluation.response import coupon_figures, read_facts


def evaluate(seed: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """Measures shopper × coupon, and how well a shopper's coupons of campaign 18 are ranked."""
    return coupon_figures(read_facts(tell), seed, tell)
