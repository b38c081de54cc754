"""Names that a person understands, from where a cluster lies relative to all shoppers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from analytics.learners.scaling import Matrix

# The order of the coordinates below; a rule must know what it speaks of.
NAMED_FEATURES = ("recency_days", "purchases", "money", "active_weeks", "coupon_share", "redemptions")


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of shopper: its key, its names, and where it lies in standard deviations from the mean shopper."""

    key: str
    name_en: str
    name_zh: str
    at: tuple[float, float, float, float, float, float]


# Recency is high for those long not seen; coupon share and redemptions are low for those who pay full price.
# fmt: off
RULES = (
    #                                                                     recency  buys  money weeks share  used
    Rule("loyal", "Loyal shoppers", "忠实顾客",                             (-0.7,  1.0,  1.0,  0.9,  0.0, -0.2)),
    Rule("coupon-loyal", "Loyal with coupons", "爱用券的忠实顾客",          (-0.6,  0.8,  0.9,  0.8,  1.1,  2.4)),
    Rule("regulars", "Regulars", "常客",                                    (-0.4,  0.4,  0.3,  0.4,  0.0, -0.2)),
    Rule("coupon-regulars", "Regulars with coupons", "爱用券的常客",        (-0.1,  0.2,  0.3,  0.3,  0.8,  0.5)),
    Rule("full-price-regulars", "Regulars at full price", "不用券的常客",   (-0.3,  0.3,  0.1,  0.4, -1.0, -0.4)),
    Rule("frequent-small", "Frequent small baskets", "高频小单顾客",        (-0.6,  0.9, -0.4,  0.9,  0.0, -0.2)),
    Rule("big-baskets", "Rare big baskets", "低频大单顾客",                 ( 0.3, -0.8,  0.6, -0.6,  0.0, -0.2)),
    Rule("occasional", "Occasional shoppers", "偶尔光顾的顾客",             ( 0.4, -0.5, -0.5, -0.5,  0.0, -0.2)),
    Rule("coupon-occasional", "Occasional with coupons", "偶尔用券的顾客",  ( 0.4, -0.4, -0.3, -0.4,  0.9, -0.2)),
    Rule("full-price-occasional", "Occasional at full price", "不用券的偶尔顾客",
                                                                            ( 0.4, -0.5, -0.5, -0.5, -1.1, -0.4)),
    Rule("newcomers", "Newcomers", "新顾客",                                (-0.7, -1.5, -1.4, -1.6, -0.3, -0.3)),
    Rule("slipping", "Slipping away", "即将流失的顾客",                     ( 1.5,  0.1,  0.1,  0.0,  0.0, -0.2)),
    Rule("lapsed", "Lapsed", "流失顾客",                                    ( 1.6, -1.9, -1.9, -2.0, -0.5, -0.4)),
    Rule("coupon-hunters", "Only with coupons", "只用券的顾客",             ( 0.6, -1.0, -1.0, -1.0,  2.0,  0.8)),
)
# fmt: on


def name_centres(centres: Matrix, *, taken: Collection[str] = ()) -> Sequence[Rule]:
    """Returns a rule for each centre, no two alike: in total as near to their centres as possible.

    Args:
        centres: standardised, in the order of `NAMED_FEATURES`; at most as many as there are free rules.
        taken: keys that other clusters carry already.
    """
    free = [rule for rule in RULES if rule.key not in taken]
    if not len(centres):
        return []
    distances = cdist(centres, np.array([rule.at for rule in free]))
    rows, columns = linear_sum_assignment(distances)
    chosen = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    return [free[chosen[row]] for row in range(len(centres))]
