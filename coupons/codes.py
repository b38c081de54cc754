"""Codes: Crockford Base32, read as people type them."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# 13 characters of 5 bits are 65 random bits.
RANDOM_LENGTH = 13
MAXIMUM_LENGTH = 40
PREFIX_PATTERN = re.compile(r"[0-9A-Z]{0,12}")
BYTE_TO_LETTER = (ALPHABET * 8).encode("ascii")

# What people read for what was printed, as Crockford's alphabet defines it.
LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})
IGNORED = str.maketrans("", "", " -‐‑‒–—_\t")


def random_code() -> str:
    """Returns a new code of 65 random bits in normal form."""
    return next(random_codes(1))


def random_codes(count: int) -> Iterator[str]:
    """Yields new codes of 65 random bits each, in normal form."""
    # Every byte value meets a character of the alphabet eight times: no character is likelier than another.
    letters = secrets.token_bytes(count * RANDOM_LENGTH).translate(BYTE_TO_LETTER).decode("ascii")
    for start in range(0, len(letters), RANDOM_LENGTH):
        yield letters[start : start + RANDOM_LENGTH]


def printed_code(normal: str, *, prefix: str = "") -> str:
    """Returns a random code as it is printed: its prefix, then groups that the eye can hold."""
    groups = f"{normal[:4]}-{normal[4:8]}-{normal[8:]}"
    return f"{prefix}-{groups}" if prefix else groups


def normalize_code(text: str) -> str:
    """Returns the one form under which a code is stored and looked up.

    Case, spaces, hyphens and full-width letters do not matter, and O, I, L read as 0, 1, 1. A text that
    cannot be a code gives an empty string.
    """
    folded = unicodedata.normalize("NFKC", text[: 4 * MAXIMUM_LENGTH]).upper().translate(IGNORED)
    folded = folded.translate(LOOK_ALIKES)
    if not folded or len(folded) > MAXIMUM_LENGTH or not (folded.isascii() and folded.isalnum()):
        return ""
    return folded
