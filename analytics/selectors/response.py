"""What is known of shoppers, of coupons, and of each towards the other, the day before a campaign starts.

One definition serves learning and scoring: the same statements run over the recipients of an ended campaign and over
the audience of a coming one. Counts and sums come from the database; what they mean together is worked out by
`analytics/learners/response_features.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray
from scipy.sparse import csr_array

from analytics.learners.response_features import (
    BOUGHT_COLUMNS,
    COUPON_COLUMNS,
    PAIR_COLUMNS,
    SHOPPER_COLUMNS,
    CampaignFacts,
)
from campaigns.models import Campaign, CampaignCoupon, CampaignRecipient

# A mailing is decided on the day before; what happens later is not known then.
DECIDED_BEFORE = timedelta(days=1)
# Shoppers who are looked at together, however many a campaign addresses.
MOST_SHOPPERS = 5_000
FETCHED_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Offering:
    """A campaign with its coupons and the moment up to which its shoppers are looked at."""

    campaign_id: int
    key: str
    starts_at: datetime
    ends_at: datetime
    as_of: datetime
    coupon_ids: tuple[int, ...]


def offerings(campaigns: Iterable[Campaign], *, known_until: datetime | None = None) -> list[Offering]:
    """Returns campaigns that have coupons, in the order of their start.

    Args:
        known_until: nothing from here on is looked at, even where the campaign starts later.
    """
    found = sorted(campaigns, key=lambda campaign: (campaign.starts_at, campaign.pk))
    coupons: dict[int, list[int]] = {campaign.pk: [] for campaign in found}
    links = CampaignCoupon.objects.filter(campaign_id__in=coupons).order_by("position", "pk")
    for campaign_id, coupon_id in links.values_list("campaign_id", "coupon_id"):
        coupons[campaign_id].append(coupon_id)
    return [
        Offering(
            campaign_id=campaign.pk,
            key=campaign.key,
            starts_at=campaign.starts_at,
            ends_at=campaign.ends_at,
            as_of=min(filter(None, (campaign.starts_at - DECIDED_BEFORE, known_until))),
            coupon_ids=tuple(coupons[campaign.pk]),
        )
        for campaign in found
        if coupons[campaign.pk]
    ]


def recipients_of(offering: Offering) -> NDArray[np.int64]:
    """Returns whom an ended campaign addressed, by id, ascending."""
    recipients = CampaignRecipient.objects.filter(campaign_id=offering.campaign_id, shopper__is_staff=False)
    ids = recipients.order_by().values_list("shopper_id", flat=True)
    found: NDArray[np.int64] = np.sort(np.fromiter(ids.iterator(FETCHED_ROWS), dtype=np.int64))
    return found


# The audience in a table says who; the range around it keeps every statement from reading past it, or up to it.
SHOPPERS = """
WITH orders AS (
    SELECT orders.shopper_id, orders.redeemed_at AS at, orders.payable, orders.discount,
           EXTRACT(HOUR FROM orders.redeemed_at AT TIME ZONE %(zone)s) AS hour,
           EXTRACT(ISODOW FROM orders.redeemed_at AT TIME ZONE %(zone)s) AS weekday
    FROM coupons_order AS orders
    JOIN analytics_response_audience AS audience ON audience.shopper_id = orders.shopper_id
    WHERE orders.shopper_id BETWEEN %(first)s AND %(last)s
      AND orders.redeemed_at < %(as_of)s AND NOT (orders.state = 'refunded' AND orders.closed_at < %(as_of)s)
), habit AS (
    SELECT shopper_id, COUNT(*) AS orders, CAST(SUM(payable) AS double precision) AS spend,
           COUNT(*) FILTER (WHERE at >= %(month)s) AS orders_month,
           CAST(SUM(payable) FILTER (WHERE at >= %(month)s) AS double precision) AS spend_month,
           COUNT(*) FILTER (WHERE at >= %(quarter)s) AS orders_quarter,
           CAST(SUM(payable) FILTER (WHERE at >= %(quarter)s) AS double precision) AS spend_quarter,
           CAST(EXTRACT(EPOCH FROM %(as_of)s - MAX(at)) / 86400 AS double precision) AS recency,
           CAST(EXTRACT(EPOCH FROM %(as_of)s - MIN(at)) / 86400 AS double precision) AS tenure,
           COUNT(DISTINCT date_trunc('week', at)) AS weeks,
           COUNT(*) FILTER (WHERE discount > 0) AS with_coupon,
           COUNT(*) FILTER (WHERE discount > 0 AND at >= %(quarter)s) AS with_coupon_quarter,
           CAST(SUM(discount) AS double precision) AS discount,
           COUNT(*) FILTER (WHERE hour >= 17) AS evening,
           COUNT(*) FILTER (WHERE weekday >= 6) AS weekend
    FROM orders GROUP BY shopper_id
), variety AS (
    SELECT line.shopper_id, COUNT(DISTINCT product_id) AS products, COUNT(DISTINCT category_id) AS categories
    FROM analytics_response_line AS line
    JOIN analytics_response_audience AS audience ON audience.shopper_id = line.shopper_id
    WHERE line.shopper_id BETWEEN %(first)s AND %(last)s AND at < %(as_of)s AND gone_at >= %(as_of)s
    GROUP BY line.shopper_id
), received AS (
    SELECT recipient.shopper_id, COUNT(*) AS campaigns, CAST(SUM(size.coupons) AS double precision) AS coupons,
           CAST(EXTRACT(EPOCH FROM %(as_of)s - MAX(addressed_at)) / 86400 AS double precision) AS since,
           COUNT(*) FILTER (WHERE EXISTS (
               SELECT 1 FROM analytics_response_used AS used
               JOIN campaigns_campaigncoupon AS link ON link.coupon_id = used.coupon_id
               WHERE used.shopper_id = recipient.shopper_id AND link.campaign_id = recipient.campaign_id
                 AND used.shopper_id BETWEEN %(first)s AND %(last)s AND used.at < %(as_of)s)) AS answered
    FROM campaigns_campaignrecipient AS recipient
    JOIN analytics_response_audience AS audience ON audience.shopper_id = recipient.shopper_id
    JOIN (SELECT campaign_id, COUNT(*) AS coupons FROM campaigns_campaigncoupon GROUP BY 1) AS size
      ON size.campaign_id = recipient.campaign_id
    WHERE recipient.shopper_id BETWEEN %(first)s AND %(last)s AND addressed_at < %(as_of)s
      AND recipient.campaign_id <> %(campaign)s
    GROUP BY recipient.shopper_id
), used AS (
    SELECT used.shopper_id, COUNT(*) AS coupons,
           COUNT(*) FILTER (WHERE at >= %(quarter)s) AS coupons_quarter,
           CAST(EXTRACT(EPOCH FROM %(as_of)s - MAX(at)) / 86400 AS double precision) AS since
    FROM analytics_response_used AS used
    JOIN analytics_response_audience AS audience ON audience.shopper_id = used.shopper_id
    WHERE used.shopper_id BETWEEN %(first)s AND %(last)s AND at < %(as_of)s GROUP BY used.shopper_id
)
SELECT audience.shopper_id,
       COALESCE(habit.orders, 0), COALESCE(habit.spend, 0), COALESCE(habit.orders_month, 0),
       COALESCE(habit.spend_month, 0), COALESCE(habit.orders_quarter, 0), COALESCE(habit.spend_quarter, 0),
       habit.recency, habit.tenure, COALESCE(habit.weeks, 0), COALESCE(habit.with_coupon, 0),
       COALESCE(habit.with_coupon_quarter, 0), COALESCE(habit.discount, 0), COALESCE(habit.evening, 0),
       COALESCE(habit.weekend, 0), COALESCE(variety.products, 0), COALESCE(variety.categories, 0),
       COALESCE(received.campaigns, 0), COALESCE(received.coupons, 0), received.since,
       COALESCE(received.answered, 0), COALESCE(used.coupons, 0), COALESCE(used.coupons_quarter, 0), used.since,
       CASE WHEN COALESCE(profile.age_band, '') = '' AND COALESCE(profile.income_band, '') = ''
            THEN 0 ELSE 1 END
