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


class EventsRefused(Invalid):
    """Nothing of the batch was stored. Data: `errors`, each with `parameter`, `code` and `message`."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors=errors)
