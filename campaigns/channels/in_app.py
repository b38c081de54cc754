"""Messages inside the app: the outbox row itself is what the shopper sees."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from campaigns.channels.base import Delivery
from campaigns.models import Message
from campaigns.selectors.message_content import MessageContent


class InAppDelivery:
    """Nothing is left to do."""

    def send(self, message: Message, content: MessageContent) -> None:
        """Returns at once: the message is where the shopper reads it."""


class InAppChannel:
    """The inbox of the app."""

    is_delivered_when_written = True

    def open(self) -> AbstractContextManager[Delivery]:
        """Returns a delivery that does nothing."""
        return nullcontext(InAppDelivery())
