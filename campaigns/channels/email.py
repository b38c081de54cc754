"""E-mail, by whichever backend `EMAIL_URL` names."""

from __future__ import annotations

import contextlib
import hashlib
import smtplib
from contextlib import AbstractContextManager
from types import TracebackType
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.urls import reverse

from campaigns.channels.base import ChannelUnavailable, Delivery, NotDelivered
from campaigns.models import Message
from campaigns.selectors.message_content import MessageContent

# Replies of RFC 5321: the server is closing, and "do not try again".
SERVICE_NOT_AVAILABLE = 421
PERMANENT_FROM = 500


class EmailDelivery:
    """One connection for a whole batch, opened with its first message and anew after it broke."""

    def __init__(self) -> None:
        self._connection = get_connection()

    def __enter__(self) -> EmailDelivery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def send(self, message: Message, content: MessageContent) -> None:
        """Hands an e-mail to the mail server; see `Delivery.send`."""
        email = compose_email(message, content)
        try:
            self._connection.open()
        except OSError as error:
            self._close()
            raise ChannelUnavailable(_reason(error)) from error
        try:
            self._connection.send_messages([email])
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refusal(max(code for code, _text in error.recipients.values()), by_message=True) from error
        except smtplib.SMTPResponseException as error:
            raise self._refusal(error.smtp_code, by_message=isinstance(error, smtplib.SMTPDataError)) from error
        except OSError as error:
            # The session may be in any state; the next message gets a new one.
            self._close()
            raise NotDelivered(_reason(error)) from error
        except ValueError as error:
            raise NotDelivered("unusable address", is_permanent=True) from error

    def _refusal(self, code: int, *, by_message: bool) -> NotDelivered | ChannelUnavailable:
        if code == SERVICE_NOT_AVAILABLE:
            self._close()
            return ChannelUnavailable(f"SMTP {code}")
        return NotDelivered(f"SMTP {code}", is_permanent=by_message and code >= PERMANENT_FROM)

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.close()


class EmailChannel:
    """The shopper's e-mail address."""

    is_delivered_when_written = False

    def open(self) -> AbstractContextManager[Delivery]:
        """Returns a delivery over one connection."""
        return EmailDelivery()


def compose_email(message: Message, content: MessageContent) -> EmailMultiAlternatives:
    """Returns the e-mail of a message, in plain text and HTML.

    Its Message-ID is always the same for one message, so that a mail server that gets it twice can tell.
    """
    email = EmailMultiAlternatives(
        subject=content.subject,
        body=content.text,
        to=[message.shopper.email],
        headers={
            "Message-ID": message_id(message),
            "List-Unsubscribe": f"<{settings.SHOP_URL}{reverse('users:account')}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    email.attach_alternative(content.html, "text/html")
    return email


def message_id(message: Message) -> str:
    """Returns the Message-ID of a message, derived from what makes it unique."""
    digest = hashlib.sha256(message.dedupe_key.encode()).hexdigest()[:32]
    return f"<{digest}@{urlsplit(settings.SHOP_URL).hostname or 'localhost'}>"


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}"
    return type(error).__name__
