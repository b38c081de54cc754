"""What became of a one-time code."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from users.models import OneTimeCode


def one_time_code_is_waiting(*, public_id: UUID, identifier: str, now: datetime) -> bool:
    """Tells whether the code that a browser has asked for was sent to this address and can still be typed."""
    code = OneTimeCode.objects.filter(public_id=public_id).first()
    return code is not None and code.address == identifier and code.is_open_at(now)
