"""Reads the environment strictly: a missing or malformed variable stops the start with one clear sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured

from config.kernel.crypto import KeyRing, KeyRingError
from config.kernel.money import CURRENCY_EXPONENTS

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.smart_cast = False
# A variable that is already set wins over the file, so that one command can override it.
environ.Env.read_env(BASE_DIR / ".env", overwrite=False)


def secret(name: str, *, minimum_length: int = 32) -> str:
    """Returns a secret variable; refuses a missing, short or placeholder one."""
    value = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. `make demo`, `make test` and `make shell` set it; for production see .env.example."
        )
    if len(value) < minimum_length or "change-me" in value:
        raise ImproperlyConfigured(f"{name} must hold at least {minimum_length} random characters.")
    return value


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
        settings["CONN_MAX_AGE"] = env.int("DATABASE_CONNECTION_MAX_AGE", default=60)
        settings["CONN_HEALTH_CHECKS"] = True
        lock_timeout = env.int("DATABASE_LOCK_TIMEOUT_MS", default=3000)
        statement_timeout = env.int("DATABASE_STATEMENT_TIMEOUT_MS", default=0)
        settings.setdefault("OPTIONS", {})["options"] = (
            f"-c lock_timeout={lock_timeout} -c statement_timeout={statement_timeout}"
        )
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
