"""The demo's people and its shop backend, with random passwords that are written to one file."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from oauth2_provider.models import AccessToken, Application, set_token_value
from oauth2_provider.settings import oauth2_settings

from config.env import BASE_DIR
from users.models import Profile, User
from users.roles import MARKETER, MARKETER_PERMISSIONS, give_role

DEFAULT_FILE = Path("var") / "demo" / "accounts.json"
BACKEND = "Demo shop backend"
TOKEN_LASTS = timedelta(days=365)
TOKEN_RENEWED_BEFORE = timedelta(days=30)
# Long enough ago for the shopper's first order.
JOINED = timedelta(days=7)
# Without letters and digits that look alike.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
PASSWORD_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Person:
    """An account of the demo and where its owner starts."""

    role: str
    login: str
    start: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accounts:
    """The people whom the rest of the demo needs."""

    shopper: User
    marketer: User
    file: Path


PEOPLE = (
    Person(
        "Shopper",
        "shopper",
        "coupons:showcase",
        {"name": "林小满", "email": "shopper@example.com", "birthday": date(1994, 5, 21)},
    ),
    Person("Marketer", "marketer", "admin:index", {"name": "Ada Marketer", "is_staff": True}),
    Person("Operator", "admin", "admin:index", {"name": "Omar Operator", "is_staff": True, "is_superuser": True}),
)


def accounts_file() -> Path:
    """Returns where the passwords are written: `DEMO_ACCOUNTS_FILE`, or var/demo/accounts.json."""
    return Path(os.environ.get("DEMO_ACCOUNTS_FILE") or BASE_DIR / DEFAULT_FILE)


def ensure_accounts(*, now: datetime) -> Accounts:
    """Makes the accounts that are missing and the file when it is lost; keeps what is there.

    A password whose file was lost is replaced, since nobody can read it any more; one that stands in the file
    is used again for a fresh database.
    """
    file = accounts_file()
    known = _read(file)
    with transaction.atomic():
        users = {person.login: _ensure_person(person, known, now) for person in PEOPLE}
        Profile.objects.get_or_create(shopper=users["shopper"])
        users["marketer"].groups.add(give_role(MARKETER, MARKETER_PERMISSIONS))
        backend = _ensure_backend(known, now)
    entries = [
        {
            "role": person.role,
            "login": person.login,
            "password": known[person.login]["password"],
            "url": reverse(person.start),
        }
        for person in PEOPLE
    ]
    _write(file, [*entries, backend])
    return Accounts(shopper=users["shopper"], marketer=users["marketer"], file=file)


def _ensure_person(person: Person, known: dict[str, dict[str, str]], now: datetime) -> User:
    user = User.objects.filter(username=person.login).first()
    password = known.get(person.login, {}).get("password")
    if user is not None and password:
        return user
    password = password or "".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_LENGTH))
    known[person.login] = {"password": password}
    if user is None:
        return User.objects.create_user(
            username=person.login,
            password=password,
            language=settings.LANGUAGE_CODE,
            joined_at=now - JOINED,
            **person.fields,
        )
    user.set_password(password)
    user.save(update_fields=["password"])
    return user


def _ensure_backend(known: dict[str, dict[str, str]], now: datetime) -> dict[str, str]:
    application = Application.objects.filter(name=BACKEND).first()
    if application is None:
        application = Application.objects.create(
            name=BACKEND,
            client_type=Application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
        )
    tokens = AccessToken.objects.filter(application=application)
    token = next((entry["token"] for entry in known.values() if entry.get("token")), "")
    checksum = hashlib.sha256(token.encode()).hexdigest()
    if not token or not tokens.filter(token_checksum=checksum, expires__gt=now + TOKEN_RENEWED_BEFORE).exists():
        tokens.delete()
        token = secrets.token_urlsafe(32)
        access = AccessToken(application=application, scope=" ".join(oauth2_settings.SCOPES), expires=now + TOKEN_LASTS)
        # Keeps only the checksum: the token itself stands in the accounts file alone.
        set_token_value(access, token)
        access.save()
    return {
        "role": "Shop backend",
        "login": application.client_id,
        "token": token,
        "url": reverse("api_docs:docs"),
    }


def _read(file: Path) -> dict[str, dict[str, str]]:
    """Returns the entries by login; a lost or broken file has none."""
    try:
        return {entry["login"]: entry for entry in json.loads(file.read_text(encoding="utf-8"))}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def _write(file: Path, entries: list[dict[str, str]]) -> None:
    """Replaces the file at once, readable by its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # Made with mode 0600.
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".accounts-")
    with os.fdopen(handle, "w", encoding="utf-8") as temporary:
        json.dump(entries, temporary, ensure_ascii=False, indent=2)
    Path(name).replace(file)
