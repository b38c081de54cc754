"""What tells when and how a shopper is best reached: hours, the last days, and messages with what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

from analytics.learners.timing import HOURS, TRIGGER_DAYS
from analytics.selectors.vendor import require_postgresql
from campaigns.enums import CampaignStatus, MessageChannel, MessageState
from users.models import User

Matrix = NDArray[np.float64]

CHANNELS = (MessageChannel.EMAIL, MessageChannel.IN_APP)
HABIT_LASTS = timedelta(days=90)
MESSAGES_COUNT_FOR = timedelta(days=180)
# A claim used so soon after a message about it counts as its answer.
ANSWER_WITHIN = timedelta(days=7)
REFERENCE_PERCENTILE = 0.9

# What each kind of event says of a purchase to come.
WEIGHT = "CASE kind WHEN 'view' THEN 0.5 WHEN 'cart' THEN 2.0 WHEN 'purchase' THEN 3.0 ELSE 0.0 END"

POPULATION_HOURS = """
SELECT EXTRACT(HOUR FROM occurred_at AT TIME ZONE %(zone)s)::int, COUNT(*) FROM users_behaviourevent
WHERE occurred_at >= %(habit)s AND occurred_at < %(as_of)s GROUP BY 1
"""

REFERENCE = """
SELECT percentile_cont(%(percentile)s) WITHIN GROUP (ORDER BY week) FROM (
    SELECT SUM({weight}) AS week FROM users_behaviourevent
    WHERE occurred_at > %(week)s AND occurred_at < %(as_of)s GROUP BY shopper_id
) AS sums WHERE week > 0
"""

HOURS_OF = """
SELECT shopper_id, EXTRACT(HOUR FROM occurred_at AT TIME ZONE %(zone)s)::int, COUNT(*) FROM users_behaviourevent
WHERE shopper_id = ANY(%(shoppers)s) AND occurred_at >= %(habit)s AND occurred_at < %(as_of)s GROUP BY 1, 2
"""

DAYS_OF = """
SELECT shopper_id, FLOOR(EXTRACT(EPOCH FROM %(as_of)s - occurred_at) / 86400)::int, SUM({weight})
FROM users_behaviourevent
WHERE shopper_id = ANY(%(shoppers)s) AND occurred_at > %(eight_days)s AND occurred_at < %(as_of)s GROUP BY 1, 2
"""

ANSWERS = """
SELECT message.shopper_id, message.channel, COUNT(*), COUNT(*) FILTER (WHERE EXISTS (
    SELECT 1 FROM coupons_redemption AS used
    WHERE used.claim_id = (message.data->>'claim')::bigint AND used.redeemed_at >= message.sent_at
      AND used.redeemed_at < message.sent_at + %(within)s AND used.redeemed_at < %(as_of)s)),
    COUNT(*) FILTER (WHERE message.sent_at >= %(week)s)
FROM campaigns_message AS message
WHERE message.state = %(sent)s AND message.sent_at >= %(remembered)s AND message.sent_at < %(as_of)s
  AND message.data ? 'claim' {whose}
GROUP BY 1, 2
"""

IN_LIVE_CAMPAIGN = """
SELECT DISTINCT score.shopper_id FROM campaigns_couponscore AS score
JOIN campaigns_campaigncoupon AS link ON link.coupon_id = score.coupon_id
JOIN campaigns_campaign AS campaign ON campaign.id = link.campaign_id
WHERE score.shopper_id = ANY(%(shoppers)s) AND campaign.status = %(published)s
  AND campaign.starts_at <= %(now)s AND campaign.ends_at > %(now)s