FROM analytics_response_audience AS audience
LEFT JOIN habit ON habit.shopper_id = audience.shopper_id
LEFT JOIN variety ON variety.shopper_id = audience.shopper_id
LEFT JOIN received ON received.shopper_id = audience.shopper_id
LEFT JOIN used ON used.shopper_id = audience.shopper_id
LEFT JOIN users_profile AS profile ON profile.shopper_id = audience.shopper_id
ORDER BY audience.shopper_id
"""

PAIRS = """
SELECT line.shopper_id, scope.coupon_id, SUM(spend), COALESCE(SUM(spend) FILTER (WHERE at >= %(quarter)s), 0),
       COUNT(DISTINCT order_id), COUNT(DISTINCT order_id) FILTER (WHERE at >= %(quarter)s),
       COUNT(DISTINCT order_id) FILTER (WHERE at >= %(month)s),
       COUNT(DISTINCT line.product_id),
       CAST(EXTRACT(EPOCH FROM %(as_of)s - MAX(at)) / 86400 AS double precision),
       COUNT(DISTINCT order_id) FILTER (WHERE is_with_coupon)
FROM analytics_response_line AS line
JOIN analytics_response_audience AS audience ON audience.shopper_id = line.shopper_id
JOIN analytics_response_scope AS scope ON scope.product_id = line.product_id
WHERE scope.coupon_id = ANY(%(coupons)s) AND line.shopper_id BETWEEN %(first)s AND %(last)s
  AND at < %(as_of)s AND gone_at >= %(as_of)s
