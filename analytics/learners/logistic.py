"""Logistic regression as two arrays: a weight and a place on the scale for each feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from analytics.learners.scaling import FLAT

Floats = NDArray[np.float64]

# Some fifty features, a few of them nearly the same: .001 beat .1 by .001 on October, in a third of the time.
INVERSE_PENALTY = 0.001
MOST_ITERATIONS = 300


class OneOutcome(Exception):
    """All rows have the same label: there is nothing to learn."""


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """Log odds are `intercept + features @ weights`, on the features' own scale.

    Attributes:
        names: of the features, in the order of the weights.
    """

    names: tuple[str, ...]
    weights: Floats
    intercept: float

    def log_odds(self, features: NDArray[Any]) -> Floats:
        """Returns the log odds of each row."""
        odds: Floats = features @ self.weights + self.intercept
        return odds

    def probability(self, features: NDArray[Any]) -> Floats:
        """Returns the probability of each row."""
        chances: Floats = expit(self.log_odds(features))
        return chances

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns what `logistic_from` takes, without the names."""
        return {"weights": self.weights, "intercept": np.array([self.intercept])}


def logistic_from(arrays: Mapping[str, NDArray[Any]], *, names: tuple[str, ...]) -> LogisticModel:
    """Returns the model that was kept as `arrays()`.

    Raises:
        KeyError: an array is missing.
    """
    return LogisticModel(names=names, weights=arrays["weights"], intercept=float(arrays["intercept"][0]))


def fit_logistic(features: NDArray[Any], labels: NDArray[np.bool_], *, names: tuple[str, ...]) -> LogisticModel:
    """Fits the weights with a ridge penalty on standardised features; no chance is involved.

    Args:
        features: rows × features, all finite.
        labels: one a row.

    Raises:
        OneOutcome: all labels are the same.
    """
    if len(labels) == 0 or labels.all() or not labels.any():
        raise OneOutcome
    mean = features.mean(axis=0, dtype=np.float64)
    spread = features.std(axis=0, dtype=np.float64)
    # A feature that is the same everywhere gets no weight rather than an enormous one.
    scale = np.where(spread > FLAT, spread, np.inf)
    standardised = ((features - mean) / scale).astype(np.float32)
    fitted = LogisticRegression(C=INVERSE_PENALTY, max_iter=MOST_ITERATIONS).fit(standardised, labels)
    weights = fitted.coef_[0].astype(np.float64) / scale
    return LogisticModel(names=names, weights=weights, intercept=float(fitted.intercept_[0] - mean @ weights))
