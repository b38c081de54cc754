"""From counts to features of response: shopper × campaign and shopper × coupon.

The database counts (`analytics/selectors/response.py`); here counts become rates, shares, logarithms and ranks, the
same for learning and for scoring. What a coupon takes off is no feature: in imported history it is known from
redemptions alone, and so comes from after the cut-off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Matrix = NDArray[np.float64]
Features = NDArray[np.float32]

SHOPPER_COLUMNS = (
    "orders",
    "spend",
    "orders_month",
    "spend_month",
    "orders_quarter",
    "spend_quarter",
    "recency",
    "tenure",
    "weeks",
    "with_coupon",
    "with_coupon_quarter",
    "discount",
    "evening",
    "weekend",
    "products",
    "categories",
    "received",
    "received_coupons",
    "since_received",
    "answered",
    "used",
    "used_quarter",
    "since_used",
    "is_known",
)
COUPON_COLUMNS = (
    "products",
    "buyers",
    "all_buyers",
    "price",
)
# The first eight are counted over purchases of what the coupon covers.
PAIR_COLUMNS = (
    "spend",
    "spend_quarter",
    "orders",
    "orders_quarter",
    "orders_month",
    "products",
    "recency",
    "with_coupon",
    "kin_used",
    "shelf_spend",
    "shelf_spend_quarter",
    "shelf_with_coupon",
    "type_spend",
    "type_orders",
)
BOUGHT_COLUMNS = PAIR_COLUMNS[:8]

# Days that stand for "never".
NEVER = 400.0
# A rate over a shorter time than this would be an accident.
SHORTEST_TENURE = 14.0
MONTH_DAYS, QUARTER_DAYS = 28.0, 91.0
# A campaign with more coupons than this chooses among them for each recipient.
MANY_COUPONS = 50
CHOSEN_COUPONS = 16
CENTS = 100.0


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What was known the day before a campaign of its shoppers (n) and coupons (m).

    Attributes:
        days: how long it lasts.
        shoppers: n × `SHOPPER_COLUMNS`; money in minor units, times in days, NaN for what never happened.
        coupons: m × `COUPON_COLUMNS`.
        pairs: n × m × `PAIR_COLUMNS`.
        answers: n × m, who used which coupon while it ran; None when that is not known yet.
    """

    shopper_ids: NDArray[np.int64]
    coupon_ids: NDArray[np.int64]
    days: float
    shoppers: Matrix
    coupons: Matrix
    pairs: NDArray[np.float32]
    answers: NDArray[np.bool_] | None

    def of_shopper(self, name: str) -> Matrix:
        """Returns one raw column of the shoppers."""
        return self.shoppers[:, SHOPPER_COLUMNS.index(name)]

    def of_coupon(self, name: str) -> Matrix:
        """Returns one raw column of the coupons."""
        return self.coupons[:, COUPON_COLUMNS.index(name)]

    def of_pair(self, name: str) -> Matrix:
        """Returns one raw column of the pairs, n × m."""
        column: Matrix = self.pairs[..., PAIR_COLUMNS.index(name)].astype(np.float64)
        return column


def campaign_features(facts: CampaignFacts) -> tuple[tuple[str, ...], Features]:
    """Returns the names and the matrix of what tells whether a shopper uses anything of the campaign, n rows."""
    count = len(facts.shopper_ids)
    features = {
        **_shopper(facts),
        **{name: np.full(count, value) for name, value in _campaign(facts).items()},
        **_towards_campaign(facts),
    }
    return _stack(features, count)


def coupon_features(facts: CampaignFacts) -> tuple[tuple[str, ...], Features]:
    """Returns the names and the matrix of what tells whether a shopper uses a coupon.

    Rows are shopper after shopper, n · m of them: `reshape(n, m)` of a result has shoppers as rows.
    """
    shape = facts.pairs.shape[:2]
    features = {name: np.broadcast_to(value[:, None], shape) for name, value in _shopper(facts).items()}
    features |= {name: np.broadcast_to(value[None, :], shape) for name, value in _coupon(facts).items()}
    features |= {name: np.full(shape, value) for name, value in _campaign(facts).items()}
    features |= _pair(facts)
    return _stack(features, shape[0] * shape[1])


