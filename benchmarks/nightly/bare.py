"""What a script would do in place of each job: one statement into arrays, and the calls of scikit-learn or NumPy.

Nothing is published, judged, explained, or kept for the next night, and everything is held in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from analytics.jobs.response import MOST_PAIRS_LEARNED
from analytics.learners.item_models import EASE_PENALTY
from analytics.learners.segmentation import FITTED_SHOPPERS, JUDGED_SHOPPERS, SILHOUETTE_SHOPPERS
from analytics.models import AllocationPlan
from analytics.selectors.features import COLUMNS, buyer_features, feature_chunks
from analytics.selectors.response import Offering
from analytics.selectors.response_campaigns import ended_offerings, open_offerings
from analytics.selectors.windows import learning_window
from benchmarks.nightly.names import SEED
from config.kernel.clock import database_now

DAY = timedelta(days=1)
FETCHED_ROWS = 50_000
SCORED_ROWS = 500_000
LEARNED_BUYERS = 20_000

# Who bought which type of product, how often and how lately.
TYPES = """
SELECT orders.shopper_id, kind.number, COUNT(DISTINCT orders.id), EXTRACT(EPOCH FROM %(now)s - MAX(redeemed_at)) / 86400
FROM coupons_order AS orders
JOIN coupons_orderline AS line ON line.order_id = orders.id
JOIN (SELECT id, DENSE_RANK() OVER (ORDER BY product_type) - 1 AS number FROM coupons_product) AS kind
  ON kind.id = line.product_id
WHERE redeemed_at >= %(start)s AND redeemed_at < %(end)s AND state <> 'refunded'
GROUP BY 1, 2 ORDER BY 1, 2
"""

# A shopper's orders, and those on the shelves of a coupon, before a campaign; and who used the coupon in it.
PAIRS = """
WITH covered AS (
    SELECT scope.coupon_id, product.id AS product_id FROM coupons_scopeentry AS scope
    JOIN coupons_product AS product ON product.id = scope.product_id OR product.category_id = scope.category_id
    WHERE scope.coupon_id = ANY(%(coupons)s)
), line AS (
    SELECT orders.shopper_id, orders.id, redeemed_at AS at, line.product_id, line.payable, line.discount
    FROM coupons_order AS orders JOIN coupons_orderline AS line ON line.order_id = orders.id
    WHERE redeemed_at < %(as_of)s AND state <> 'refunded'
), habit AS (
    SELECT shopper_id, COUNT(DISTINCT id) AS orders, SUM(payable) AS spend, SUM(discount) AS discount,
           EXTRACT(EPOCH FROM %(as_of)s - MAX(at)) / 86400 AS recency,
           COUNT(DISTINCT id) FILTER (WHERE at >= %(quarter)s) AS lately
    FROM line GROUP BY shopper_id
), pair AS (
    SELECT shopper_id, coupon_id, COUNT(DISTINCT id) AS orders, SUM(payable) AS spend,
           EXTRACT(EPOCH FROM %(as_of)s - MAX(at)) / 86400 AS recency,
           COUNT(DISTINCT id) FILTER (WHERE at >= %(quarter)s) AS lately
    FROM line JOIN covered USING (product_id) GROUP BY shopper_id, coupon_id
)
SELECT shopper.id, coupon.id, COALESCE(habit.orders, 0), COALESCE(habit.spend, 0), COALESCE(habit.discount, 0),
       COALESCE(habit.recency, 400), COALESCE(habit.lately, 0), COALESCE(pair.orders, 0), COALESCE(pair.spend, 0),
       COALESCE(pair.recency, 400), COALESCE(pair.lately, 0),
       EXISTS (SELECT 1 FROM coupons_redemption AS used JOIN coupons_order AS paid ON paid.id = used.order_id
               WHERE used.coupon_id = coupon.id AND paid.shopper_id = shopper.id
                 AND used.redeemed_at >= %(starts)s AND used.redeemed_at < %(ends)s)
