"""Which arm a shopper gets on a day: by lot, with exactly the published chances, and the same whenever asked."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

# As many bits as a float holds exactly, so that 1 is never reached.
BITS = 53


def chance_of(*, salt: bytes, parts: Sequence[object]) -> float:
    """Returns a number in [0, 1) that looks random and follows from what is given alone.

    Args:
        salt: secret, or shoppers could work out which account gets the better arm.
        parts: what the lot is for; the same parts give the same number.
    """
    text = "\0".join(str(part) for part in parts)
    digest = hmac.digest(salt, text.encode(), "sha256")
    return float(int.from_bytes(digest[:8], "big") >> (64 - BITS)) / 2**BITS


def drawn(shares: Sequence[float], *, chance: float) -> int:
    """Returns in whose part of [0, 1) a chance falls, each part as wide as its share.

    Raises:
        ValueError: there are no shares, or one is negative.
    """
    if not shares or min(shares) < 0:
        raise ValueError("a draw needs shares, none of them negative")
    total = 0.0
    for place, share in enumerate(shares):
        total += share
        if chance < total:
            return place
    # Shares that sum to a little less than 1 leave a gap no wider than rounding.
    return max(place for place, share in enumerate(shares) if share > 0 or place == 0)
