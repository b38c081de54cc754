"""What a shopper does with the messages in the app."""

from __future__ import annotations

from datetime import datetime

from campaigns.models import Message
from users.models import User


def inbox_mark_read(*, shopper: User, now: datetime) -> int:
    """Marks all messages a shopper has in the app as read; returns how many were new."""
    unread = Message.objects.inbox(shopper.pk).filter(read_at=None, created_at__lte=now)
    return unread.order_by().update(read_at=now)
