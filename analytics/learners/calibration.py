"""Probabilities that keep their word: Platt's scaling and isotonic regression, and how far off a forecast is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]

# A probability of exactly 0 or 1 is a claim that no finite history supports.
SMALLEST = 1e-6


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
