"""Accounts as the shop's own systems keep them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from config.kernel.errors import NotFound
from config.kernel.locks import busy_when_locked
from users.errors import EmailTaken, PhoneTaken
from users.identifiers import normalize_email, normalize_phone
from users.models import User

# What the shop may set; everything else is the account's own.
FIELDS = frozenset({"name", "email", "phone", "birthday", "language"})
CANONICAL: dict[str, Callable[[str], str]] = {"email": normalize_email, "phone": normalize_phone}


def shopper_upsert(*, external_id: str, changes: Mapping[str, Any], now: datetime) -> tuple[User, bool]:
    """Creates the shopper with the shop's id, or changes the one there is; safe to repeat.

    Args:
        external_id: the shop's id of the shopper.
        changes: any of `FIELDS`; what is left out stays as it is. Addresses and numbers in any spelling are kept
            in their canonical form.

    Returns:
        The shopper, and whether it is new.

    Raises:
        EmailTaken, PhoneTaken: another account has the address or number.
        NotFound: the id belongs to a member of staff.
    """
    unknown = set(changes) - FIELDS
    if unknown:
        raise ValueError(f"a shop cannot set {sorted(unknown)}")
    changes = {name: CANONICAL[name](value) if name in CANONICAL else value for name, value in changes.items()}
    with busy_when_locked():
        try:
            return _upsert(external_id, changes, now)
        except IntegrityError:
            # Another request created the account, or took the address, since we looked: look once more.
            return _upsert(external_id, changes, now)


def _upsert(external_id: str, changes: Mapping[str, Any], now: datetime) -> tuple[User, bool]:
    with transaction.atomic():
        shopper = User.objects.select_for_update().filter(external_id=external_id).first()
        if shopper is not None and shopper.is_staff:
            raise NotFound
        _refuse_taken(shopper, changes)
        if shopper is None:
            return User.objects.create_user(external_id=external_id, joined_at=now, **changes), True
        for name, value in changes.items():
            setattr(shopper, name, value)
        if changes:
            shopper.save(update_fields=list(changes))
        return shopper, False


def _refuse_taken(shopper: User | None, changes: Mapping[str, Any]) -> None:
    others = User.objects.exclude(pk=shopper.pk) if shopper else User.objects.all()
    if changes.get("email") and others.with_email(changes["email"]).exists():
        raise EmailTaken(parameter="email")
    if changes.get("phone") and others.with_phone(changes["phone"]).exists():
        raise PhoneTaken(parameter="phone")
