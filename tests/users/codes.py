"""One-time codes as their owners read them."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

from django.core import mail

from tests.factories import NOW
from users.models import OneTimeCode, User
from users.services.one_time_codes import one_time_code_send, one_time_code_use

MEI = "mei@example.com"
HOME = "203.0.113.7"


def send(identifier: str = MEI, *, address: str = HOME, now: datetime = NOW) -> tuple[UUID, str]:
    """Sends a code; returns its id and the digits that its owner reads."""
    public_id = one_time_code_send(identifier=identifier, address=address, now=now)
    return public_id, last_digits()


def use(public_id: UUID, digits: str, *, now: datetime = NOW) -> User:
    return one_time_code_use(public_id=public_id, digits=digits, language="en", now=now)


def last_digits() -> str:
    """Returns the digits of the last e-mail."""
    found = re.search(r"\b\d{6}\b", mail.outbox[-1].body)
    assert found
    return found[0]


def wrong(digits: str) -> str:
    return f"{(int(digits) + 1) % 1_000_000:06}"


def stored() -> OneTimeCode:
    return OneTimeCode.objects.get()
