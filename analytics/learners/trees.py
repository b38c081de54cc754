"""Boosted trees as plain arrays: kept without pickle, and read by NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from analytics.learners.calibration import Vector, expit

# Few enough for what is between two steps to stay in the processor's cache.
ROWS_AT_ONCE = 4_096
MOST_LEAVES = 64


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
        """Returns the probabilities of rows without missing values.

        Every row is compared once with the sorted thresholds of a feature, which tells for all trees at once which
        leaves are out of reach; the first one left is where the row ends (QuickScorer, Lucchese et al. 2015). The sums
        are those of walking down the trees one after the other, to the last bit.

        Raises:
            ValueError: a tree has more than 64 leaves.
        """
        reach = _Reach.of(self)
        odds = np.full(len(features), self.baseline)
        for first in range(0, len(features), ROWS_AT_ONCE):
            part = odds[first : first + ROWS_AT_ONCE]
            for values in reach.values(features[first : first + ROWS_AT_ONCE]).T:
                part += values
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


@dataclass(frozen=True, slots=True)
class _Reach:
    """Which leaves of each tree can be reached, by how many thresholds of a feature lie below a row's value.

    Leaves of a tree are numbered from the left, and stand for bits: whoever is above a threshold reaches none of those
    to the left of it.
    """

    # By feature: its thresholds in order, and for each number of them that lie below a row of bits, one for each tree.
    tables: dict[int, tuple[Vector, NDArray[np.unsignedinteger[Any]]]]
    start: NDArray[np.unsignedinteger[Any]]
    # By tree and leaf.
    worth: Vector
    widest: int

    @classmethod
    def of(cls, forest: Forest) -> _Reach:
        found = [_leaves_of(forest, root) for root in forest.roots.tolist()]
        widest = max((len(leaves) for leaves, _ in found), default=1)
        if widest > MOST_LEAVES:
            raise ValueError(f"a tree has {widest} leaves, more than {MOST_LEAVES}")
        kind = next(kind for kind in (np.uint8, np.uint16, np.uint32, np.uint64) if np.iinfo(kind).bits >= widest)
        everything = (1 << widest) - 1
        nodes: dict[int, list[tuple[float, int, int]]] = {}
        worth = np.zeros((len(found), widest))
        for tree, (leaves, splits) in enumerate(found):
            worth[tree, : len(leaves)] = forest.value[leaves]
            for node, first, last in splits:
                left = ((1 << last) - 1) ^ ((1 << first) - 1)
                entry = float(forest.threshold[node]), tree, everything ^ left
                nodes.setdefault(int(forest.feature[node]), []).append(entry)
        tables = {}
        for feature, entries in nodes.items():
            entries.sort()
            bits = np.full((len(entries) + 1, len(found)), everything, dtype=kind)
            for below, (_, tree, kept) in enumerate(entries, start=1):
                bits[below:, tree] &= kind(kept)
            tables[feature] = np.array([threshold for threshold, _, _ in entries]), bits
        return cls(tables, np.full(len(found), everything, dtype=kind), worth.ravel(), widest)

    def values(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Returns what each tree adds to each row: rows × trees."""
        bits = np.tile(self.start, (len(features), 1))
        for feature, (thresholds, table) in self.tables.items():
            # A row goes to the right where its value is above the threshold.
            bits &= table[np.searchsorted(thresholds, features[:, feature])]
        first = np.bitwise_count((bits & (~bits + 1)) - 1)
        values: NDArray[np.float64] = self.worth[first + np.arange(len(self.start)) * self.widest]
        return values


def _leaves_of(forest: Forest, root: int) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Returns a tree's leaves from the left, and its splits with the range of leaves to the left of each."""
    leaves: list[int] = []
    splits: list[tuple[int, int, int]] = []

    def walk(node: int) -> None:
        if forest.left[node] == node:
            leaves.append(node)
            return
        first = len(leaves)
        walk(int(forest.left[node]))
        splits.append((node, first, len(leaves)))
        walk(int(forest.right[node]))

    walk(root)
    return leaves, splits


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
