"""KMeans finds the groups that are there, the same ones every time, and says when there are none."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from analytics.learners import segmentation
from analytics.learners.scaling import Matrix, Moments
from analytics.learners.segmentation import Candidate, Degenerate, choose, fit_clusters, label_points
from tests.analytics.learners.builders import KINDS, shoppers_of_kinds


def standardised(raw: Matrix) -> Matrix:
    moments = Moments(raw.shape[1])
    moments.add(raw)
    return moments.scaler().transform(raw)


@pytest.fixture(scope="module")
def points() -> Matrix:
    return standardised(shoppers_of_kinds())


def test_the_number_of_groups_is_found(points: Matrix) -> None:
    clusters = fit_clusters(points, seed=7)

    assert clusters.chosen.k == len(KINDS)
    true_kinds = np.repeat(np.arange(len(KINDS)), 100)
    assert adjusted_rand_score(true_kinds, label_points(points, clusters.centres)) > 0.95


def test_the_same_points_and_seed_give_the_same_bits(points: Matrix) -> None:
    first, second = fit_clusters(points, seed=7), fit_clusters(points, seed=7)

    assert first.centres.tobytes() == second.centres.tobytes()
    assert first.candidates == second.candidates


def test_another_seed_finds_the_same_groups(points: Matrix) -> None:
    ours, theirs = (label_points(points, fit_clusters(points, seed=seed).centres) for seed in (7, 8))

    assert adjusted_rand_score(ours, theirs) > 0.95


def test_groups_come_back_on_resamples(points: Matrix) -> None:
    assert fit_clusters(points, seed=7).chosen.stability > 0.92


def test_every_k_from_three_to_eight_is_judged(points: Matrix) -> None:
    assert [candidate.k for candidate in fit_clusters(points, seed=7).candidates] == [3, 4, 5, 6, 7, 8]


def test_large_samples_are_judged_on_a_part(points: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmentation, "JUDGED_SHOPPERS", 200)
    monkeypatch.setattr(segmentation, "SILHOUETTE_SHOPPERS", 100)

    assert fit_clusters(points, seed=7).chosen.k == len(KINDS)


@pytest.mark.parametrize("count", [0, 1, 3, 49])
def test_too_few_shoppers_make_no_segments(points: Matrix, count: int) -> None:
    with pytest.raises(Degenerate) as refusal:
        fit_clusters(points[:count], seed=7)
    assert refusal.value.code == "too_few"


def test_shoppers_who_are_all_alike_make_no_segments() -> None:
    with pytest.raises(Degenerate) as refusal:
        fit_clusters(standardised(np.full((200, 6), 3.0)), seed=7)
    assert refusal.value.code == "alike"


def test_one_cloud_is_not_cut_into_slices() -> None:
    cloud = np.random.default_rng(3).normal(size=(600, 6))
    with pytest.raises(Degenerate) as refusal:
        fit_clusters(cloud, seed=7)
    assert refusal.value.code == "unstable"
    assert refusal.value.metrics["candidates"]


def test_a_handful_of_outliers_is_no_segment() -> None:
    two_points = np.repeat([[0.0, 0.0], [4.0, 4.0]], 200, axis=0)
    outliers = np.array([[50.0, 0.0], [0.0, 50.0], [-50.0, 0.0]])
    with pytest.raises(Degenerate) as refusal:
        fit_clusters(np.concatenate([two_points, outliers]), seed=7)
    assert refusal.value.code == "no_groups"


def candidate(k: int, silhouette: float, stability: float = 0.95, smallest: float = 0.1) -> Candidate:
    return Candidate(k=k, silhouette=silhouette, stability=stability, smallest=smallest)


def test_the_best_separated_grouping_wins() -> None:
    assert choose((candidate(3, 0.4), candidate(4, 0.2), candidate(5, 0.3))).k == 3


def test_a_finer_grouping_wins_when_it_is_nearly_as_well_separated() -> None:
    assert choose((candidate(3, 0.34), candidate(4, 0.28), candidate(5, 0.31), candidate(6, 0.26))).k == 5


def test_a_finer_grouping_that_does_not_come_back_loses() -> None:
    assert choose((candidate(3, 0.34), candidate(5, 0.31, stability=0.7))).k == 3


def test_a_grouping_with_a_tiny_part_is_never_chosen() -> None:
    assert choose((candidate(3, 0.3), candidate(4, 0.6, smallest=0.04))).k == 3


def test_last_nights_number_stays_while_it_is_not_clearly_worse() -> None:
    candidates = (candidate(3, 0.34), candidate(4, 0.30, stability=0.85), candidate(5, 0.31), candidate(6, 0.2))

    assert choose(candidates).k == 5
    assert choose(candidates, earlier_k=4).k == 4
    assert choose(candidates, earlier_k=6).k == 5
    assert choose(candidates, earlier_k=9).k == 5


def test_nobody_gets_no_label(points: Matrix) -> None:
    assert len(label_points(points[:0], points[:3])) == 0
