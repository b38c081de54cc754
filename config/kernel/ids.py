"""Identifiers that leave the platform."""

from __future__ import annotations

import secrets
import time
import uuid


def uuid7() -> uuid.UUID:
    """Returns a time-ordered UUID (RFC 9562, version 7): unguessable, yet kind to a B-tree index."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= secrets.randbits(12) << 64
    value |= 0b10 << 62
    value |= secrets.randbits(62)
    return uuid.UUID(int=value)


def as_uuid(text: str) -> uuid.UUID | None:
    """Returns the UUID that a person typed, or None when it is none."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None
