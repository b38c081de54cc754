"""What is known of shoppers, of coupons, and of each towards the other, the day before a campaign starts.

One definition serves learning and scoring: the same statements run over the recipients of an ended campaign and over
the audience of a coming one. Counts and sums come from the database; what they mean together is worked out by
`analytics/learners/response_features.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection
from django.db.models import Count
from numpy.typing import NDArray
from scipy.sparse import csr_array

from analytics.learners.response_features import (
    BOUGHT_COLUMNS,
    COUPON_COLUMNS,
    PAIR_COLUMNS,
    SHOPPER_COLUMNS,
    CampaignFacts,
)
from analytics.selectors.response_statements import (
    ANSWERS,
    CATEGORY_COVER,
    CATEGORY_SPEND,
    COUPONS,
    KIN_USED,
    PAIRS,
    SHOPPERS,
    TYPE_COVER,
    TYPE_SPEND,
)
from campaigns.models import Campaign, CampaignCoupon, CampaignRecipient

# A mailing is decided on the day before; what happens later is not known then.
DECIDED_BEFORE = timedelta(days=1)
# Shoppers who are looked at together, however many a campaign addresses.
MOST_SHOPPERS = 5_000
FETCHED_ROWS = 20_000
# Of each coupon by its id: `COUPON_COLUMNS`.
CouponFigures = Mapping[int, tuple[Any, ...]]


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


def recipient_counts(ended: Iterable[Offering]) -> dict[int, int]:
    """Returns how many shoppers each ended campaign addressed, by its key; nothing of one that addressed nobody."""
    recipients = CampaignRecipient.objects.filter(
        campaign_id__in=[offering.campaign_id for offering in ended], shopper__is_staff=False
    )
    return dict(recipients.order_by().values_list("campaign_id").annotate(Count("pk")))


def coupon_figures(offering: Offering) -> CouponFigures:
    """Returns what was known of a campaign's coupons the day before it, by id; call it inside `response_facts`.

    It looks at what everybody bought, so that whoever goes through many shoppers asks once.
    """
    return {row[0]: row[1:] for row in _read(COUPONS, _parameters(offering))}


def campaign_facts(
    *,
    offering: Offering,
    shopper_ids: Sequence[int] | NDArray[np.int64],
    with_answers: bool,
    figures: CouponFigures | None = None,
) -> CampaignFacts:
    """Returns what was known of some shoppers the day before a campaign; call it inside `response_facts`.

    Args:
        with_answers: add who used which of the coupons while the campaign ran: what is to be learned.
        figures: `coupon_figures` of the offering; None to ask for them.
    """
    if figures is None:
        figures = coupon_figures(offering)
    parameters = _parameters(offering)
    # In few at a time: what each spent on each shelf is laid out in full while they are counted.
    ordered = np.unique(np.asarray(shopper_ids, dtype=np.int64)).tolist()
    parts = [
        _facts_of(offering, ordered[first : first + MOST_SHOPPERS], parameters, figures, with_answers)
        for first in range(0, max(len(ordered), 1), MOST_SHOPPERS)
    ]
    return parts[0] if len(parts) == 1 else _joined(parts)


def _parameters(offering: Offering) -> dict[str, Any]:
    return {
        "campaign": offering.campaign_id,
        "coupons": list(offering.coupon_ids),
        "as_of": offering.as_of,
        "month": offering.as_of - timedelta(days=28),
        "quarter": offering.as_of - timedelta(days=91),
        "starts": offering.starts_at,
        "ends": offering.ends_at,
        "zone": settings.TIME_ZONE,
    }


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
    figures: CouponFigures,
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
        coupons=np.array([figures[pk] for pk in coupons.tolist()], dtype=np.float64).reshape(
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
