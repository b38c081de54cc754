"""Chances whose order is worth more than their sum: the order is kept, and the sum is set by what is surer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

# A coupon's own experience weighs as much as what was expected of it once so many uses were expected.
HELD_BY_USES = 10.0
# No chance is quite 0 or 1, or nothing could move it.
FEWEST = 1e-9
# Halvings of the shift on the log odds; floats have no more to tell apart.
STEPS = 60
FURTHEST = 40.0


def to_level(chances: Vector, level: float) -> Vector:
    """Returns chances that keep their order and sum to a level.

    All log odds move by the same shift, as they do when only the base rate differs from the one that was learned
    (Saerens, Latinne and Decaestecker 2002); so no chance leaves [0, 1].

    Args:
        chances: in [0, 1]; a chance of 0 stays 0, as it is a fact and not a guess.
        level: their sum to be; more than there are chances above 0 makes all of them 1.

    Raises:
        ValueError: the level is negative or no number.
    """
    if not level >= 0:
        raise ValueError("a level is a number of 0 or more")
    moved = np.zeros(len(chances))
    open_to = chances > 0
    if not level or not open_to.any():
        return moved
    if level >= open_to.sum():
        moved[open_to] = 1.0
        return moved
    held = np.clip(chances[open_to], FEWEST, 1 - FEWEST)
    odds = held / (1 - held)
    low, high = -FURTHEST, FURTHEST
    for _ in range(STEPS):
        shift = (low + high) / 2
        if _shifted(odds, shift).sum() > level:
            high = shift
        else:
            low = shift
    moved[open_to] = _shifted(odds, low)
    return moved


def learned_level(used: float, expected: float) -> float:
    """Returns by what expected uses are to be multiplied, from what came of the same expectation so far.

    It is uses over expected uses, held to 1 by `HELD_BY_USES` of both: a coupon without claims is expected to do what
    the rule says, one with many does what it does.
    """
    return (used + HELD_BY_USES) / (expected + HELD_BY_USES)


def _shifted(odds: Vector, shift: float) -> Vector:
    moved = odds * np.exp(shift)
    result: Vector = moved / (1 + moved)
    return result
