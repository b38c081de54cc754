"""Drawing lots that can be drawn again: the same salt and number always give the same lot."""

from __future__ import annotations

import hashlib

# Hexadecimal digits that make a position: 52 bits, which a float holds exactly.
DIGITS = 13


def lot_of(salt: str, number: int) -> str:
    """Returns the lot of a number: hexadecimal digits, as good as random; another salt gives another one."""
    # Not a secret: whoever knows the salt may know the lot. MD5, since every database has it.
    return hashlib.md5(f"{salt}:{number}".encode(), usedforsecurity=False).hexdigest()


def position_of(salt: str, number: int) -> float:
    """Returns where a number's lot lies in [0, 1)."""
    return int(lot_of(salt, number)[:DIGITS], 16) / 16**DIGITS


def border_of(share: float) -> str:
    """Returns the text below which lots with a position below `share` lie; nothing lies below the empty text of 0.

    Args:
        share: in [0, 1).
    """
    return f"{round(share * 16**DIGITS):0{DIGITS}x}" if share else ""