FROM users_user AS shopper
CROSS JOIN coupons_coupon AS coupon
LEFT JOIN habit ON habit.shopper_id = shopper.id
LEFT JOIN pair ON pair.shopper_id = shopper.id AND pair.coupon_id = coupon.id
WHERE coupon.id = ANY(%(coupons)s) AND shopper.is_active AND NOT shopper.is_staff {whose}
"""
RECIPIENTS = """
AND shopper.id IN (SELECT shopper_id FROM campaigns_campaignrecipient WHERE campaign_id = %(campaign)s {some})
"""
# Who is to get coupons that are allocated is not known yet: everybody who bought something may.
BUYERS = """
AND EXISTS (SELECT 1 FROM users_behaviourevent AS event WHERE event.shopper_id = shopper.id AND event.kind = 'purchase')
"""

EVENTS = """
SELECT shopper_id, EXTRACT(HOUR FROM occurred_at)::int AS hour, COUNT(*),
       SUM(CASE kind WHEN 'view' THEN 0.5 WHEN 'cart' THEN 2.0 WHEN 'purchase' THEN 3.0 ELSE 0 END)
           FILTER (WHERE occurred_at >= %(week)s)::double precision
FROM users_behaviourevent WHERE occurred_at >= %(start)s AND occurred_at < %(now)s GROUP BY 1, 2
"""
CLAIMS = """
SELECT coupon_id, floor(EXTRACT(EPOCH FROM %(now)s - claimed_at) / 86400)::int AS day, COUNT(*), COUNT(order_id)
FROM coupons_claim WHERE claimed_at >= %(start)s GROUP BY 1, 2
"""


def segmentation() -> None:
    """The same aggregates in one matrix, and the calls of scikit-learn that no segmentation can do without."""
    matrix = np.concatenate([chunk for _, chunk in _buyers()])
    with threadpool_limits(limits=1):
        points = StandardScaler().fit_transform(np.log1p(np.maximum(matrix, 0)))
        judged = points[:JUDGED_SHOPPERS]
        for k in range(3, 9):
            labels = KMeans(k, n_init=10, random_state=SEED).fit(judged).labels_
            silhouette_score(judged[:SILHOUETTE_SHOPPERS], labels[:SILHOUETTE_SHOPPERS])
        KMeans(5, n_init=10, random_state=SEED).fit(points[:FITTED_SHOPPERS]).predict(points)


def recommendation() -> None:
    """Counts by shopper and type, EASE in closed form, and logistic regression over every shopper and type."""
    now = database_now()
    window = learning_window(now=now, as_of=None, fewest_shoppers=1)
    rows = np.concatenate(list(_read(TYPES, {"now": now, "start": window.start, "end": window.end})))
    shoppers, place = np.unique(rows[:, 0], return_inverse=True)
    kinds = int(rows[:, 1].max()) + 1
    where = place, rows[:, 1].astype(int)
    counts = csr_matrix((rows[:, 2], where), shape=(len(shoppers), kinds))
    recency = csr_matrix((1 / (1 + rows[:, 3]), where), shape=counts.shape)
    learned = (counts[:LEARNED_BUYERS] > 0).astype(np.float64)
    inverse = np.linalg.inv((learned.T @ learned).toarray() + EASE_PENALTY * np.eye(kinds))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    popular = np.asarray((counts > 0).mean(axis=0)).ravel()

    def features(first: int, last: int) -> NDArray[np.float64]:
        had = counts[first:last].toarray()
        columns = (np.log1p(had), recency[first:last].toarray(), had @ weights, np.tile(popular, (len(had), 1)))
        return np.stack(columns, axis=-1).reshape(-1, len(columns))

    model = LogisticRegression().fit(features(0, 1_000), (recency[:1_000].toarray() > 1 / 31).ravel())
    for first in range(0, len(shoppers), 2_000):
        model.predict_proba(features(first, first + 2_000))[:, 1].reshape(-1, kinds).argpartition(-10, axis=1)


def allocation() -> None:
    """The same aggregates in one matrix, a value and a cost for each coupon, and the dearest worth first."""
    plan = AllocationPlan.objects.get()
    table = np.concatenate([chunk.values for chunk in _chunks()])
    column = {name: table[:, COLUMNS.index(name)] for name in COLUMNS}
    basket = column["money"] / np.maximum(column["purchases"], 1)
    chance = (1 - np.exp(-column["purchases"] / 365 * 30)) * (column["redemptions"] + 1) / (column["claims"] + 10)
    amounts = np.array(list(plan.campaign.coupons.order_by("pk").values_list("amount_off", flat=True)), dtype=float)
    costs = chance[:, None] * np.exp(-4 * amounts / np.maximum(basket, 1)[:, None]) * amounts
    values = costs / amounts * np.maximum(basket[:, None], 4 * amounts) * plan.margin / 100
    best = (values - costs).argmax(axis=1)
    rows = np.arange(len(best))
    order = np.argsort(-values[rows, best] / np.maximum(costs[rows, best], 1e-9))
    np.searchsorted(np.cumsum(costs[rows, best][order]), plan.money)


def response() -> None:
    """A dozen columns a pair, logistic regression and boosted trees, and a probability for every open pair."""
    now = database_now()
    lessons = [_pairs(offering, RECIPIENTS.format(some=f"LIMIT {MOST_PAIRS_LEARNED // len(offering.coupon_ids)}"))
               for offering in ended_offerings(until=now)]  # fmt: skip
    taught = np.concatenate(lessons)
    scaler = StandardScaler().fit(taught[:, 2:-1])
    linear = LogisticRegression(max_iter=500).fit(scaler.transform(taught[:, 2:-1]), taught[:, -1])
    trees = HistGradientBoostingClassifier(max_iter=120, max_leaf_nodes=8, early_stopping=False, random_state=SEED)
    trees.fit(taught[:, 2:-1], taught[:, -1])
    for offering in open_offerings(now=now, known_until=now):
        rows = _pairs(offering, _audience(offering))
        for first in range(0, len(rows), SCORED_ROWS):
            part = rows[first : first + SCORED_ROWS, 2:-1]
            linear.predict_proba(scaler.transform(part))
            trees.predict_proba(part)


def timing() -> None:
    """Events by shopper and hour, with the weights of the last week, in one array."""
    now = database_now()
    np.concatenate(list(_read(EVENTS, {"now": now, "start": now - 90 * DAY, "week": now - 7 * DAY})))


def forecast() -> None:
    """Claims and uses by coupon and day."""
    now = database_now()
    list(_read(CLAIMS, {"now": now, "start": now - 56 * DAY}))


def _audience(offering: Offering) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM campaigns_campaignrecipient WHERE campaign_id = %s),"
            " EXISTS (SELECT 1 FROM coupons_coupon WHERE id = ANY(%s) AND audience = 'allocated')",
            [offering.campaign_id, list(offering.coupon_ids)],
        )
        is_recorded, is_allocated = cursor.fetchone()
    return RECIPIENTS.format(some="") if is_recorded else BUYERS if is_allocated else ""


def _pairs(offering: Offering, whose: str) -> NDArray[np.float64]:
    parameters = {
        "coupons": list(offering.coupon_ids),
        "campaign": offering.campaign_id,
        "as_of": offering.as_of,
        "quarter": offering.as_of - 91 * DAY,
        "starts": offering.starts_at,
        "ends": offering.ends_at,
    }
    return np.concatenate([np.zeros((0, 12)), *_read(PAIRS.format(whose=whose), parameters)])


def _buyers() -> Iterator[tuple[Any, NDArray[np.float64]]]:
    for chunk in _chunks():
        yield chunk.shopper_ids, chunk.features


def _chunks() -> Iterator[Any]:
    now: datetime = database_now()
    with buyer_features(learning_window(now=now, as_of=None, fewest_shoppers=1)):
        yield from feature_chunks()


def _read(statement: str, parameters: dict[str, Any]) -> Iterator[NDArray[np.float64]]:
    """Yields rows as arrays, by a server-side cursor."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, parameters)
        while rows := cursor.fetchmany(FETCHED_ROWS):
            yield np.array(rows, dtype=np.float64)
