"""Reads the environment strictly: a missing or malformed variable stops the start with one clear sentence."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured

from config.kernel.crypto import KeyRing, KeyRingError
from config.kernel.money import CURRENCY_EXPONENTS

BASE_DIR = Path(__file__).resolve().parent.parent

TRUTHS = {"true", "yes", "on", "1"}
FALSEHOODS = {"false", "no", "off", "0"}

env = environ.Env()
env.smart_cast = False
# A variable that is already set wins over the file, so that one command can override it.
environ.Env.read_env(BASE_DIR / ".env", overwrite=False)


def secret(name: str, *, minimum_length: int = 32, is_optional: bool = False) -> str:
    """Returns a secret variable; refuses a missing, short or placeholder one. An optional one may be empty."""
    value = env.str(name, default="")
    if not value and is_optional:
        return ""
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. `make demo`, `make test` and `make shell` set it; for production see .env.example."
        )
    if len(value) < minimum_length or "change-me" in value:
        raise ImproperlyConfigured(f"{name} must hold at least {minimum_length} random characters.")
    return value


def _text(name: str, default: str) -> str:
    # A variable that is left empty in a file counts as left out.
    return env.str(name, default="").strip() or default


def require(*names: str) -> None:
    """Refuses to go on with a developer's default where the real value must be said."""
    missing = [name for name in names if not _text(name, "")]
    if missing:
        raise ImproperlyConfigured(f"Set {', '.join(missing)}: production has no default for it. See .env.example.")


def boolean(name: str, *, default: bool) -> bool:
    """Returns true or false; refuses what reads like neither, since a mistyped "true" must not switch a guard off."""
    text = _text(name, str(default)).lower()
    if text not in TRUTHS | FALSEHOODS:
        raise ImproperlyConfigured(f"{name}={text!r} is neither true nor false.")
    return text in TRUTHS


def whole_number(name: str, *, default: int, minimum: int = 0, maximum: int | None = None) -> int:
    """Returns a whole number that is not below a minimum, nor above a maximum."""
    text = _text(name, str(default))
    if not text.isdecimal() or int(text) < minimum:
        raise ImproperlyConfigured(f"{name}={text!r} is no whole number of at least {minimum}.")
    if maximum is not None and int(text) > maximum:
        raise ImproperlyConfigured(f"{name}={text!r} is above {maximum}.")
    return int(text)


def choice(name: str, *, choices: Sequence[str], default: str) -> str:
    """Returns one of a few words."""
    value = _text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r} is none of {', '.join(choices)}.")
    return value


def names(name: str, *, default: Sequence[str] = ()) -> list[str]:
    """Returns a list that is written with commas; spaces around them do not count."""
    return [each for each in map(str.strip, _text(name, ",".join(default)).split(",")) if each]


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Returns IP networks that are written with commas, such as `10.0.0.0/8`; a single address is one too."""
    try:
        return [ip_network(text) for text in names(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}.") from error


def email(name: str, *, default: str) -> dict[str, Any]:
    """Returns Django's e-mail settings from an address such as `smtp+tls://user:password@host:587`."""
    value = _text(name, default)
    if urlsplit(value).scheme not in environ.Env.EMAIL_SCHEMES:
        known = ", ".join(sorted(environ.Env.EMAIL_SCHEMES))
        raise ImproperlyConfigured(f"{name} must begin with one of {known}.")
    settings: dict[str, Any] = environ.Env.email_url_config(value)
    return settings


def currency(name: str, *, default: str) -> str:
    """Returns an ISO 4217 code whose exponent Quan knows."""
    value = env.str(name, default=default)
    if value not in CURRENCY_EXPONENTS:
        known = ", ".join(sorted(CURRENCY_EXPONENTS))
        raise ImproperlyConfigured(f"{name}={value!r} is not a known currency; known are {known}.")
    return value


def time_zone(name: str, *, default: str) -> str:
    """Returns the name of an IANA time zone."""
    value = env.str(name, default=default)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ImproperlyConfigured(f"{name}={value!r} is not an IANA time zone.") from error
    return value


def key_ring(name: str) -> KeyRing:
    """Returns the key ring for personal data, written `id:base64key,id:base64key`, newest first."""
    try:
        return KeyRing.parse(env.str(name, default=""))
    except KeyRingError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


def database() -> dict[str, Any]:
    """Returns Django's database settings from `DATABASE_URL` (PostgreSQL, or SQLite as the last fallback)."""
    if not env.str("DATABASE_URL", default=""):
        raise ImproperlyConfigured(
            "DATABASE_URL is not set. `python -m config.embedded run -- CMD` starts PostgreSQL and sets it."
        )
    settings: dict[str, Any] = env.db_url("DATABASE_URL")
    if settings["ENGINE"] == "django.db.backends.postgresql":
        settings["ENGINE"] = "config.kernel.postgresql"
        settings["CONN_MAX_AGE"] = whole_number("DATABASE_CONNECTION_MAX_AGE", default=60)
        settings["CONN_HEALTH_CHECKS"] = True
        # Where connections are not kept, a pooler lends another one for each transaction: no cursor outlives it.
        settings["DISABLE_SERVER_SIDE_CURSORS"] = settings["CONN_MAX_AGE"] == 0
        lock_timeout = whole_number("DATABASE_LOCK_TIMEOUT_MS", default=3000)
        statement_timeout = whole_number("DATABASE_STATEMENT_TIMEOUT_MS", default=0)
        options = settings.setdefault("OPTIONS", {})
        options["options"] = f"-c lock_timeout={lock_timeout} -c statement_timeout={statement_timeout}"
        options.setdefault("connect_timeout", whole_number("DATABASE_CONNECT_SECONDS", default=5, minimum=2))
    elif settings["ENGINE"] == "django.db.backends.sqlite3":
        # IMMEDIATE takes the write lock at BEGIN: a transaction that reads first can then never fail
        # half way with "database is locked".
        settings["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        }
    else:
        raise ImproperlyConfigured("DATABASE_URL must be a postgresql:// or sqlite:// address.")
    return settings
