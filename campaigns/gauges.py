"""What the database says of messages, asked when the page of metrics is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from campaigns.models import Message

# Rows that are counted at most: that it is many is all that matters then.
MANY = 100_000


def outbox_gauges(now: datetime) -> Iterator[Metric]:
    """How many messages should have been sent by now, and for how long the oldest has."""
    due = Message.objects.due(now)
    oldest = due.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
    age = (now - oldest).total_seconds() if oldest is not None else 0.0
    yield GaugeMetricFamily("quan_outbox_due_messages", "Messages to send now.", value=due.order_by()[:MANY].count())
    yield GaugeMetricFamily(
        "quan_outbox_oldest_due_seconds", "For how long the oldest of them has been due.", value=age
    )


DATABASE_GAUGES = (outbox_gauges,)
