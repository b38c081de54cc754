"""Why claims expired unused, from what their shoppers did while they could be used.

Every claim that ended in the period gets the first reason that holds:

without an order while it was usable
    *window short* when the shopper had ordered at least twice before the claim, with a mean gap longer than the time
    to use it; *never back* without any event after the claim; *below minimum* when the largest cart was worth less
    than the minimum; *looked only* otherwise.
with an order
    *out of scope* when nothing on any order counted for the coupon; *below minimum* when no order had enough that
    counted, in money or units; *further condition* when one had and the coupon also asks for something else, such as
    a weekday or a channel; *not used* when one had.

What counts on an order is taken at its prices before discounts, so that "below minimum" is never said of an order that
reached it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce, Greatest

from analytics.enums import ExpiryReason
from analytics.selectors.metrics.cut import Cut, run
from analytics.selectors.vendor import require_postgresql
from coupons.enums import ClaimState, OrderState, ScopeMode
from coupons.models import Claim, Coupon, ScopeEntry
from users.enums import BehaviourKind


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many claims expired for a reason."""

    reason: ExpiryReason
    claims: int


# Conditions that an order of the past cannot be asked about any more.
FURTHER = (
    Q(order_number__isnull=False)
    | Q(new_shopper_days__isnull=False)
    | Q(hour_from__isnull=False)
    | ~Q(weekdays=[])
    | ~Q(channels=[])
    | ~Q(regions=[])
    | Exists(ScopeEntry.objects.filter(coupon=OuterRef("pk"), mode__in=[ScopeMode.REQUIRE, ScopeMode.FORBID]))
)

# Every statement is made of these constants; every value is a parameter.
# Lines that a coupon does not count are left out as they are read: of millions that were bought, few count.
CLASSIFY = """
WITH RECURSIVE above AS (
    SELECT id AS category_id, id AS ancestor_id FROM coupons_category
    -- Without ALL: a circle of categories, which a damaged import can hold, ends too.
    UNION
    SELECT above.category_id, category.parent_id
    FROM above JOIN coupons_category AS category ON category.id = above.ancestor_id
    WHERE category.parent_id IS NOT NULL
), claim AS MATERIALIZED (
    SELECT * FROM {} AS expired
), entry AS MATERIALIZED (
    SELECT coupon_id, mode, product_id, category_id FROM coupons_scopeentry
    WHERE mode IN (%s, %s) AND coupon_id IN (SELECT coupon_id FROM claim)
), named AS MATERIALIZED (
    SELECT coupon_id, product_id, mode FROM entry WHERE product_id IS NOT NULL
    UNION
    SELECT entry.coupon_id, product.id, entry.mode
    FROM entry
    JOIN above ON above.ancestor_id = entry.category_id
    JOIN coupons_product AS product ON product.category_id = above.category_id
), ordered AS MATERIALIZED (
    SELECT claim.id AS claim_id, claim.coupon_id, claim.has_includes,
           COALESCE(claim.minimum_unit_price, 0) AS lowest, claim.maximum_unit_price AS highest, paid.id AS order_id
    FROM claim
    JOIN coupons_order AS paid ON paid.shopper_id = claim.shopper_id AND paid.state IN (%s, %s)
                              AND paid.placed_at >= claim.opens_at AND paid.placed_at < claim.expires_at
), counted AS (
    SELECT ordered.claim_id, ordered.order_id, line.unit_price * line.quantity AS amount, line.quantity
    FROM ordered
    JOIN coupons_orderline AS line ON line.order_id = ordered.order_id
    -- Membership and no join: it is looked up in memory, whatever the planner guesses of the tables above.
    WHERE (ordered.has_includes = 0
           OR (ordered.coupon_id, line.product_id) IN (SELECT coupon_id, product_id FROM named WHERE mode = %s))
      AND (ordered.coupon_id, line.product_id) NOT IN (SELECT coupon_id, product_id FROM named WHERE mode = %s)
      AND line.unit_price >= ordered.lowest AND (ordered.highest IS NULL OR line.unit_price <= ordered.highest)
), basket AS (
    SELECT claim_id, order_id, SUM(amount) AS amount, SUM(quantity) AS units FROM counted GROUP BY claim_id, order_id
), best AS (
    SELECT claim.id AS claim_id,
           BOOL_OR(basket.amount >= claim.minimum AND basket.units >= claim.minimum_quantity) AS is_enough
    FROM basket JOIN claim ON claim.id = basket.claim_id
    GROUP BY claim.id
), visitor AS (
    SELECT DISTINCT claim_id FROM ordered
), reasoned AS (
    SELECT claim.id, CASE
        WHEN visitor.claim_id IS NULL THEN CASE
            WHEN earlier.orders >= 2
                 AND (earlier.last_at - earlier.first_at) / (earlier.orders - 1) > claim.expires_at - claim.opens_at
                THEN 'window_short'
            WHEN seen.events = 0 THEN 'never_back'
            WHEN seen.largest_cart < claim.minimum THEN 'below_minimum'
            ELSE 'looked_only' END
        WHEN best.claim_id IS NULL THEN 'out_of_scope'
        WHEN NOT best.is_enough THEN 'below_minimum'
        WHEN claim.has_further = 1 THEN 'further_condition'
        ELSE 'not_used' END AS reason
    FROM claim
    LEFT JOIN visitor ON visitor.claim_id = claim.id
    LEFT JOIN best ON best.claim_id = claim.id
    LEFT JOIN LATERAL (
        SELECT COUNT(*) AS orders, MIN(placed_at) AS first_at, MAX(placed_at) AS last_at
        FROM coupons_order
        WHERE visitor.claim_id IS NULL AND shopper_id = claim.shopper_id AND state IN (%s, %s)
          AND placed_at < claim.claimed_at
    ) AS earlier ON TRUE
    LEFT JOIN LATERAL (
        SELECT COUNT(*) AS events, MAX(value) FILTER (WHERE kind = %s) AS largest_cart
        FROM users_behaviourevent
        WHERE visitor.claim_id IS NULL AND shopper_id = claim.shopper_id
          AND occurred_at > claim.claimed_at AND occurred_at < claim.expires_at
    ) AS seen ON TRUE
)
"""
COUNT_REASONS = CLASSIFY + "SELECT reason, COUNT(*) FROM reasoned GROUP BY reason ORDER BY COUNT(*) DESC, reason"  # noqa: S608
CLAIMS_OF_REASON = CLASSIFY + "SELECT id FROM reasoned WHERE reason = %s ORDER BY id DESC OFFSET %s LIMIT %s"  # noqa: S608
PAID = (OrderState.REDEEMED.value, OrderState.REFUNDED.value)
VALUES = (
    ScopeMode.INCLUDE.value,
    ScopeMode.EXCLUDE.value,
    *PAID,
    ScopeMode.INCLUDE.value,
    ScopeMode.EXCLUDE.value,
    *PAID,
    BehaviourKind.CART.value,
)


