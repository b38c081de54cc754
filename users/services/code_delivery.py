"""How a one-time code reaches whoever asked for it: by e-mail, or by the shop's SMS gateway."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.utils.module_loading import import_string

from users.errors import CodeNotSent
from users.identifiers import is_email
from users.models.one_time_code import LASTS

# Somebody waits for the page: a mail server that does not answer in time counts as away.
PATIENCE = 5

logger = structlog.get_logger(__name__)


def sms_is_set_up() -> bool:
    """Tells whether a code can be sent to a phone number."""
    return bool(settings.SMS_GATEWAY) or settings.ONE_TIME_CODES_IN_LOG


def code_deliver(*, identifier: str, digits: str) -> None:
    """Sends a code in the active language; when it returns, the other side has taken it.

    Args:
        identifier: an e-mail address, or a phone number where text messages are set up, in its canonical form.

    Raises:
        CodeNotSent: the mail server or the gateway did not take it.
    """
    context = {"digits": digits, "shop_name": settings.SHOP_NAME, "minutes": LASTS.total_seconds() // 60}
    text = render_to_string("users/messages/one_time_code/text.txt", context).strip()
    try:
        if is_email(identifier):
            subject = render_to_string("users/messages/one_time_code/subject.txt", context).strip()
            _send_email(identifier, subject, text)
        elif settings.SMS_GATEWAY:
            gateway: Callable[[str, str], object] = import_string(settings.SMS_GATEWAY)
            gateway(identifier, text)
    # Whatever the gateway of a shop raises; its text may name a person, so only its kind is kept.
    except Exception as error:
        logger.warning("one_time_code_not_sent", reason=type(error).__name__)
        raise CodeNotSent from error
    if settings.ONE_TIME_CODES_IN_LOG:
        logger.info("one_time_code", digits=digits)


def _send_email(address: str, subject: str, text: str) -> None:
    connection = get_connection(timeout=PATIENCE)
    headers = {"Auto-Submitted": "auto-generated"}
    EmailMessage(subject=subject, body=text + "\n", to=[address], headers=headers, connection=connection).send()
