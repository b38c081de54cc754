"""Refusals about shoppers and their events; the codes are part of the public API."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError, Invalid, NotFound


class ShopperUnknown(NotFound):
    """Data: `parameter`. Another's and nobody's id read the same."""


class EmailTaken(DomainError):
    code = "email_taken"
    message = _("Another account has this e-mail address.")


class PhoneTaken(DomainError):
    code = "phone_taken"
    message = _("Another account has this phone number.")


class TooManyCodes(DomainError):
    """Another one-time code so soon, or too many within an hour. Data: `retry_after`."""

    code = "too_many_codes"
    status = 429
    message = _("A code was asked for too often. Please wait a while before you ask for another.")


class SmsNotSetUp(DomainError):
    code = "sms_not_set_up"
    status = 422
    message = _("This shop cannot send text messages yet. Please use an e-mail address.")


class CodeNotSent(DomainError):
    code = "code_not_sent"
    status = 503
    message = _("The code could not be sent. Please try again in a moment.")


class OneTimeCodeWrong(DomainError):
    """Data: `tries_left`."""

    code = "one_time_code_wrong"
    status = 422
    message = _("This is not the code that we sent. Look again.")


class OneTimeCodeOver(DomainError):
    """Used, expired and tried too often read the same."""

    code = "one_time_code_over"
    status = 422
    message = _("This code is no longer good. Ask for another.")


class PasswordNeeded(DomainError):
    """Staff, and closed accounts: said to nobody but who has read the code."""

    code = "password_needed"
    status = 422
    message = _("This account cannot sign in with a code.")


class EventsRefused(Invalid):
    """Nothing of the batch was stored. Data: `errors`, each with `parameter`, `code` and `message`."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors=errors)
