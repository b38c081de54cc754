"""What a channel must do, and how it says that it could not."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from campaigns.models import Message
from campaigns.selectors.message_content import MessageContent


class NotDelivered(Exception):
    """This message could not be delivered.

    Attributes:
        reason: a few words for operators; never an address or what a server said about one.
        is_permanent: trying again would not help.
    """

    def __init__(self, reason: str, *, is_permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_permanent = is_permanent


class ChannelUnavailable(Exception):
    """The channel delivers nothing at the moment; no message is to blame. `reason` as in `NotDelivered`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Delivery(Protocol):
    """An open channel, for as many messages as there are."""

    def send(self, message: Message, content: MessageContent) -> None:
        """Hands one message over; when it returns, the other side has taken it.

        Raises:
            NotDelivered: this message was not taken.
            ChannelUnavailable: no message would be taken now.
        """


class Channel(Protocol):
    """A way to a shopper."""

    # Writing the message to the outbox is all there is to do.
    is_delivered_when_written: bool

    def open(self) -> AbstractContextManager[Delivery]:
        """Returns a delivery that is closed at the end of the `with` block."""