def coupon_feature_names() -> tuple[str, ...]:
    """Returns the names alone: of what a model is taught, and must have been taught to be asked."""
    nobody = CampaignFacts(
        shopper_ids=np.zeros(0, dtype=np.int64),
        coupon_ids=np.zeros(1, dtype=np.int64),
        days=1.0,
        shoppers=np.zeros((0, len(SHOPPER_COLUMNS))),
        coupons=np.zeros((1, len(COUPON_COLUMNS))),
        pairs=np.zeros((0, 1, len(PAIR_COLUMNS)), dtype=np.float32),
        answers=None,
    )
    return coupon_features(nobody)[0]


def _stack(features: Mapping[str, Matrix], rows: int) -> tuple[tuple[str, ...], Features]:
    # Half a million pairs are held at once; single precision is ample for logarithms of counts.
    matrix = np.empty((rows, len(features)), dtype=np.float32)
    for column, value in enumerate(features.values()):
        matrix[:, column] = value.reshape(-1)
    return tuple(features), matrix


def _tenure(facts: CampaignFacts) -> Matrix:
    tenure: Matrix = np.maximum(np.nan_to_num(facts.of_shopper("tenure"), nan=0.0), SHORTEST_TENURE)
    return tenure


def _shopper(facts: CampaignFacts) -> dict[str, Matrix]:
    raw, tenure = facts.of_shopper, _tenure(facts)
    months = tenure / MONTH_DAYS
    orders, spend = raw("orders"), raw("spend")
    # A window that is longer than what is known of the shopper counts as long as that.
    lately = np.minimum(tenure, QUARTER_DAYS) / MONTH_DAYS
    month = np.minimum(tenure, MONTH_DAYS) / MONTH_DAYS
    since_used = np.nan_to_num(raw("since_used"), nan=1e4)
    return {
        "orders_rate": np.log1p(orders / months),
        "spend_rate": np.log1p(spend / CENTS / months),
        "orders_month": np.log1p(raw("orders_month") / month),
        "spend_month": np.log1p(raw("spend_month") / CENTS / month),
        "orders_quarter": np.log1p(raw("orders_quarter") / lately),
        "spend_quarter": np.log1p(raw("spend_quarter") / CENTS / lately),
        "recency": np.log1p(np.nan_to_num(raw("recency"), nan=NEVER)),
        "regularity": np.minimum(raw("weeks") * 7.0 / tenure, 1.0),
        "coupon_share": (raw("with_coupon") + 0.5) / (orders + 5.0),
        "coupon_share_quarter": (raw("with_coupon_quarter") + 0.25) / (raw("orders_quarter") + 2.5),
        "coupon_rate_quarter": np.log1p(raw("with_coupon_quarter") / lately),
        "discount_rate": np.log1p(raw("discount") / CENTS * 10.0 / months),
        "discount_share": raw("discount") / np.maximum(spend, CENTS),
        "evening": (raw("evening") + 1.0) / (orders + 4.0),
        "weekend": (raw("weekend") + 1.0) / (orders + 4.0),
        "products": np.log1p(raw("products") / months),
        "categories": np.log1p(raw("categories")),
        "basket": np.log1p(spend / np.maximum(orders, 1.0) / CENTS),
        "received": np.log1p(raw("received")),
        "received_coupons": np.log1p(raw("received_coupons")),
        "since_received": np.log1p(np.nan_to_num(raw("since_received"), nan=NEVER)),
        "answered": np.log1p(raw("answered")),
        "answer_rate": (raw("answered") + 0.3) / (raw("received") + 3.0),
        "used": np.log1p(raw("used")),
        "used_quarter": np.log1p(raw("used_quarter")),
        "ever_used": (raw("used") > 0).astype(np.float64),
        "used_freshly": np.where(raw("used") > 0, np.exp(-since_used / 60.0), 0.0),
        "is_known": raw("is_known"),
    }


def _campaign(facts: CampaignFacts) -> dict[str, float]:
    coupons = len(facts.coupon_ids)
    return {
        "days": float(np.log(facts.days)),
        "coupons": float(np.log(coupons)),
        # Which coupons each recipient of such a campaign got is not recorded; that it chose is known from their number.
        "chooses": float(coupons > MANY_COUPONS),
    }


def _coupon(facts: CampaignFacts) -> dict[str, Matrix]:
    raw = facts.of_coupon
    return {
        "covered_products": np.log1p(raw("products")),
        "popularity": np.log((raw("buyers") + 1.0) / (raw("all_buyers") + 50.0)),
        "price": np.log1p(raw("price") / CENTS),
    }


