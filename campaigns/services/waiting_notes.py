"""Telling shoppers that the waiting list has got them a coupon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from campaigns.enums import MessageChannel, MessageTopic
from campaigns.models import Message
from campaigns.services.outbox import MessageDraft, messages_write
from coupons.enums import WaitingState
from coupons.models import WaitingEntry

CHUNK_SIZE = 2000
# What a job that was down for longer would tell is no news any more.
LOOKS_BACK = timedelta(days=1)


def waiting_notes_enqueue(*, now: datetime, chunk_size: int = CHUNK_SIZE) -> int:
    """Writes to whoever was granted a coupon: in the app always, by e-mail to those who want e-mails of their coupons.

    Each grant gets one message by each channel, however often this runs. Returns how many grants were told.
    """
    told = 0
    while entries := list(_untold(now)[:chunk_size]):
        messages_write(drafts=(draft for entry in entries for draft in _drafts_of(entry)), now=now)
        told += len(entries)
    return told


def _untold(now: datetime) -> QuerySet[WaitingEntry]:
    # The in-app message is written in one statement with the other: where it is, both are.
    key = Concat(Value("waiting:"), Cast(OuterRef("pk"), CharField()), Value(":in_app"), output_field=CharField())
    granted = WaitingEntry.objects.filter(
        state=WaitingState.GRANTED, closed_at__gt=now - LOOKS_BACK, shopper__is_active=True
    )
    untold = granted.filter(~Exists(Message.objects.filter(dedupe_key=key)))
    return untold.select_related("shopper", "claim").order_by("pk")


def _drafts_of(entry: WaitingEntry) -> Iterator[MessageDraft]:
    claim, shopper = entry.claim, entry.shopper
    assert claim is not None
    channels = [MessageChannel.IN_APP]
    if shopper.wants_reminders and shopper.email:
        channels.append(MessageChannel.EMAIL)
    for channel in channels:
        yield MessageDraft(
            dedupe_key=f"waiting:{entry.pk}:{channel}",
            shopper_id=shopper.pk,
            channel=channel,
            topic=MessageTopic.WAITING_GRANTED,
            data={"claim": claim.pk, "expires_at": claim.expires_at.isoformat()},
        )
