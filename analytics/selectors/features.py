"""RFM and behaviour of every buyer, aggregated in the database and read in chunks.

One definition serves learning and labelling. A temporary table holds the aggregates while a run reads them
more than once: all passes see the same snapshot, and neither the web nor Python's memory feels it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from analytics.selectors.windows import Window
from coupons.enums import OrderState
from users.enums import BehaviourKind, TagSource

# What clusters are learned from, in this order.
FEATURES = ("recency_days", "purchases", "money", "active_weeks", "coupon_share", "redemptions")
# Shown beside them in a segment's profile, and no more.
DESCRIPTIVE = ("claims",)
COLUMNS = FEATURES + DESCRIPTIVE

CHUNK_ROWS = 20_000

SECONDS_A_DAY = 86_400
SECONDS_A_WEEK = 7 * SECONDS_A_DAY

# A refunded order takes its purchase and its money back, and its coupons count as not used; a refund at the
# window's end or later has not happened yet. Weeks are counted backwards from the end, so that none is cut off
# by the cut-off. Aggregating twice counts the weeks without sorting every event.
AGGREGATE = """
CREATE TEMPORARY TABLE analytics_buyer_features AS
WITH buyer_week AS (
    SELECT shopper_id, {week} AS week,
           COUNT(*) AS purchases, SUM(COALESCE(value, 0)) AS money, MAX(occurred_at) AS last_at
    FROM users_behaviourevent
    WHERE kind = %(purchase)s AND occurred_at >= %(start)s AND occurred_at < %(end)s
    GROUP BY 1, 2
), buyer AS (
    SELECT shopper_id, SUM(purchases) AS purchases, SUM(money) AS money, MAX(last_at) AS last_at,
           COUNT(*) AS active_weeks
    FROM buyer_week GROUP BY shopper_id
), paid AS (
    SELECT id, shopper_id, payable, state = %(refunded)s AND closed_at < %(end)s AS is_refunded,
           discount > 0 OR id IN (SELECT order_id FROM coupons_redemption) AS is_with_coupon
    FROM coupons_order
    WHERE redeemed_at >= %(start)s AND redeemed_at < %(end)s
), orders AS (
    SELECT shopper_id,
           SUM(CASE WHEN is_refunded THEN 1 ELSE 0 END) AS refunds,
           SUM(CASE WHEN is_refunded THEN payable ELSE 0 END) AS refunded_money,
           SUM(CASE WHEN is_with_coupon AND NOT is_refunded THEN 1 ELSE 0 END) AS with_coupon
    FROM paid GROUP BY shopper_id
), used AS (
    SELECT paid.shopper_id, COUNT(*) AS redemptions
    FROM coupons_redemption JOIN paid ON paid.id = coupons_redemption.order_id
    WHERE NOT paid.is_refunded GROUP BY paid.shopper_id
), claimed AS (
    SELECT shopper_id, COUNT(*) AS claims
    FROM coupons_claim WHERE claimed_at >= %(start)s AND claimed_at < %(end)s GROUP BY shopper_id
)
SELECT buyer.shopper_id,
       {recency} AS recency_days,
       CAST(buyer.purchases - COALESCE(orders.refunds, 0) AS double precision) AS purchases,
       CAST(buyer.money - COALESCE(orders.refunded_money, 0) AS double precision) AS money,
       buyer.active_weeks,
       CAST(COALESCE(orders.with_coupon, 0) AS double precision) AS with_coupon,
       COALESCE(used.redemptions, 0) AS redemptions,
       COALESCE(claimed.claims, 0) AS claims
