"""The ways in which a message reaches a shopper, one interface in front of all.

A new channel (SMS, web push, webhook) is one file that implements `Channel` and one line here.
"""

from campaigns.channels.base import Channel, ChannelUnavailable, Delivery, NotDelivered
from campaigns.channels.email import EmailChannel
from campaigns.channels.in_app import InAppChannel
from campaigns.enums import MessageChannel

CHANNELS: dict[str, Channel] = {
    MessageChannel.EMAIL: EmailChannel(),
    MessageChannel.IN_APP: InAppChannel(),
}

__all__ = ["CHANNELS", "Channel", "ChannelUnavailable", "Delivery", "NotDelivered"]
