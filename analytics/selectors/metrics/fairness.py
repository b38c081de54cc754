"""Whom discounts reach: how unevenly their money is spread, and whether groups of shoppers fare alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

from django.conf import settings
from django.db.models import F, Q, QuerySet

from analytics.enums import Dimension, FairnessRate
from analytics.learners.intervals import Interval, share_difference, share_interval
from analytics.selectors.metrics.cut import Cut, run
from coupons.enums import ClaimState
from users.enums import SEGMENT_PREFIX, TagSource
from users.models import Profile, Tag

TENTHS = 10
# Rates of smaller groups swing by chance.
FEWEST_IN_GROUP = 30
# How likely at most a shop that treats all alike is to be alarmed by one look at all dimensions and rates.
FALSE_ALARMS = 0.01


@dataclass(frozen=True, slots=True)
class Spread:
    """How the discount money of the period is spread over the shoppers who claimed or ordered in it.

    Attributes:
        gini: 0 when all got the same, close to 1 when one got everything; None without money.
        tenths: of a hundred of the money, what went to each tenth of the shoppers, those who got least first.
    """

    shoppers: int
    money: int
    gini: float | None
    tenths: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GroupRates:
    """Shoppers of one group: active ones (who claimed or ordered), of these claimers, of these users of a coupon."""

    name: str
    shoppers: int
    claimers: int
    users: int
    money: int

    def parts(self, rate: FairnessRate) -> tuple[int, int]:
        """Returns of how many how many."""
        return (self.claimers, self.shoppers) if rate == FairnessRate.CLAIM else (self.users, self.claimers)

    def share(self, rate: FairnessRate) -> Interval | None:
        """Returns a rate with its interval; None of nobody."""
        return share_interval(*self.parts(rate))


@dataclass(frozen=True, slots=True)
class Alarm:
    """Two groups that fare too differently: the lowest rate is less than the shop's limit of the highest."""

    dimension: Dimension
    rate: FairnessRate
    lowest: str
    highest: str
    ratio: float


# Each shopper's rank times money gives Gini's coefficient in one pass; equal amounts may stand in any order.
SPREAD = """
WITH active AS (
    SELECT shopper_id FROM {} AS claim UNION SELECT shopper_id FROM {} AS paid_order
), got AS (
    SELECT active.shopper_id, COALESCE(SUM(redemption.kept), 0) AS money
    FROM active LEFT JOIN {} AS redemption ON redemption.shopper_id = active.shopper_id
    GROUP BY active.shopper_id
), ranked AS (
    SELECT money, ROW_NUMBER() OVER (ORDER BY money, shopper_id) AS place,
           NTILE(10) OVER (ORDER BY money, shopper_id) AS tenth
    FROM got
)
SELECT tenth, COUNT(*), SUM(money), SUM(place * money) FROM ranked GROUP BY tenth ORDER BY tenth
"""

GROUPS = """
WITH claimed AS (
    SELECT shopper_id, MAX(CASE WHEN state = %s THEN 1 ELSE 0 END) AS is_user FROM {} AS claim GROUP BY shopper_id
), active AS (
    SELECT shopper_id FROM claimed UNION SELECT shopper_id FROM {} AS paid_order
), got AS (
    SELECT shopper_id, SUM(kept) AS money FROM {} AS redemption GROUP BY shopper_id
), member AS (
    SELECT shopper_id, name FROM {} AS belongs
)
SELECT COALESCE(member.name, ''), COUNT(*), COUNT(claimed.shopper_id), COALESCE(SUM(claimed.is_user), 0),
       COALESCE(SUM(got.money), 0)
FROM active
LEFT JOIN member ON member.shopper_id = active.shopper_id
LEFT JOIN claimed ON claimed.shopper_id = active.shopper_id
LEFT JOIN got ON got.shopper_id = active.shopper_id
GROUP BY COALESCE(member.name, '') ORDER BY 1
"""


def spread(cut: Cut) -> Spread:
    """Returns how evenly discount money is spread over the shoppers active in the period; one query."""
    rows = run(SPREAD, cut.claims().values("shopper_id"), _orders(cut), _redemptions(cut))
    shoppers = sum(count for _tenth, count, _money, _ranked in rows)
    money = int(sum(part for _tenth, _count, part, _ranked in rows))
    if not money:
        return Spread(shoppers, 0, None, ())
    ranked = sum(part for _tenth, _count, _money, part in rows)
    gini = 2 * float(ranked) / (shoppers * money) - (shoppers + 1) / shoppers
    # With fewer than ten shoppers some tenths are empty.
    parts = {tenth: 100 * float(part) / money for tenth, _count, part, _ranked in rows}
    return Spread(shoppers, money, max(0.0, gini), tuple(parts.get(tenth, 0.0) for tenth in range(1, TENTHS + 1)))


def groups(cut: Cut, dimension: Dimension) -> list[GroupRates]:
    """Returns the rates of every group of a dimension; shoppers of no known group stand under the empty name."""
    rows = run(
        GROUPS,
        ClaimState.REDEEMED.value,
        cut.claims().values("shopper_id", "state"),
        _orders(cut),
        _redemptions(cut),
        _members(dimension),
    )
    return [
        GroupRates(name, shoppers, claimers, int(used), int(money)) for name, shoppers, claimers, used, money in rows
    ]


def alarm_of(rates: list[GroupRates], dimension: Dimension, rate: FairnessRate) -> Alarm | None:
    """Returns what is to be told of a dimension: the two groups that lie too far apart, of several such the furthest.

    Groups with fewer than 30 at the rate's base, and the shoppers of no known group, are not compared. A difference
    that may be chance is no alarm; every pair is looked at, so that a small group between whose rate and another's
    anything may be chance does not hide two large ones.
    """
    compared = [group for group in rates if group.name and group.parts(rate)[1] >= FEWEST_IN_GROUP]
    confidence = alarm_confidence(len(compared))
    found = [
        Alarm(dimension, rate, lower.name, higher.name, ratio)
        for lower, higher in permutations(compared, 2)
        if (ratio := _ratio(lower, higher, rate)) * 100 < settings.FAIRNESS_LOWEST_RATIO_PERCENT
        and (gap := share_difference(*higher.parts(rate), *lower.parts(rate), confidence=confidence)) is not None
        and gap.low > 0
    ]
    return min(found, key=lambda alarm: alarm.ratio, default=None)


def _ratio(lower: GroupRates, higher: GroupRates, rate: FairnessRate) -> float:
    (hits, count), (most, of_most) = lower.parts(rate), higher.parts(rate)
    return hits * of_most / (count * most) if most else 1.0


def alarm_confidence(groups_compared: int) -> float:
    """Returns how sure a difference between two of so many groups must be to be told (Bonferroni's bound)."""
    looks = len(Dimension) * len(FairnessRate) * max(1, math.comb(groups_compared, 2))
    return 1 - FALSE_ALARMS / looks


def _orders(cut: Cut) -> QuerySet:
    return cut.paid_orders().values("shopper_id")


def _redemptions(cut: Cut) -> QuerySet:
    return cut.redemptions().values(shopper_id=F("order__shopper_id"), kept=F("amount") - F("refunded"))


def _members(dimension: Dimension) -> QuerySet:
    if dimension == Dimension.SEGMENT:
        # Each shopper carries at most one.
        tags = Tag.objects.filter(source=TagSource.SEGMENTATION, name__startswith=SEGMENT_PREFIX)
        return tags.order_by().values("shopper_id", "name")
    known = ~Q(**{dimension.value: ""})
    return Profile.objects.filter(known).order_by().values("shopper_id", name=F(dimension.value))
