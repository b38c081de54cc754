"""Boosted trees as plain arrays: kept without pickle, and read by NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from analytics.learners.calibration import Vector, expit


@dataclass(frozen=True, slots=True)
class Forest:
    """The trees of a boosted classifier: nodes of all trees one after the other, each tree beginning at a root.

    A leaf is its own child, so that walking on from it stays there.
    """

    roots: NDArray[np.int64]
    depth: int
    baseline: float
    feature: NDArray[np.int64]
    threshold: Vector
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: Vector

    def predict(self, features: NDArray[np.floating[Any]]) -> Vector:
        """Returns the probabilities of rows without missing values."""
        odds = np.full(len(features), self.baseline)
        rows = np.arange(len(features))
        for root in self.roots.tolist():
            node = np.full(len(features), root)
            for _ in range(self.depth):
                goes_left = features[rows, self.feature[node]] <= self.threshold[node]
                node = np.where(goes_left, self.left[node], self.right[node])
            odds += self.value[node]
        return expit(odds)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns what `from_arrays` reads."""
        return {
            "roots": self.roots,
            "shape": np.array([self.depth, self.baseline]),
            "feature": self.feature,
            "threshold": self.threshold,
            "left": self.left,
            "right": self.right,
            "value": self.value,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Forest:
        """Returns the forest that was kept as arrays."""
        depth, baseline = arrays["shape"].tolist()
        parts = {name: arrays[name] for name in ("roots", "feature", "threshold", "left", "right", "value")}
        return cls(depth=int(depth), baseline=float(baseline), **parts)


def flatten(model: HistGradientBoostingClassifier) -> Forest:
    """Returns the trees of a fitted two-class model as arrays.

    scikit-learn keeps them in attributes that are not public; a test compares every prediction, so that a release
    that changes them is noticed.
    """
    trees = [predictor.nodes for (predictor,) in model._predictors]
    roots = np.cumsum([0, *(len(nodes) for nodes in trees)])[:-1].astype(np.int64)
    parts: dict[str, list[Any]] = {name: [] for name in ("feature", "threshold", "left", "right", "value")}
    for root, nodes in zip(roots.tolist(), trees, strict=True):
        is_leaf = nodes["is_leaf"].astype(bool)
        itself = np.arange(len(nodes)) + root
        parts["feature"].append(np.where(is_leaf, 0, nodes["feature_idx"]))
        parts["threshold"].append(np.where(is_leaf, 0.0, nodes["num_threshold"]))
        parts["left"].append(np.where(is_leaf, itself, nodes["left"].astype(np.int64) + root))
        parts["right"].append(np.where(is_leaf, itself, nodes["right"].astype(np.int64) + root))
        # Only leaves add something.
        parts["value"].append(np.where(is_leaf, nodes["value"], 0.0))
    joined = {name: np.concatenate(arrays) if arrays else np.zeros(0) for name, arrays in parts.items()}
    return Forest(
        roots=roots,
        depth=max((int(nodes["depth"].max()) for nodes in trees), default=0),
        baseline=float(np.ravel(model._baseline_prediction)[0]),
        feature=joined["feature"].astype(np.int64),
        threshold=joined["threshold"].astype(np.float64),
        left=joined["left"].astype(np.int64),
        right=joined["right"].astype(np.int64),
        value=joined["value"].astype(np.float64),
    )
