"""Tonight's clusters continue last night's."""

import numpy as np

from analytics.learners.matching import match_centres

EARLIER = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])


def test_clusters_in_another_order_are_recognised() -> None:
    assert match_centres(EARLIER[[2, 0, 1]] + 0.1, EARLIER) == [2, 0, 1]


def test_a_cluster_too_far_from_all_is_new() -> None:
    assert match_centres(np.array([[0.1, 0.0], [9.0, 9.0]]), EARLIER) == [0, None]


def test_two_clusters_near_one_earlier_share_it_to_the_nearer() -> None:
    assert match_centres(np.array([[0.4, 0.0], [0.1, 0.0]]), EARLIER) == [None, 0]


def test_a_new_cluster_never_displaces_a_true_continuation() -> None:
    # Without the limit in the costs, pairing 0 with the far one would cost less in total.
    centres = np.array([[0.9, 0.0], [0.0, -50.0]])
    assert match_centres(centres, np.array([[0.0, 0.0], [1.8, 0.0]])) in ([0, None], [1, None])


def test_the_first_night_matches_nothing() -> None:
    assert match_centres(EARLIER, np.zeros((0, 2))) == [None, None, None]


def test_no_clusters_match_nothing() -> None:
    assert match_centres(np.zeros((0, 2)), EARLIER) == []
