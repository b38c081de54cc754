"""Proving that an e-mail address or phone number is one's own, and getting in by that.

Sending never looks at the accounts: the answer and the work are the same whether or not somebody is registered. Who
has the digits can read what is sent there, and may learn what there is.
"""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from config.kernel.addresses import network_of
from config.kernel.crypto import blind_index
from config.kernel.errors import Busy
from config.kernel.ids import uuid7
from config.kernel.locks import busy_when_locked
from config.kernel.throttle import throttle
from users.errors import CodeNotSent, OneTimeCodeOver, OneTimeCodeWrong, PasswordNeeded, SmsNotSetUp, TooManyCodes
from users.identifiers import is_email
from users.models import OneTimeCode, User
from users.models.one_time_code import LASTS
from users.services.code_delivery import code_deliver, sms_is_set_up

DIGITS = 6
# Seconds from one code to the next.
PAUSE = 60
HOUR = 3600
KEPT_FOR = timedelta(days=1)


def one_time_code_send(*, identifier: str, address: str, now: datetime) -> UUID:
    """Sends a code, in the active language.

    Args:
        identifier: an e-mail address or a phone number, in its canonical form.
        address: where the visitor comes from.

    Returns:
        The id by which `one_time_code_use` finds the code.

    Raises:
        TooManyCodes: with `retry_after`; another one so soon, or too many within an hour.
        SmsNotSetUp: a phone number, and the shop has no gateway.
        CodeNotSent, Busy: the mail server, the gateway or the database did not take it; it counts for nothing.
    """
    if not is_email(identifier) and not sms_is_set_up():
        raise SmsNotSetUp
    counted = _count(identifier, address)
    try:
        return _send(identifier, now)
    except (CodeNotSent, Busy):
        _give_back(counted)
        raise


def one_time_code_use(*, public_id: UUID, digits: str, language: str, now: datetime) -> User:
    """Uses a code up and returns the account of whom it was sent to, a new one if there is none.

    Args:
        digits: as typed.
        language: of a new account.

    Raises:
        OneTimeCodeWrong: with `tries_left`; the try is counted.
        OneTimeCodeOver: used, expired, tried too often, or never sent.
        PasswordNeeded: a member of staff or a closed account; the code is used up.
    """
    with busy_when_locked():
        with transaction.atomic():
            code = OneTimeCode.objects.select_for_update().filter(public_id=public_id).first()
            if code is None or not code.is_open_at(now):
                raise OneTimeCodeOver
            is_right = hmac.compare_digest(code.checksum, _checksum(public_id, _plain(digits)))
            if is_right:
                code.used_at = now
                code.save(update_fields=["used_at"])
                user = _account_of(code.address, language, now)
            else:
                code.wrong_tries += 1
                code.save(update_fields=["wrong_tries"])
        # After the commit: the try counts, and the code is used up.
        if not is_right:
            raise OneTimeCodeWrong(tries_left=code.tries_left)
        if user.is_staff or not user.is_active:
            raise PasswordNeeded
        return user


def one_time_codes_forget(*, now: datetime) -> int:
    """Deletes codes that are long over, and the addresses with them; returns how many."""
    return OneTimeCode.objects.filter(expires_at__lt=now - KEPT_FOR).delete()[0]


def _send(identifier: str, now: datetime) -> UUID:
    digits = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    public_id = uuid7()
    with busy_when_locked():
        code = OneTimeCode.objects.create(
            public_id=public_id,
            address=identifier,
            checksum=_checksum(public_id, digits),
            sent_at=now,
            expires_at=now + LASTS,
        )
        try:
            code_deliver(identifier=identifier, digits=digits)
        except CodeNotSent:
            code.delete()
            raise
    return public_id


def _count(identifier: str, address: str) -> list[str]:
    person = blind_index(identifier, key=settings.BLIND_INDEX_KEY, context="one-time code")
    limits = [
        (f"one-time:address:{network_of(address)}", settings.ONE_TIME_CODES_PER_ADDRESS, HOUR),
        (f"one-time:person:{person}", settings.ONE_TIME_CODES_PER_PERSON, HOUR),
        (f"one-time:pause:{person}", 1, PAUSE),
    ]
    counted: list[str] = []
    for key, limit, window in limits:
        retry_after = throttle.hit(key, limit=limit, window=window)
        if retry_after is not None:
            _give_back(counted)
            raise TooManyCodes(retry_after=retry_after)
        counted.append(key)
    return counted


def _give_back(keys: list[str]) -> None:
    for key in keys:
        throttle.give_back(key)


def _account_of(identifier: str, language: str, now: datetime) -> User:
    """Returns the account of whoever has just shown to read at an address.

    An address that its account never proved may have been typed in by somebody else, so whoever proves it first has
    the better right: of an account that proved nothing yet, they become the owner, and a password set before ends
    with every session; from one that proved its other address, the address moves to an account of its own.
    """
    field = "email" if is_email(identifier) else "phone"
    other = "phone" if field == "email" else "email"
    known = User.objects.with_email(identifier) if field == "email" else User.objects.with_phone(identifier)
    user = known.select_for_update().first()
    if user is not None and not getattr(user, f"{field}_proven_at"):
        if not user.is_staff and getattr(user, f"{other}_proven_at"):
            setattr(user, field, "")
            user.save(update_fields=[field])
            user = None
        elif not user.is_staff:
            user.set_unusable_password()
            setattr(user, f"{field}_proven_at", now)
            user.save(update_fields=["password", f"{field}_proven_at"])
    if user is not None:
        return user
    named: dict[str, Any] = {field: identifier, f"{field}_proven_at": now}
    try:
        with transaction.atomic():
            return User.objects.create_user(language=language, joined_at=now, **named)
    except IntegrityError:
        # Opened this instant, by another code or by signing up.
        return known.get()


def _checksum(public_id: UUID, digits: str) -> str:
    return blind_index(digits, key=settings.BLIND_INDEX_KEY, context=f"one-time code {public_id}")


def _plain(typed: str) -> str:
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", typed))
