"""The funnel, counted in shoppers: who saw a coupon, who then claimed it, who then used it."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.learners.intervals import Interval, share_interval
from analytics.selectors.metrics.cut import Cut, run
from coupons.enums import ClaimState
from users.enums import BehaviourKind
from users.models import BehaviourEvent


@dataclass(frozen=True, slots=True)
class Funnel:
    """Shoppers, each counted once on each step. Coupons also come by grant, code or gift, without a look at them.

    Attributes:
        viewed: saw one of the coupons in the period.
        viewed_claimed: of these, claimed one they had seen, afterwards and in the period.
        viewed_used: of these, have used it by now.
        claimed: claimed one in the period, seen or not.
        used: of these, have used one by now.
    """

    viewed: int
    viewed_claimed: int
    viewed_used: int
    claimed: int
    used: int

    @property
    def view_to_claim(self) -> Interval | None:
        """The share of those who saw a coupon that claimed it; None when nobody saw any."""
        return share_interval(self.viewed_claimed, self.viewed)

    @property
    def claim_to_use(self) -> Interval | None:
        """The share of those who claimed that used one; None when nobody claimed."""
        return share_interval(self.used, self.claimed)


STATEMENT = """
WITH seen AS (
    SELECT event.shopper_id, coupon.id AS coupon_id, MIN(event.occurred_at) AS first_at
    FROM {} AS event JOIN coupons_coupon AS coupon ON coupon.public_id = event.coupon_public_id
    GROUP BY event.shopper_id, coupon.id
), claimed AS (
    SELECT shopper_id, coupon_id, claimed_at, CASE WHEN state = %s THEN 1 ELSE 0 END AS is_used
    FROM {} AS claim
), after_view AS (
    SELECT claimed.shopper_id, MAX(claimed.is_used) AS is_used
    FROM claimed JOIN seen ON seen.shopper_id = claimed.shopper_id AND seen.coupon_id = claimed.coupon_id
                          AND claimed.claimed_at >= seen.first_at
    GROUP BY claimed.shopper_id
)
SELECT (SELECT COUNT(DISTINCT shopper_id) FROM seen),
       (SELECT COUNT(*) FROM after_view),
       (SELECT COUNT(*) FROM after_view WHERE is_used = 1),
       (SELECT COUNT(DISTINCT shopper_id) FROM claimed),
       (SELECT COUNT(DISTINCT shopper_id) FROM claimed WHERE is_used = 1)
"""


def funnel(cut: Cut) -> Funnel:
    """Returns how many shoppers reached each step; one query."""
    views = BehaviourEvent.objects.filter(
        kind=BehaviourKind.VIEW, occurred_at__gte=cut.period.start, occurred_at__lt=cut.period.end
    ).order_by()
    if cut.has_coupon_choice:
        views = views.filter(coupon_public_id__in=cut.coupons().values("public_id"))
    if cut.tag:
        views = views.filter(shopper__in=cut.shoppers())
    columns = views.values("shopper_id", "coupon_public_id", "occurred_at")
    claims = cut.claims().values("shopper_id", "coupon_id", "claimed_at", "state")
    ((viewed, viewed_claimed, viewed_used, claimed, used),) = run(STATEMENT, columns, ClaimState.REDEEMED.value, claims)
    return Funnel(viewed, viewed_claimed, viewed_used, claimed, used)
