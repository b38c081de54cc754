"""What response is learned from, laid out once a run in temporary tables: lines bought, coupons used, products covered.

Each table holds plain facts with their moment. Nothing is aggregated here, so that every campaign can be looked at
with a cut-off of its own over the same snapshot (`analytics/selectors/response.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection

from coupons.enums import OrderState, ScopeMode
from users.enums import BehaviourKind

TABLES = ("line", "used", "scope", "whole", "kin", "audience")

# Below this Jaccard index two coupons cover different things.
SMALLEST_OVERLAP = 0.2

LINES = """
CREATE TEMPORARY TABLE analytics_response_line AS
SELECT orders.shopper_id, line.order_id, line.product_id, product.category_id,
       orders.redeemed_at AS at, CAST(line.payable AS double precision) AS spend,
       line.discount > 0 AS is_with_coupon,
       -- A purchase that was given back is one until then: before that nobody knew.
       CASE WHEN orders.state = %(refunded)s THEN orders.closed_at ELSE 'infinity' END AS gone_at
FROM coupons_order AS orders
JOIN coupons_orderline AS line ON line.order_id = orders.id
JOIN coupons_product AS product ON product.id = line.product_id
WHERE orders.redeemed_at < %(until)s
"""

# An imported redemption may be known by its event alone.
USED = """
CREATE TEMPORARY TABLE analytics_response_used AS
SELECT claim.shopper_id, used.coupon_id, used.redeemed_at AS at
FROM coupons_redemption AS used JOIN coupons_claim AS claim ON claim.id = used.claim_id
UNION
SELECT event.shopper_id, coupon.id, event.occurred_at
FROM users_behaviourevent AS event JOIN coupons_coupon AS coupon ON coupon.public_id = event.coupon_public_id
WHERE event.kind = %(redeem)s
"""

# Categories count everything under them; an exclusion always wins.
SCOPE = """
CREATE TEMPORARY TABLE analytics_response_scope AS
WITH RECURSIVE below AS (
    SELECT id AS top, id FROM coupons_category
    UNION ALL
    SELECT below.top, child.id FROM coupons_category AS child JOIN below ON child.parent_id = below.id
), entry AS (
    SELECT coupon_id, mode, product_id FROM coupons_scopeentry
    WHERE product_id IS NOT NULL AND coupon_id = ANY(%(coupons)s)
    UNION
    SELECT scope.coupon_id, scope.mode, product.id
    FROM coupons_scopeentry AS scope
    JOIN below ON below.top = scope.category_id
    JOIN coupons_product AS product ON product.category_id = below.id
    WHERE scope.coupon_id = ANY(%(coupons)s)
)
SELECT coupon_id, product_id FROM entry WHERE mode = %(include)s
EXCEPT
SELECT coupon_id, product_id FROM entry WHERE mode <> %(include)s
"""

# A coupon without an including entry covers everything; what it excludes is a little inexact to leave in.
WHOLE = """
CREATE TEMPORARY TABLE analytics_response_whole AS
SELECT id AS coupon_id FROM coupons_coupon
WHERE id = ANY(%(coupons)s)
  AND NOT EXISTS (SELECT 1 FROM coupons_scopeentry WHERE coupon_id = coupons_coupon.id AND mode = %(include)s)
"""

KIN = """
CREATE TEMPORARY TABLE analytics_response_kin AS
WITH size AS (
    SELECT coupon_id, COUNT(*) AS products FROM analytics_response_scope GROUP BY coupon_id
), shared AS (
    SELECT mine.coupon_id, other.coupon_id AS kin_id, COUNT(*) AS products
    FROM analytics_response_scope AS mine
    JOIN analytics_response_scope AS other ON other.product_id = mine.product_id AND other.coupon_id <> mine.coupon_id
    GROUP BY 1, 2
), overlap AS (
    SELECT shared.coupon_id, shared.kin_id,
           CAST(shared.products AS double precision)
               / (mine.products + other.products - shared.products) AS overlap
    FROM shared
    JOIN size AS mine ON mine.coupon_id = shared.coupon_id
    JOIN size AS other ON other.coupon_id = shared.kin_id
    UNION ALL
    SELECT mine.coupon_id, other.coupon_id, 1.0
    FROM analytics_response_whole AS mine JOIN analytics_response_whole AS other ON other.coupon_id <> mine.coupon_id
)
SELECT coupon_id, kin_id, overlap FROM overlap WHERE overlap >= %(smallest)s
"""

INDEXES = (
    "CREATE INDEX ON analytics_response_line (shopper_id)",
    "CREATE INDEX ON analytics_response_used (shopper_id)",
    "CREATE INDEX ON analytics_response_scope (product_id)",
    "CREATE INDEX ON analytics_response_scope (coupon_id)",
    "CREATE INDEX ON analytics_response_kin (coupon_id)",
    "CREATE TEMPORARY TABLE analytics_response_audience (shopper_id bigint PRIMARY KEY)",
)


@contextmanager
def response_facts(*, until: datetime, coupon_ids: Sequence[int]) -> Iterator[None]:
    """Lays out the facts before `until` until the block ends. Needs PostgreSQL.

    Args:
        coupon_ids: coupons whose products matter: those learned from, those to be scored.
    """
    parameters: dict[str, Any] = {
        "until": until,
        "coupons": list(coupon_ids),
        "refunded": OrderState.REFUNDED.value,
        "redeem": BehaviourKind.REDEEM.value,
        "include": ScopeMode.INCLUDE.value,
        "smallest": SMALLEST_OVERLAP,
    }
    _drop()
    with connection.cursor() as cursor:
        for statement in (LINES, USED, SCOPE, WHOLE, KIN):
            cursor.execute(statement, parameters)
        for statement in INDEXES:
            cursor.execute(statement)
        for table in TABLES:
            cursor.execute(f"ANALYZE analytics_response_{table}")
    try:
        yield
    finally:
        _drop()


def _drop() -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS analytics_response_{table}")
