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
from coupons.enums import AudienceKind
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
WHERE shopper_id BETWEEN %(first)s AND %(last)s AND occurred_at >= %(habit)s AND occurred_at < %(as_of)s GROUP BY 1, 2
"""

DAYS_OF = """
SELECT shopper_id, LEAST(FLOOR(EXTRACT(EPOCH FROM %(as_of)s - occurred_at) / 86400)::int, %(oldest)s),
       SUM({weight})::double precision
FROM users_behaviourevent
WHERE shopper_id BETWEEN %(first)s AND %(last)s AND occurred_at > %(eight_days)s AND occurred_at < %(as_of)s
GROUP BY 1, 2
"""

# By shopper or by everybody, and by the channel's place among `CHANNELS`.
ANSWERS = """
SELECT {by}, COUNT(*), COUNT(*) FILTER (WHERE EXISTS (
    SELECT 1 FROM coupons_redemption AS used
    WHERE used.claim_id = (message.data->>'claim')::bigint AND used.redeemed_at >= message.sent_at
      AND used.redeemed_at < message.sent_at + %(within)s AND used.redeemed_at < %(as_of)s)),
    COUNT(*) FILTER (WHERE message.sent_at >= %(week)s)
FROM campaigns_message AS message
WHERE message.state = %(sent)s AND message.sent_at >= %(remembered)s AND message.sent_at < %(as_of)s
  AND message.data ? 'claim' AND message.channel = ANY(%(channels)s) {whose}
GROUP BY {by}
"""

PLACE = "array_position(%(channels)s, message.channel::text) - 1"
WHOSE = "AND message.shopper_id BETWEEN %(first)s AND %(last)s"

# Of coupons to be allocated every buyer has scores: only an allocation lets somebody claim them.
IN_LIVE_CAMPAIGN = """
SELECT DISTINCT score.shopper_id FROM campaigns_couponscore AS score
JOIN campaigns_campaigncoupon AS link ON link.coupon_id = score.coupon_id
JOIN campaigns_campaign AS campaign ON campaign.id = link.campaign_id
JOIN coupons_coupon AS coupon ON coupon.id = score.coupon_id
WHERE score.shopper_id BETWEEN %(first)s AND %(last)s AND campaign.status = %(published)s
  AND campaign.starts_at <= %(now)s AND campaign.ends_at > %(now)s
  AND (coupon.audience <> %(allocated)s OR EXISTS (
    SELECT 1 FROM coupons_allocation AS allocation
    JOIN coupons_allocationedition AS edition ON edition.id = allocation.edition_id
    WHERE allocation.shopper_id = score.shopper_id AND allocation.coupon_id = score.coupon_id
      AND edition.is_in_force AND allocation.until > %(now)s))
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
    for place, count, answers, _ in _read(ANSWERS.format(by=PLACE, whose=""), parameters):
        sent[place], answered[place] = count, answers
    return Population(hours=hours, reference=float(reference or 0), channel_rates=(answered + 1) / (sent + 20))


def timing_chunks(*, as_of: datetime, now: datetime, chunk_rows: int) -> Iterator[TimingFacts]:
    """Yields everybody who did anything in the last 90 days, in the order of their ids, in chunks.

    Args:
        now: at which campaigns run.
    """
    # By the table's own order, with whoever was silent: to ask for the others alone would join all events each time.
    everybody = User.objects.shoppers().filter(is_active=True).order_by("pk")
    last = 0
    while rows := list(everybody.filter(pk__gt=last).values_list("pk", "wants_reminders", "email_index")[:chunk_rows]):
        last = rows[-1][0]
        facts = _facts([row[0] for row in rows], [bool(row[1] and row[2]) for row in rows], as_of, now)
        if len(facts.shopper_ids):
            yield facts


def _facts(shopper_ids: Sequence[int], has_email: Sequence[bool], as_of: datetime, now: datetime) -> TimingFacts:
    """Returns those of some shoppers who did anything; the ids are in order, with none between them left out."""
    parameters = {
        **_parameters(as_of),
        "first": shopper_ids[0],
        "last": shopper_ids[-1],
        "published": CampaignStatus.PUBLISHED.value,
        "allocated": AudienceKind.ALLOCATED.value,
        "now": now,
    }
    habits = _columns(_read(HOURS_OF, parameters), 3)
    everybody = np.array(shopper_ids, dtype=np.int64)
    is_active = np.isin(everybody, habits[0])
    shoppers = everybody[is_active]
    answers = _read(ANSWERS.format(by=f"message.shopper_id, {PLACE}", whose=WHOSE), parameters)
    hours = _spread(shoppers, HOURS, habits[:2], habits[2:])
    days = _columns(_read(DAYS_OF.format(weight=WEIGHT), parameters), 3)
    messages = _columns(answers, 5)
    sent, answered, sent_lately = _spread(shoppers, len(CHANNELS), messages[:2], messages[2:])
    return TimingFacts(
        shopper_ids=shoppers,
        hours=hours[0],
        days=_spread(shoppers, TRIGGER_DAYS + 1, days[:2], days[2:])[0],
        sent=sent,
        answered=answered,
        sent_lately=sent_lately,
        has_email=np.array(has_email, dtype=np.bool_)[is_active],
        in_live_campaign=np.isin(shoppers, _columns(_read(IN_LIVE_CAMPAIGN, parameters), 1)[0]),
    )


def _columns(rows: list[tuple[Any, ...]], count: int) -> Matrix:
    return np.array(rows, dtype=np.float64).reshape(len(rows), count).T


def _spread(shoppers: NDArray[np.int64], width: int, places: Matrix, figures: Matrix) -> list[Matrix]:
    """Lays figures out by shopper and place, a matrix for each; those of other shoppers are left out."""
    at = np.searchsorted(shoppers, places[0])
    known = at < len(shoppers)
    known[known] = shoppers[at[known]] == places[0][known]
    spread = []
    for figure in figures:
        matrix = np.zeros((len(shoppers), width))
        matrix[at[known], places[1][known].astype(np.int64)] = figure[known]
        spread.append(matrix)
    return spread


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
        "channels": [channel.value for channel in CHANNELS],
        "oldest": TRIGGER_DAYS,
        "percentile": REFERENCE_PERCENTILE,
    }


def _read(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
