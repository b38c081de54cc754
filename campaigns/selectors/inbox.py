"""A shopper's messages in the app, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Message
from campaigns.selectors.message_content import MessageContent, things_of
from users.models import User

SHOWN = 100


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """One message as a page shows it; `url` leads to what it is about."""

    title: str
    body: str
    url: str
    created_at: datetime
    is_unread: bool


def inbox_entries(*, shopper: User, now: datetime) -> list[InboxEntry]:
    """Returns a shopper's latest messages in the active language, newest first."""
    messages = list(Message.objects.inbox(shopper.pk).filter(created_at__lte=now)[:SHOWN])
    things = things_of(messages)
    entries = []
    for message in messages:
        about = things.get(message.pk)
        # What a message is about may be gone with an erased account.
        if about is None:
            continue
        content = MessageContent(message, about)
        entries.append(
            InboxEntry(
                title=content.subject,
                body=content.short,
                url=content.path,
                created_at=message.created_at,
                is_unread=message.is_unread(),
            )
        )
    return entries


def unread_count(shopper_id: int) -> int:
    """Returns how many messages a shopper has not seen yet."""
    return Message.objects.inbox(shopper_id).filter(read_at=None).order_by().count()