"""


@dataclass(frozen=True, slots=True)
class Population:
    """What everybody does together: events by hour, the weekly sum that counts as full, answers by channel."""

    hours: Matrix
    reference: float
    channel_rates: Matrix


@dataclass(frozen=True, slots=True)
class TimingFacts:
    """Some shoppers: events by hour (n × 24), weights by day (n × 8, newest first), messages by channel (n × 2)."""

    shopper_ids: NDArray[np.int64]
    hours: Matrix
    days: Matrix
    sent: Matrix
    answered: Matrix
    sent_lately: Matrix
    has_email: NDArray[np.bool_]
    in_live_campaign: NDArray[np.bool_]


def population(*, as_of: datetime) -> Population:
    """Returns what everybody did before a moment.

    Raises:
        NeedsPostgreSQL: on any other database.
    """
    require_postgresql()
    parameters = _parameters(as_of)
    hours = np.zeros(HOURS)
    for hour, count in _read(POPULATION_HOURS, parameters):
        hours[hour] = count
    ((reference,),) = _read(REFERENCE.format(weight=WEIGHT), parameters)
    sent, answered = np.zeros(len(CHANNELS)), np.zeros(len(CHANNELS))
    for _, channel, count, answers, _ in _read(ANSWERS.format(whose=""), parameters):
        if channel in CHANNELS:
            sent[CHANNELS.index(channel)] += count
            answered[CHANNELS.index(channel)] += answers
    return Population(hours=hours, reference=float(reference or 0), channel_rates=(answered + 1) / (sent + 20))


def timing_chunks(*, as_of: datetime, now: datetime, chunk_rows: int) -> Iterator[TimingFacts]:
    """Yields everybody who did anything in the last 90 days, in the order of their ids, in chunks.

    Args:
        now: at which campaigns run.
    """
    active = User.objects.shoppers().filter(
        is_active=True, behaviour_events__occurred_at__gte=as_of - HABIT_LASTS, behaviour_events__occurred_at__lt=as_of
    )
    last = 0
    while rows := list(
        active.filter(pk__gt=last)
        .order_by("pk")
        .distinct()
        .values_list("pk", "wants_reminders", "email_index")[:chunk_rows]
    ):
        yield _facts([row[0] for row in rows], [bool(row[1] and row[2]) for row in rows], as_of, now)
        last = rows[-1][0]


def _facts(shopper_ids: Sequence[int], has_email: Sequence[bool], as_of: datetime, now: datetime) -> TimingFacts:
    shoppers = np.array(shopper_ids, dtype=np.int64)
    count = len(shoppers)
    parameters = {
        **_parameters(as_of),
        "shoppers": list(shopper_ids),
        "published": CampaignStatus.PUBLISHED.value,
        "now": now,
    }
    facts = TimingFacts(
        shopper_ids=shoppers,
        hours=np.zeros((count, HOURS)),
        days=np.zeros((count, TRIGGER_DAYS + 1)),
        sent=np.zeros((count, len(CHANNELS))),
        answered=np.zeros((count, len(CHANNELS))),
        sent_lately=np.zeros((count, len(CHANNELS))),
        has_email=np.array(has_email, dtype=np.bool_),
        in_live_campaign=np.isin(shoppers, [row[0] for row in _read(IN_LIVE_CAMPAIGN, parameters)]),
    )
    for shopper, hour, events in _read(HOURS_OF, parameters):
        facts.hours[np.searchsorted(shoppers, shopper), hour] = events
    for shopper, day, weight in _read(DAYS_OF.format(weight=WEIGHT), parameters):
        facts.days[np.searchsorted(shoppers, shopper), min(day, TRIGGER_DAYS)] += float(weight)
    whose = "AND message.shopper_id = ANY(%(shoppers)s)"
    for shopper, channel, sent, answered, lately in _read(ANSWERS.format(whose=whose), parameters):
        if channel in CHANNELS:
            at = np.searchsorted(shoppers, shopper), CHANNELS.index(channel)
            facts.sent[at], facts.answered[at], facts.sent_lately[at] = sent, answered, lately
    return facts


def _parameters(as_of: datetime) -> dict[str, Any]:
    return {
        "zone": settings.TIME_ZONE,
        "as_of": as_of,
        "habit": as_of - HABIT_LASTS,
        "week": as_of - timedelta(days=TRIGGER_DAYS),
        "eight_days": as_of - timedelta(days=TRIGGER_DAYS + 1),
        "remembered": as_of - MESSAGES_COUNT_FOR,
        "within": ANSWER_WITHIN,
        "sent": MessageState.SENT.value,
        "percentile": REFERENCE_PERCENTILE,
    }


def _read(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
