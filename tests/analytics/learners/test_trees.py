"""Boosted trees as arrays: what scikit-learn says, and what one gets by walking down each tree."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from analytics.learners import trees
from analytics.learners.calibration import expit
from analytics.learners.trees import Forest, flatten


def grown(*, leaves: int, seed: int = 3) -> tuple[HistGradientBoostingClassifier, NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(3_000, 5)).astype(np.float32)
    # Many rows share a value, and so lie on a threshold.
    features[:, 1] = features[:, 1].round(1)
    answers = random.random(3_000) < expit(features[:, 0] * features[:, 1] + features[:, 2])
    model = HistGradientBoostingClassifier(max_iter=25, max_leaf_nodes=leaves, early_stopping=False, random_state=seed)
    return model.fit(features, answers), features


def walked(forest: Forest, features: NDArray[np.float32]) -> NDArray[np.float64]:
    odds = np.full(len(features), forest.baseline)
    for row, values in enumerate(features):
        for root in forest.roots:
            node = root
            while forest.left[node] != node:
                goes_left = values[forest.feature[node]] <= forest.threshold[node]
                node = forest.left[node] if goes_left else forest.right[node]
            odds[row] += forest.value[node]
    return expit(odds)


@pytest.mark.parametrize("leaves", [2, 8, 31, 64])
def test_it_says_what_scikit_learn_says_and_what_walking_finds(leaves: int) -> None:
    model, features = grown(leaves=leaves)
    forest = flatten(model)

    told = forest.predict(features)
    assert told == pytest.approx(model.predict_proba(features)[:, 1], rel=1e-12)
    assert told[:300].tolist() == walked(forest, features[:300]).tolist()


def test_a_value_on_a_threshold_goes_to_the_left() -> None:
    model, _ = grown(leaves=8)
    forest = flatten(model)
    splits = np.flatnonzero(forest.left != np.arange(len(forest.left)))[:50]
    rows = np.zeros((len(splits), 5))
    rows[np.arange(len(splits)), forest.feature[splits]] = forest.threshold[splits]

    assert forest.predict(rows).tolist() == walked(forest, rows).tolist()


def test_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, features = grown(leaves=8)
    forest = flatten(model)
    whole = forest.predict(features)
    monkeypatch.setattr(trees, "ROWS_AT_ONCE", 7)

    assert forest.predict(features).tolist() == whole.tolist()


def test_no_rows_and_no_trees() -> None:
    model, features = grown(leaves=8)
    nothing = Forest.from_arrays({**flatten(model).arrays(), "roots": np.zeros(0, dtype=np.int64)})

    assert len(flatten(model).predict(features[:0])) == 0
    assert nothing.predict(features[:2]).tolist() == expit(np.full(2, nothing.baseline)).tolist()


def test_more_leaves_than_bits_are_refused() -> None:
    model, features = grown(leaves=80)

    with pytest.raises(ValueError, match="leaves"):
        flatten(model).predict(features)
