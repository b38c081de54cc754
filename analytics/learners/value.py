"""What a coupon is worth to a shopper: a transparent score, and the learned one that has to beat it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.learners.calibration import Vector

Matrix = NDArray[np.float64]

# The days between two purchases of somebody of whom no second one is known.
USUAL_GAP_DAYS = 14.0


def time_factor(days_left: float, gap_days: Vector) -> Vector:
    """Returns the chance that a shopper comes by at all while a coupon can still be used.

    Visits as a Poisson process with one in `gap_days`: `1 - exp(-days_left / gap_days)`. 0 when no time is left, near 1
    for a coupon that outlasts many visits.

    Args:
        days_left: from the decision to the coupon's end; below 0 counts as 0.
        gap_days: days between a shopper's purchases; NaN or below a day counts as `USUAL_GAP_DAYS` or one day.
    """
    gap = np.maximum(np.nan_to_num(gap_days, nan=USUAL_GAP_DAYS), 1.0)
    factor: Vector = 1.0 - np.exp(-max(days_left, 0.0) / gap)
    return factor


def value_score(face: Matrix, score: Matrix, factor: Matrix) -> Matrix:
    """Returns `face · (0.7 + 0.3 · score) · time_factor`: the default that anybody can work out by hand.

    Args:
        face: what the coupon takes off, in minor units.
        score: in [0, 1], how well the coupon fits the shopper; see `fit_score`.
        factor: in [0, 1], see `time_factor`.
    """
    value: Matrix = face * (0.7 + 0.3 * np.clip(score, 0.0, 1.0)) * factor
    return value


def fit_score(orders_of_covered: Matrix) -> Matrix:
    """Returns how well coupons fit a shopper without any learning: `1 - exp(-n)` for n orders of what they cover."""
    score: Matrix = 1.0 - np.exp(-np.maximum(orders_of_covered, 0.0))
    return score


def expected_value(probability: Matrix, face: Matrix) -> Matrix:
    """Returns what a coupon is expected to bring its shopper, in minor units: probability of use times face."""
    value: Matrix = probability * face
    return value


def captured_value(scores: Matrix, face: Vector, used: NDArray[np.bool_], *, first: int = 10) -> float:
    """Returns which share of the face value that shoppers used lies among the first few of their ranking.

    Args:
        scores, used: shoppers × coupons.
        face: of each coupon.

    Returns:
        in [0, 1]; NaN when nothing was used.
    """
    realised = used * face
    total = float(realised.sum())
    if not total:
        return float("nan")
    order = np.argsort(-scores, axis=1, kind="stable")[:, :first]
    return float(np.take_along_axis(realised, order, axis=1).sum()) / total


def learned_is_better(learned: float, transparent: float) -> bool:
    """Tells whether the learned value may be used: only if it captured more; unknown is not more."""
    return bool(learned > transparent)
