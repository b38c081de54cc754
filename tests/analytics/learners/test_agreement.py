"""The adjusted Rand index of a table is that of the groupings behind it."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

from analytics.learners.agreement import adjusted_rand_index


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_the_textbook(seed: int) -> None:
    random = np.random.default_rng(seed)
    ours = random.integers(0, 4, size=300)
    theirs = np.where(random.random(300) < 0.3, random.integers(0, 5, size=300), ours)

    assert adjusted_rand_index(contingency_matrix(ours, theirs)) == pytest.approx(adjusted_rand_score(ours, theirs))


def test_other_numbers_for_the_same_groups_agree_wholly() -> None:
    assert adjusted_rand_index(np.array([[0, 5], [7, 0]])) == 1


def test_millions_do_not_overflow() -> None:
    assert adjusted_rand_index(np.array([[10**9, 0], [0, 10**9]])) == 1


def test_nobody_in_common_says_nothing() -> None:
    assert adjusted_rand_index(np.array([[0, 0]])) is None
