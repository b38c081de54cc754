"""Shoppers of known kinds, as raw features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# recency, purchases, money, weeks, coupon share, redemptions: far apart, each with some spread.
KINDS = (
    (3, 100, 300_000, 40, 2, 0),
    (4, 90, 350_000, 40, 18, 8),
    (25, 25, 70_000, 18, 12, 0),
    (110, 4, 9_000, 4, 0, 0),
)


def shoppers_of_kinds(
    kinds: tuple[tuple[float, ...], ...] = KINDS, *, each: int = 100, seed: int = 1
) -> NDArray[np.float64]:
    """So many shoppers of each kind, one kind after the other, every number varied by about a fifth."""
    random = np.random.default_rng(seed)
    return np.concatenate([np.array(kind) * random.lognormal(0, 0.2, size=(each, len(kind))) for kind in kinds])
