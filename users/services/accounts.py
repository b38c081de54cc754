"""Accounts as their owners keep them."""

from __future__ import annotations

from datetime import date, datetime
from typing import NoReturn

from django.db import IntegrityError, transaction

from config.kernel.locks import busy_when_locked
from users.errors import EmailTaken, PhoneTaken
from users.identifiers import normalize_email, normalize_phone
from users.models import User

OWN_FIELDS = ("name", "email", "phone", "birthday", "language", "wants_reminders")


def account_create(*, name: str, email: str = "", phone: str = "", password: str, language: str, now: datetime) -> User:
    """Opens an account for a shopper.

    Args:
        email: in any spelling; kept in its canonical form. So is `phone`.
        password: validated by the caller.

    Raises:
        EmailTaken, PhoneTaken: another account has the address or number, even one opened this instant.
    """
    email, phone = normalize_email(email), normalize_phone(phone)
    with busy_when_locked():
        try:
            with transaction.atomic():
                return User.objects.create_user(
                    name=name, email=email, phone=phone, password=password, language=language, joined_at=now
                )
        except IntegrityError as error:
            _raise_taken(email=email, phone=phone, owner=None, error=error)


def account_update(
    *,
    user: User,
    name: str,
    email: str,
    phone: str,
    birthday: date | None,
    language: str,
    wants_reminders: bool,
) -> User:
    """Changes what the owner of an account may change of it.

    Raises:
        EmailTaken, PhoneTaken: another account has the address or number; nothing was changed.
    """
    email, phone = normalize_email(email), normalize_phone(phone)
    with busy_when_locked():
        try:
            with transaction.atomic():
                account = User.objects.select_for_update().get(pk=user.pk)
                if account.email != email:
                    account.email_proven_at = None
                if account.phone != phone:
                    account.phone_proven_at = None
                account.name, account.email, account.phone = name, email, phone
                account.birthday, account.language, account.wants_reminders = birthday, language, wants_reminders
                account.save(update_fields=[*OWN_FIELDS, "email_proven_at", "phone_proven_at"])
                return account
        except IntegrityError as error:
            _raise_taken(email=email, phone=phone, owner=user, error=error)


def account_set_language(*, user: User, language: str) -> None:
    """Notes the language in which a person wants to be addressed."""
    User.objects.filter(pk=user.pk).update(language=language)


def _raise_taken(*, email: str, phone: str, owner: User | None, error: IntegrityError) -> NoReturn:
    others = User.objects.exclude(pk=owner.pk) if owner else User.objects.all()
    if email and others.with_email(email).exists():
        raise EmailTaken(parameter="email") from error
    if phone and others.with_phone(phone).exists():
        raise PhoneTaken(parameter="phone") from error
    raise error