GROUP BY line.shopper_id, scope.coupon_id
"""

# Coupons of campaigns that started before, weighted by how much of what they cover is the same.
KIN_USED = """
SELECT used.shopper_id, kin.coupon_id, SUM(kin.overlap)
FROM analytics_response_kin AS kin
JOIN analytics_response_used AS used ON used.coupon_id = kin.kin_id
JOIN analytics_response_audience AS audience ON audience.shopper_id = used.shopper_id
WHERE kin.coupon_id = ANY(%(coupons)s) AND used.shopper_id BETWEEN %(first)s AND %(last)s AND used.at < %(as_of)s
GROUP BY used.shopper_id, kin.coupon_id
"""

CATEGORY_SPEND = """
SELECT line.shopper_id, line.category_id, SUM(spend), COALESCE(SUM(spend) FILTER (WHERE at >= %(quarter)s), 0),
       COUNT(*) FILTER (WHERE is_with_coupon) FROM analytics_response_line AS line
JOIN analytics_response_audience AS audience ON audience.shopper_id = line.shopper_id
WHERE line.shopper_id BETWEEN %(first)s AND %(last)s AND at < %(as_of)s AND gone_at >= %(as_of)s
GROUP BY line.shopper_id, line.category_id
"""

CATEGORY_COVER = """
SELECT scope.coupon_id, product.category_id, COUNT(*)
FROM analytics_response_scope AS scope JOIN coupons_product AS product ON product.id = scope.product_id
WHERE scope.coupon_id = ANY(%(coupons)s) GROUP BY scope.coupon_id, product.category_id
"""

# The type of a product is what it is, whoever makes it and however large the pack: finer than a shelf.
TYPE_COVER = """
SELECT scope.coupon_id, COALESCE(NULLIF(BTRIM(product_type), ''), 'category:' || category_id), COUNT(*)
FROM analytics_response_scope AS scope JOIN coupons_product AS product ON product.id = scope.product_id
WHERE scope.coupon_id = ANY(%(coupons)s) GROUP BY 1, 2
"""

# Types by their place among those asked for: sorting lines by text would take longest of all.
TYPE_SPEND = """
WITH typed AS MATERIALIZED (
    SELECT product.id, wanted.place FROM coupons_product AS product
    JOIN unnest(%(types)s::text[]) WITH ORDINALITY AS wanted (type, place)
      ON wanted.type = COALESCE(NULLIF(BTRIM(product_type), ''), 'category:' || category_id)
)
SELECT line.shopper_id, typed.place - 1, SUM(spend), COUNT(DISTINCT order_id) FROM analytics_response_line AS line
JOIN analytics_response_audience AS audience ON audience.shopper_id = line.shopper_id
JOIN typed ON typed.id = line.product_id
WHERE line.shopper_id BETWEEN %(first)s AND %(last)s AND at < %(as_of)s AND gone_at >= %(as_of)s GROUP BY 1, 2
"""

COUPONS = """
WITH size AS (
    SELECT coupon_id, COUNT(*) AS products FROM analytics_response_scope
    WHERE coupon_id = ANY(%(coupons)s) GROUP BY coupon_id
), recent AS NOT MATERIALIZED (
    SELECT shopper_id, product_id, spend FROM analytics_response_line
    WHERE at < %(as_of)s AND at >= %(quarter)s AND gone_at >= %(as_of)s
), buyer AS (
    -- Shoppers before coupons: to count different ones of each coupon at once would sort all lines.
    SELECT scope.coupon_id, COUNT(*) AS lines, SUM(recent.spend) AS spend
    FROM analytics_response_scope AS scope JOIN recent ON recent.product_id = scope.product_id
    WHERE scope.coupon_id = ANY(%(coupons)s) GROUP BY scope.coupon_id, recent.shopper_id
), covered AS (
    SELECT coupon_id, COUNT(*) AS buyers, SUM(spend) / SUM(lines) AS price FROM buyer GROUP BY coupon_id
)
SELECT coupon.id, COALESCE(size.products, 0), COALESCE(covered.buyers, 0),
       (SELECT COUNT(*) FROM (SELECT DISTINCT shopper_id FROM recent) AS everybody), COALESCE(covered.price, 0)
