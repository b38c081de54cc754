"""log1p and standardising, learned from a stream of chunks so that memory does not grow with the shoppers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# Below this spread a feature tells shoppers apart by rounding errors alone.
FLAT = 1e-9


def log_features(raw: Matrix) -> Matrix:
    """Returns log(1 + x) of counts, days and money; what fell below zero by refunds counts as zero."""
    logged: Matrix = np.log1p(np.maximum(raw, 0.0))
    return logged


@dataclass(frozen=True, slots=True)
class Scaler:
    """Turns raw features into standard deviations from the overall mean of their logarithms.

    A feature that is the same for everybody becomes zero rather than noise.
    """

    mean: Matrix
    scale: Matrix

    def transform(self, raw: Matrix) -> Matrix:
        """Standardises raw features, one row a shopper."""
        return self.standardise(log_features(raw))

    def standardise(self, logged: Matrix) -> Matrix:
        """Standardises points that are logarithms already, such as last night's centroids."""
        flat = self.scale <= FLAT
        points: Matrix = (logged - self.mean) / np.where(flat, 1.0, self.scale)
        points[:, flat] = 0.0
        return points

    def restore(self, points: Matrix) -> Matrix:
        """Turns standardised points back into logarithms, which compare across nights."""
        logged: Matrix = points * self.scale + self.mean
        return logged

    @property
    def is_flat(self) -> bool:
        """Whether no feature tells any two shoppers apart."""
        return bool(np.all(self.scale <= FLAT))


class Moments:
    """Count, mean and spread of a stream of rows, merged chunk by chunk without cancellation (Chan et al.)."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self._mean: Matrix = np.zeros(width)
        self._squares: Matrix = np.zeros(width)

    def add(self, raw: Matrix) -> None:
        """Takes one more chunk of raw features into account."""
        if not len(raw):
            return
        logged = log_features(raw)
        mean = logged.mean(axis=0)
        squares = np.square(logged - mean).sum(axis=0)
        total = self.count + len(logged)
        delta = mean - self._mean
        self._squares = self._squares + squares + np.square(delta) * (self.count * len(logged) / total)
        self._mean = self._mean + delta * (len(logged) / total)
        self.count = total

    def scaler(self) -> Scaler:
        """Returns the scaler of everything seen so far."""
        return Scaler(mean=self._mean.copy(), scale=np.sqrt(self._squares / max(self.count, 1)))