FROM buyer
JOIN users_user ON users_user.id = buyer.shopper_id AND users_user.is_active AND NOT users_user.is_staff
LEFT JOIN orders ON orders.shopper_id = buyer.shopper_id
LEFT JOIN used ON used.shopper_id = buyer.shopper_id
LEFT JOIN claimed ON claimed.shopper_id = buyer.shopper_id
WHERE buyer.purchases > COALESCE(orders.refunds, 0)
"""

# Where the databases differ: seconds between a moment and the window's end, and whole numbers of weeks.
SECONDS_BEFORE_END = {
    "duckdb": "((epoch_us(%(end)s) - epoch_us({moment})) / 1e6)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM %(end)s - {moment}) AS double precision)",
    "sqlite": "((julianday(%(end)s) - julianday({moment})) * 86400.0)",
}
WHOLE = {
    "duckdb": "CAST(FLOOR({number}) AS integer)",
    "postgresql": "CAST(FLOOR({number}) AS integer)",
    "sqlite": "CAST({number} AS integer)",
}

AGGREGATE_PARAMETERS = {"purchase": BehaviourKind.PURCHASE.value, "refunded": OrderState.REFUNDED.value}
READ_PARAMETERS = {"source": TagSource.SEGMENTATION.value}

READ = """
SELECT buyer.shopper_id, buyer.recency_days, buyer.purchases, buyer.money, buyer.active_weeks,
       -- Orders are the shop's own count; purchases that other systems sent can only make it smaller.
       100.0 * buyer.with_coupon / CASE WHEN buyer.with_coupon > buyer.purchases
                                        THEN buyer.with_coupon ELSE buyer.purchases END AS coupon_share,
       buyer.redemptions, buyer.claims, tag.name
FROM analytics_buyer_features AS buyer
LEFT JOIN users_tag AS tag
       ON tag.shopper_id = buyer.shopper_id AND tag.source = %(source)s AND substr(tag.name, 1, 8) = 'segment:'
ORDER BY buyer.shopper_id
"""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some buyers: their ids, their raw `COLUMNS` as rows, and the tag that the last run gave each (or "")."""

    shopper_ids: NDArray[np.int64]
    values: NDArray[np.float64]
    earlier_tags: tuple[str, ...]

    @property
    def features(self) -> NDArray[np.float64]:
        """The columns that clusters are learned from."""
        return self.values[:, : len(FEATURES)]


@contextmanager
def buyer_features(window: Window) -> Iterator[int]:
    """Aggregates the window once and keeps the result for `feature_chunks` until the block ends.

    Yields:
        how many shoppers bought something in the window and kept it. Staff and closed accounts are left out.
    """
    moment = connection.ops.adapt_datetimefield_value
    _drop()
    with connection.cursor() as cursor:
        cursor.execute(
            aggregate_statement(connection.vendor),
            {**AGGREGATE_PARAMETERS, "start": moment(window.start), "end": moment(window.end)},
        )
        cursor.execute("SELECT COUNT(*) FROM analytics_buyer_features")
        (count,) = cursor.fetchone()
    try:
        yield int(count)
    finally:
        _drop()


def feature_chunks(*, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
    """Reads the buyers inside `buyer_features`, by a server-side cursor, in the order of their ids."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(READ, READ_PARAMETERS)
        while rows := cursor.fetchmany(chunk_rows):
            yield chunk_of(rows)


def aggregate_statement(vendor: str) -> str:
    """Returns the statement that fills `analytics_buyer_features`, as one kind of database writes it."""
    seconds = SECONDS_BEFORE_END[vendor]
    weeks = f"{seconds.format(moment='occurred_at')} / {SECONDS_A_WEEK}"
    return AGGREGATE.format(
        week=WHOLE[vendor].format(number=weeks), recency=f"{seconds.format(moment='buyer.last_at')} / {SECONDS_A_DAY}"
    )


def chunk_of(rows: list[tuple[Any, ...]]) -> Chunk:
    """Returns rows of `READ` as arrays."""
    return Chunk(
        shopper_ids=np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows)),
        values=np.array([row[1:-1] for row in rows], dtype=np.float64),
        earlier_tags=tuple(row[-1] or "" for row in rows),
    )


def _drop() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS analytics_buyer_features")
