"""Codes: Crockford Base32, read as people type them."""

from __future__ import annotations

import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# 13 characters of 5 bits are 65 random bits.
RANDOM_LENGTH = 13
MAXIMUM_LENGTH = 40

# What people read for what was printed, as Crockford's alphabet defines it.
LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})
IGNORED = str.maketrans("", "", " -‐‑‒–—_\t")


def random_code() -> str:
    """Returns a new code of 65 random bits in normal form."""
    return "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))


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
