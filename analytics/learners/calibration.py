"""Probabilities that keep their word: a shift learned from whole campaigns, other corrections, and what they miss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]

# A probability of exactly 0 or 1 is a claim that no finite history supports.
SMALLEST = 1e-6
# How far the log odds of a campaign lie from what was forecast, and of all campaigns together: a third either way.
USUAL_SHIFT = 0.3
# Of a single campaign nothing more is believed than this, so that one without an answer is not infinitely far off.
WIDEST_SHIFT = 1.0
STEPS = 30


def logit(probability: Vector) -> Vector:
    """Returns log odds."""
    clipped = np.clip(probability, SMALLEST, 1.0 - SMALLEST)
    odds: Vector = np.log(clipped / (1.0 - clipped))
    return odds


def expit(odds: Vector) -> Vector:
    """Returns probabilities of log odds."""
    probability: Vector = 1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0)))
    return probability


@dataclass(frozen=True, slots=True)
class Platt:
    """`p' = expit(slope · logit(p) + intercept)`. Platt, "Probabilistic outputs for support vector machines", 1999."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, probability: Vector) -> Vector:
        """Returns calibrated probabilities; their order stays."""
        return expit(self.slope * logit(probability) + self.intercept)


def fit_platt(probability: Vector, answers: Flags) -> Platt:
    """Learns the scaling of predictions that were made without knowing these answers.

    With answers of one kind only there is nothing to learn, and nothing is changed. A slope below a fifth would say
    that the order of the predictions is worth nothing; it stops there, since an order must never be turned round.
    """
    if not 0 < int(answers.sum()) < len(answers):
        return Platt()
    model = LogisticRegression(C=1.0).fit(logit(probability)[:, None], answers)
    return Platt(slope=max(float(model.coef_[0, 0]), 0.2), intercept=float(model.intercept_[0]))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was forecast of one campaign and what came, shopper after shopper.

    Attributes:
        rows_each: rows of one shopper, who decides once and not row by row.
    """

    probability: Vector
    answers: Flags
    rows_each: int = 1


def fit_shift(forecasts: Sequence[Forecast]) -> float:
    """Learns by how much to raise or lower the log odds of the next campaign.

    A campaign is off for reasons of its own, so that what one teaches about the next is limited however many shoppers
    it had: each has a shift of its own about a common one (random effects; variance between campaigns by DerSimonian
    and Laird, "Meta-analysis in clinical trials", 1986, and no less than `USUAL_SHIFT` squared, which a handful cannot
    deny). The common one is drawn towards 0 by as much as it is uncertain. Platt's scaling takes all rows for
    independent, and corrects in full whatever the largest campaign happened to be off. Only the level is corrected: a
    slope learned in the same way forecast the next campaign worse.

    Returns:
        the shift; 0 without any forecast.
    """
    if not forecasts:
        return 0.0
    found = [_shift_of(forecast) for forecast in forecasts]
    shifts, variances = (np.array(each) for each in zip(*found, strict=True))
    weights = 1.0 / variances
    common = np.average(shifts, weights=weights)
    spread = float(weights @ np.square(shifts - common)) - (len(found) - 1)
    scale = float(weights.sum() - np.square(weights).sum() / weights.sum())
    between = max(spread / scale if scale > 0 else 0.0, USUAL_SHIFT**2)
    weights = 1.0 / (variances + between)
    return float(weights @ shifts / (weights.sum() + 1.0 / USUAL_SHIFT**2))


def _shift_of(forecast: Forecast) -> tuple[float, float]:
    """Returns a campaign's own shift and its variance, by Newton's method and over shoppers."""
    odds = logit(forecast.probability)
    shift = 0.0
    for _ in range(STEPS):
        now = expit(odds + shift)
        gradient = forecast.answers.sum() - now.sum() - shift / WIDEST_SHIFT**2
        step = gradient / ((now * (1.0 - now)).sum() + 1.0 / WIDEST_SHIFT**2)
        shift += float(np.clip(step, -1.0, 1.0))
    now = expit(odds + shift)
    known = max(float((now * (1.0 - now)).sum()), SMALLEST)
    missed = float(np.square((forecast.answers - now).reshape(-1, forecast.rows_each).sum(axis=1)).sum())
    return shift, max(missed, known) / known**2


def fit_isotonic(probability: Vector, answers: Flags) -> tuple[Vector, Vector]:
    """Learns a rising step function; returns its supports and values, for `np.interp`."""
    model = IsotonicRegression(y_min=SMALLEST, y_max=1.0 - SMALLEST, out_of_bounds="clip").fit(probability, answers)
    return np.asarray(model.X_thresholds_, dtype=np.float64), np.asarray(model.y_thresholds_, dtype=np.float64)


def calibration_error(probability: Vector, answers: Flags, *, bins: int = 10) -> float:
    """Returns the expected calibration error: the mean gap between forecast and rate over bins of equal size.

    Forecasts that are equal answer at their common rate, so that the order of the rows says nothing.
    """
    _values, place = np.unique(probability, return_inverse=True)
    rate = np.bincount(place, weights=answers) / np.maximum(np.bincount(place), 1)
    parts = np.array_split(np.argsort(probability, kind="stable"), bins)
    gaps = [abs(float(probability[part].sum() - rate[place[part]].sum())) for part in parts if len(part)]
    return sum(gaps) / max(len(probability), 1)
