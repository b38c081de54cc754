"""Personal data as it is shown to staff who may not read it: enough to recognise, too little to use."""

from __future__ import annotations

from datetime import date

HIDDEN = "***"


def mask_name(name: str) -> str:
    """Returns the first letter and stars."""
    return f"{name[0]}{HIDDEN}" if name else ""


def mask_email(email: str) -> str:
    """Returns the first letter and the domain."""
    local, _at, domain = email.partition("@")
    return f"{local[:1]}{HIDDEN}@{domain}" if email else ""


def mask_phone(phone: str) -> str:
    """Returns the last two digits."""
    return f"{HIDDEN}{phone[-2:]}" if phone else ""


def mask_birthday(birthday: date | None) -> str:
    """Returns the month: what a birthday coupon depends on."""
    return f"{HIDDEN}-{birthday.month:02}-{HIDDEN}" if birthday else ""