def expired_claims(cut: Cut, *, now: datetime) -> QuerySet[Claim]:
    """Returns the claims that ended unused in the period and before now, whether or not the sweep has seen them."""
    ended = Claim.objects.filter(
        Q(state=ClaimState.EXPIRED) | Q(state=ClaimState.AVAILABLE, expires_at__lte=now),
        expires_at__gte=cut.period.start,
        expires_at__lt=cut.period.end,
    )
    return cut.narrowed(ended, shopper="shopper_id")


def expiry_reasons(cut: Cut, *, now: datetime) -> list[ReasonCount]:
    """Returns how many claims expired for each reason, the most frequent first; reasons without one are left out.

    Raises:
        NeedsPostgreSQL: on any other database.
    """
    require_postgresql()
    found = run(
        COUNT_REASONS,
        _with_terms(expired_claims(cut, now=now)),
        *VALUES,
    )
    return [ReasonCount(ExpiryReason(reason), claims) for reason, claims in found]


def claims_expired_for(
    cut: Cut, reason: ExpiryReason, *, now: datetime, offset: int = 0, limit: int = 50
) -> list[Claim]:
    """Returns the claims behind one of the counts, newest first.

    Raises:
        NeedsPostgreSQL: on any other database.
    """
    require_postgresql()
    found = run(
        CLAIMS_OF_REASON,
        _with_terms(expired_claims(cut, now=now)),
        *VALUES,
        reason.value,
        offset,
        limit,
    )
    return list(
        Claim.objects.filter(pk__in=[pk for (pk,) in found]).select_related("coupon", "shopper").order_by("-pk")
    )


def _with_terms(claims: QuerySet[Claim]) -> QuerySet[Claim, Any]:
    includes = ScopeEntry.objects.filter(coupon=OuterRef("coupon"), mode=ScopeMode.INCLUDE)
    further = Coupon.objects.filter(FURTHER, pk=OuterRef("coupon"))
    return claims.values(
        "id",
        "shopper_id",
        "coupon_id",
        "claimed_at",
        "expires_at",
        opens_at=Greatest("usable_from", "claimed_at"),
        minimum=Coalesce("minimum_spend", F("coupon__minimum_spend")),
        minimum_quantity=F("coupon__minimum_quantity"),
        minimum_unit_price=F("coupon__minimum_unit_price"),
        maximum_unit_price=F("coupon__maximum_unit_price"),
        has_includes=Case(When(Exists(includes), then=1), default=0, output_field=IntegerField()),
        has_further=Case(When(Exists(further), then=1), default=0, output_field=IntegerField()),
    )
