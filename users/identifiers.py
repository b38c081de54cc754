"""One canonical form for the ways in which a person is named."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

EMAIL_PATTERN = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PHONE_PATTERN = re.compile(r"\+?\d{6,15}")
# Nobody who shops was born before it; a year with two digits was.
EARLIEST_BIRTHDAY = date(1900, 1, 1)


def normalize_email(text: str) -> str:
    """Returns an e-mail address in lower case and NFKC, so that look-alike spellings of one address meet."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def normalize_phone(text: str) -> str:
    """Returns a phone number as an optional + and digits; full-width digits, spaces and dashes are folded."""
    plain = unicodedata.normalize("NFKC", text).strip()
    digits = re.sub(r"\D", "", plain)
    return f"+{digits}" if plain.startswith("+") else digits


def normalize_identifier(text: str) -> str:
    """Returns the one form of whatever a person typed to sign in: an e-mail address, a phone number or a user name."""
    return normalize_phone(text) if is_phone(text) else normalize_email(text)


def is_email(text: str) -> bool:
    """Tells whether a text has the shape of an e-mail address."""
    return bool(EMAIL_PATTERN.fullmatch(normalize_email(text)))


def is_phone(text: str) -> bool:
    """Tells whether a text has the shape of a phone number."""
    plain = unicodedata.normalize("NFKC", text)
    return bool(PHONE_PATTERN.fullmatch(normalize_phone(plain))) and not re.search(r"[^\d\s()+.-]", plain)
