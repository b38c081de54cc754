"""Taking in what shoppers did: in batches, once each, for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from config.kernel.locks import busy_when_locked
from users.enums import BehaviourKind
from users.errors import EventsRefused
from users.models import BehaviourEvent
from users.selectors.shoppers import shopper_keys

MAXIMUM_BATCH = 1_000
# A sender's clock may be ahead; a day ahead is a mistake.
FUTURE_TOLERANCE = timedelta(days=1)
# Whose event ids those are that the platform makes itself.
OWN_SENDER = "quan"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """An event as its sender describes it.

    Args:
        event_id: the sender's own id; a second delivery under it is a no-op.
        shopper: the platform's id of the shopper, or None when `shopper_external_id` says it.
        value: in minor units.
    """

    event_id: str
    kind: str
    occurred_at: datetime
    shopper: UUID | None = None
    shopper_external_id: str | None = None
    product_sku: str = ""
    coupon: UUID | None = None
    value: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a batch: for each event, in its order, whether it is new."""

    is_new: tuple[bool, ...]

    @property
    def accepted(self) -> int:
        return sum(self.is_new)

    @property
    def duplicates(self) -> int:
        return len(self.is_new) - self.accepted


def events_ingest(*, sender: str, events: Sequence[EventDraft], now: datetime) -> IngestResult:
    """Stores a batch of events; one that its sender has sent before is left as it was.

    Takes three queries, whatever the size of the batch.

    Args:
        sender: whose event ids these are, such as `client:3`.
        events: up to `MAXIMUM_BATCH`.

    Raises:
        EventsRefused: at least one is wrong, each named by its index; nothing was stored.
    """
    if len(events) > MAXIMUM_BATCH:
        raise ValueError("the batch is too large")
    shoppers = shopper_keys(
        public_ids={event.shopper for event in events if event.shopper is not None},
        external_ids={event.shopper_external_id for event in events if event.shopper_external_id},
    )
    _refuse_wrong(events, shoppers, now)
    # In the order of their ids, so that two batches with the same events cannot wait for each other.
    rows = sorted((_row_of(sender, event, shoppers, now) for event in events), key=lambda row: row.event_id)
    with busy_when_locked(), transaction.atomic():
        new = _insert_unknown(rows)
    is_new = []
    for event in events:
        is_new.append(event.event_id in new)
        # A second event of the batch under one id is a duplicate of the first.
        new.discard(event.event_id)
    return IngestResult(tuple(is_new))


def _refuse_wrong(events: Sequence[EventDraft], shoppers: dict[UUID | str, int], now: datetime) -> None:
    errors = []
    for index, event in enumerate(events):
        if _key_of(event) not in shoppers:
            name = "shopper" if event.shopper is not None else "shopper_external_id"
            errors.append(_error(index, name, "shopper_unknown", _("There is no such shopper.")))
        if event.kind not in BehaviourKind.values:
            errors.append(_error(index, "kind", "kind_unknown", _("There is no such kind of event.")))
        if event.occurred_at > now + FUTURE_TOLERANCE:
            errors.append(_error(index, "occurred_at", "in_the_future", _("This is more than a day ahead.")))
    if errors:
        raise EventsRefused(errors)


def _error(index: int, name: str, code: str, message: str) -> dict[str, str]:
    return {"parameter": f"events[{index}].{name}", "code": code, "message": message}


def _key_of(event: EventDraft) -> UUID | str | None:
    return event.shopper if event.shopper is not None else event.shopper_external_id


def _row_of(sender: str, event: EventDraft, shoppers: dict[UUID | str, int], now: datetime) -> BehaviourEvent:
    key = _key_of(event)
    assert key is not None
    return BehaviourEvent(
        sender=sender,
        event_id=event.event_id,
        shopper_id=shoppers[key],
        kind=event.kind,
        product_sku=event.product_sku,
        coupon_public_id=event.coupon,
        value=event.value,
        data=event.data,
        occurred_at=event.occurred_at,
        received_at=now,
    )


def _insert_unknown(rows: Iterable[BehaviourEvent]) -> set[str]:
    """Inserts the rows whose ids are new and returns these ids.

    Django's `bulk_create(ignore_conflicts=True)` does not tell which rows it inserted.
    """
    fields = [each for each in BehaviourEvent._meta.concrete_fields if not each.primary_key]
    values = [[each.get_db_prep_save(getattr(row, each.attname), connection) for each in fields] for row in rows]
    if not values:
        return set()
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(each.column)) for each in fields)
    one_row = f"({', '.join(['%s'] * len(fields))})"
    # Names come from the model alone; every value is a parameter.
    statement = (
        f"INSERT INTO {quote(BehaviourEvent._meta.db_table)} ({columns}) "  # noqa: S608
        f"VALUES {', '.join([one_row] * len(values))} "
        "ON CONFLICT (sender, event_id) DO NOTHING RETURNING event_id"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in values for value in row])
        return {event_id for (event_id,) in cursor.fetchall()}