def _pair(facts: CampaignFacts) -> dict[str, Matrix]:
    raw, tenure = facts.of_pair, _tenure(facts)[:, None]
    spend, orders = raw("spend"), raw("orders")
    everything = np.maximum(facts.of_shopper("spend"), 1.0)[:, None]
    by_orders = _ranks(orders + spend / 1e9)
    return {
        "bought_spend": np.log1p(spend / CENTS / (tenure / MONTH_DAYS)),
        "bought_spend_quarter": np.log1p(raw("spend_quarter") / CENTS),
        "bought_orders": np.log1p(orders),
        "bought_orders_quarter": np.log1p(raw("orders_quarter")),
        "bought_orders_month": np.log1p(raw("orders_month")),
        "bought_products": np.log1p(raw("products")),
        "bought_recency": np.log1p(np.nan_to_num(raw("recency"), nan=NEVER)),
        "bought_share": np.sqrt(spend / everything),
        "bought_with_coupon": np.log1p(raw("with_coupon")),
        "bought_coupon_share": (raw("with_coupon") + 0.1) / (orders + 2.0),
        "kin_used": np.minimum(raw("kin_used"), 3.0),
        "shelf_share": np.sqrt(np.maximum(raw("shelf_spend"), 0.0) / everything),
        "shelf_spend_quarter": np.log1p(np.maximum(raw("shelf_spend_quarter"), 0.0) / CENTS),
        "shelf_with_coupon": np.log1p(raw("shelf_with_coupon")),
        # A type is finer than a shelf and coarser than a product: it counts another brand and another pack too.
        "type_spend": np.log1p(np.maximum(raw("type_spend"), 0.0) / CENTS),
        "type_orders": np.log1p(raw("type_orders")),
        "loyalty": spend / (np.maximum(raw("shelf_spend"), spend) + 2.0 * CENTS),
        # Where a campaign chooses coupons by past purchases, the place among them tells what was chosen.
        "rank_orders": np.log(by_orders),
        "rank_spend": np.log(_ranks(spend)),
        "among_chosen": (by_orders <= CHOSEN_COUPONS).astype(np.float64),
        "among_forty": (by_orders <= 40).astype(np.float64),
    }


def _towards_campaign(facts: CampaignFacts) -> dict[str, Matrix]:
    raw, pair, coupon = facts.of_pair, _pair(facts), _coupon(facts)
    count = len(facts.shopper_ids)
    bought, lately = raw("orders") > 0, raw("orders_quarter") > 0
    return {
        "covers_bought": bought.mean(axis=1),
        "covers_bought_count": np.log1p(bought.sum(axis=1)),
        "covers_bought_quarter": np.log1p(lately.sum(axis=1)),
        "most_orders_quarter": pair["bought_orders_quarter"].max(axis=1),
        "top_orders": _top(pair["bought_orders"], 3),
        "top_orders_quarter": _top(pair["bought_orders_quarter"], CHOSEN_COUPONS),
        "top_share": _top(pair["bought_share"], CHOSEN_COUPONS),
        "most_share": pair["bought_share"].max(axis=1),
        "covers_with_coupon": np.log1p(raw("with_coupon").sum(axis=1)),
        "most_with_coupon": pair["bought_with_coupon"].max(axis=1),
        "most_shelf_with_coupon": pair["shelf_with_coupon"].max(axis=1),
        "kin_used_sum": np.log1p(raw("kin_used").sum(axis=1)),
        "kin_used_most": np.minimum(raw("kin_used").max(axis=1), 3.0),
        "top_shelf_share": _top(pair["shelf_share"], CHOSEN_COUPONS),
        "most_shelf_share": pair["shelf_share"].max(axis=1),
        "covers_recency": pair["bought_recency"].min(axis=1),
        "mean_popularity": np.full(count, coupon["popularity"].mean()),
        "covers_orders_quarter": np.log1p(pair["bought_orders_quarter"].sum(axis=1)),
    }


def _ranks(values: Matrix) -> Matrix:
    """Returns each coupon's place among its shopper's, from 0.5 for the first; ties share the middle."""
    ranks: Matrix = rankdata(-values, axis=1) - 0.5
    return ranks


def _top(values: Matrix, count: int) -> Matrix:
    """Returns the mean of each row's largest `count` values."""
    count = min(count, values.shape[1])
    top: Matrix = -np.partition(-values, count - 1, axis=1)[:, :count].mean(axis=1)
    return top
