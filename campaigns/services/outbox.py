"""Writing messages: the one door to the outbox."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.channels import CHANNELS
from campaigns.enums import MessageChannel, MessageState, MessageTopic
from campaigns.models import Message
from config.kernel.locks import busy_when_locked


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A message to be written; one that has the same `dedupe_key` as an older one is dropped.

    `data` says what the message is about in ids and moments: never in words, never with personal data. `send_at` is
    when a channel that does not deliver by writing sends it; None for at once.
    """

    dedupe_key: str
    shopper_id: int
    channel: MessageChannel
    topic: MessageTopic
    data: dict[str, Any] = field(default_factory=dict)
    send_at: datetime | None = None


def messages_write(*, drafts: Iterable[MessageDraft], now: datetime) -> int:
    """Writes messages in one statement, each once however often it is called; returns how many drafts there were.

    A channel that delivers by writing (in-app) has delivered with this; the others wait for the sending job.
    """
    messages = [_message_of(draft, now) for draft in drafts]
    with busy_when_locked():
        Message.objects.bulk_create(messages, ignore_conflicts=True)
    return len(messages)


def _message_of(draft: MessageDraft, now: datetime) -> Message:
    is_delivered = CHANNELS[draft.channel].is_delivered_when_written
    return Message(
        dedupe_key=draft.dedupe_key,
        shopper_id=draft.shopper_id,
        channel=draft.channel,
        topic=draft.topic,
        data=draft.data,
        state=MessageState.SENT if is_delivered else MessageState.PENDING,
        sent_at=now if is_delivered else None,
        next_attempt_at=draft.send_at or now,
        created_at=now,
    )