FROM coupons_coupon AS coupon
LEFT JOIN size ON size.coupon_id = coupon.id
LEFT JOIN covered ON covered.coupon_id = coupon.id
WHERE coupon.id = ANY(%(coupons)s)
"""

ANSWERS = """
SELECT DISTINCT used.shopper_id, used.coupon_id FROM analytics_response_used AS used
JOIN analytics_response_audience AS audience ON audience.shopper_id = used.shopper_id
WHERE used.coupon_id = ANY(%(coupons)s) AND used.shopper_id BETWEEN %(first)s AND %(last)s
  AND at >= %(starts)s AND at < %(ends)s
"""


def campaign_facts(
    *, offering: Offering, shopper_ids: Sequence[int] | NDArray[np.int64], with_answers: bool
) -> CampaignFacts:
    """Returns what was known of some shoppers the day before a campaign; call it inside `response_facts`.

    Args:
        with_answers: add who used which of the coupons while the campaign ran: what is to be learned.
    """
    parameters = {
        "campaign": offering.campaign_id,
        "coupons": list(offering.coupon_ids),
        "as_of": offering.as_of,
        "month": offering.as_of - timedelta(days=28),
        "quarter": offering.as_of - timedelta(days=91),
        "starts": offering.starts_at,
        "ends": offering.ends_at,
        "zone": settings.TIME_ZONE,
    }
    of_coupons = {row[0]: row[1:] for row in _read(COUPONS, parameters)}
    # In few at a time: what each spent on each shelf is laid out in full while they are counted.
    ordered = np.unique(np.asarray(shopper_ids, dtype=np.int64)).tolist()
    parts = [
        _facts_of(offering, ordered[first : first + MOST_SHOPPERS], parameters, of_coupons, with_answers)
        for first in range(0, max(len(ordered), 1), MOST_SHOPPERS)
    ]
    return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: Sequence[CampaignFacts]) -> CampaignFacts:
    answers = [part.answers for part in parts if part.answers is not None]
    return replace(
        parts[0],
        shopper_ids=np.concatenate([part.shopper_ids for part in parts]),
        shoppers=np.concatenate([part.shoppers for part in parts]),
        pairs=np.concatenate([part.pairs for part in parts]),
        answers=np.concatenate(answers) if answers else None,
    )


def _facts_of(
    offering: Offering,
    shopper_ids: Sequence[int],
    parameters: dict[str, Any],
    of_coupons: dict[int, tuple[Any, ...]],
    with_answers: bool,
) -> CampaignFacts:
    parameters = {**parameters, "first": min(shopper_ids, default=0), "last": max(shopper_ids, default=0)}
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE analytics_response_audience")
        cursor.execute(
            "INSERT INTO analytics_response_audience SELECT DISTINCT unnest(%s::bigint[])", [list(shopper_ids)]
        )
        cursor.execute("ANALYZE analytics_response_audience")
    rows = _read(SHOPPERS, parameters)
    shoppers = np.array([row[0] for row in rows], dtype=np.int64)
    raw = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), len(SHOPPER_COLUMNS))
    coupons = np.array(offering.coupon_ids, dtype=np.int64)
    facts = CampaignFacts(
        shopper_ids=shoppers,
        coupon_ids=coupons,
        days=(offering.ends_at - offering.starts_at) / timedelta(days=1),
        shoppers=raw,
        coupons=np.array([of_coupons[pk] for pk in coupons.tolist()], dtype=np.float64).reshape(
            len(coupons), len(COUPON_COLUMNS)
        ),
        pairs=np.zeros((len(shoppers), len(coupons), len(PAIR_COLUMNS)), dtype=np.float32),
        answers=np.zeros((len(shoppers), len(coupons)), dtype=np.bool_) if with_answers else None,
    )
    place = _Places(shoppers, coupons)
    pairs = _read(PAIRS, parameters)
    facts.pairs[..., PAIR_COLUMNS.index("recency")] = np.nan
    if pairs:
        at = place.of(pairs)
        facts.pairs[at[0], at[1], : len(BOUGHT_COLUMNS)] = np.array([row[2:] for row in pairs], dtype=np.float32)
    if kin := _read(KIN_USED, parameters):
        at = place.of(kin)
        facts.pairs[at[0], at[1], PAIR_COLUMNS.index("kin_used")] = [row[2] for row in kin]
    _add_categories(facts, place, _read(CATEGORY_SPEND, parameters), _read(CATEGORY_COVER, parameters))
    _add_types(facts, place, parameters)
    _add_whole(facts)
    if facts.answers is not None and (answers := _read(ANSWERS, parameters)):
        at = place.of(answers)
        facts.answers[at[0], at[1]] = True
    return facts


class _Places:
    """Where a shopper and a coupon stand in the arrays."""

    def __init__(self, shoppers: Any, coupons: Any) -> None:
        self.shoppers = shoppers
        self.coupon_order = np.argsort(coupons)
        self.coupons = coupons

    def of(self, rows: list[tuple[Any, ...]]) -> tuple[Any, Any]:
        shopper = np.searchsorted(self.shoppers, [row[0] for row in rows])
        found = np.searchsorted(self.coupons, [row[1] for row in rows], sorter=self.coupon_order)
        return shopper, self.coupon_order[found]


def _add_categories(
    facts: CampaignFacts, place: _Places, spend: list[tuple[Any, ...]], cover: list[tuple[Any, ...]]
) -> None:
    """Adds what a shopper does on the shelves of each coupon's products: money, money lately, lines with a coupon."""
    shelves = sorted({row[1] for row in spend} | {row[1] for row in cover})
    number = {shelf: index for index, shelf in enumerate(shelves)}
    weight = np.zeros((len(shelves), len(facts.coupon_ids)))
    if cover:
        found = np.searchsorted(place.coupons, [row[0] for row in cover], sorter=place.coupon_order)
        weight[[number[row[1]] for row in cover], place.coupon_order[found]] = [row[2] for row in cover]
    weight /= np.maximum(weight.sum(axis=0), 1)
    for source, name in ((2, "shelf_spend"), (3, "shelf_spend_quarter"), (4, "shelf_with_coupon")):
        done = np.zeros((len(facts.shopper_ids), len(shelves)))
        if spend:
            at = np.searchsorted(place.shoppers, [row[0] for row in spend]), [number[row[1]] for row in spend]
            done[at] = [row[source] for row in spend]
        facts.pairs[..., PAIR_COLUMNS.index(name)] = done @ weight


def _add_types(facts: CampaignFacts, place: _Places, parameters: dict[str, Any]) -> None:
    """Adds what a shopper buys of the types of each coupon's products, weighted by how many of them are of a type."""
    cover = _read(TYPE_COVER, parameters)
    types = sorted({row[1] for row in cover})
    spend = _read(TYPE_SPEND, {**parameters, "types": types})
    if not spend:
        return
    number = {name: index for index, name in enumerate(types)}
    found = np.searchsorted(place.coupons, [row[0] for row in cover], sorter=place.coupon_order)
    weight = np.zeros((len(types), len(facts.coupon_ids)))
    weight[[number[row[1]] for row in cover], place.coupon_order[found]] = [row[2] for row in cover]
    weight /= np.maximum(weight.sum(axis=0), 1)
    at = np.searchsorted(place.shoppers, [row[0] for row in spend]), [row[1] for row in spend]
    for source, name in ((2, "type_spend"), (3, "type_orders")):
        # There are many more types than anybody buys of.
        done = csr_array(([float(row[source]) for row in spend], at), shape=(len(facts.shopper_ids), len(types)))
        facts.pairs[..., PAIR_COLUMNS.index(name)] = done @ weight


def _add_whole(facts: CampaignFacts) -> None:
    """A coupon on everything covers whatever its shopper buys."""
    whole = [row[0] for row in _read("SELECT coupon_id FROM analytics_response_whole", {})]
    own = facts.shoppers[:, [SHOPPER_COLUMNS.index(name) for name in BOUGHT_COLUMNS]]
    for column in np.flatnonzero(np.isin(facts.coupon_ids, whole)):
        facts.pairs[:, column, : len(BOUGHT_COLUMNS)] = own
        for name in ("spend", "spend_quarter", "with_coupon"):
            shelf = PAIR_COLUMNS.index(f"shelf_{name}")
            facts.pairs[:, column, shelf] = facts.of_shopper(name)
        for name in ("spend", "orders"):
            facts.pairs[:, column, PAIR_COLUMNS.index(f"type_{name}")] = facts.of_shopper(name)


def _read(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
