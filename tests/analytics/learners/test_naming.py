"""Names are understood, true and never given twice."""

import numpy as np
import pytest

from analytics.learners.naming import NAMED_FEATURES, RULES, name_centres
from analytics.learners.segmentation import MOST_CLUSTERS
from analytics.selectors.features import FEATURES


@pytest.mark.parametrize("seed", range(20))
def test_names_are_distinct_wherever_the_clusters_lie(seed: int) -> None:
    centres = np.random.default_rng(seed).normal(size=(MOST_CLUSTERS, len(NAMED_FEATURES)))
    rules = name_centres(centres)

    assert len({rule.key for rule in rules}) == MOST_CLUSTERS
    assert len({rule.name_en for rule in rules}) == len({rule.name_zh for rule in rules}) == MOST_CLUSTERS


def test_even_equal_clusters_get_distinct_names() -> None:
    assert len({rule.key for rule in name_centres(np.zeros((MOST_CLUSTERS, len(NAMED_FEATURES))))}) == MOST_CLUSTERS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_a_cluster_where_a_rule_points_gets_its_name(rule: object) -> None:
    assert name_centres(np.array([rule.at])) == [rule]


@pytest.mark.parametrize(
    ("centre", "key"),
    [
        # As found on the Complete Journey: recency, purchases, money, weeks, coupon share, redemptions.
        ((-0.63, 0.78, 0.65, 0.73, 0.00, -0.27), "loyal"),
        ((-0.63, 0.83, 0.97, 0.82, 1.15, 2.49), "coupon-loyal"),
        ((0.38, -0.35, -0.18, -0.24, 0.83, -0.33), "coupon-occasional"),
        ((0.33, -0.54, -0.56, -0.47, -1.09, -0.40), "full-price-occasional"),
        ((1.56, -1.94, -1.99, -2.21, -0.87, -0.40), "lapsed"),
    ],
)
def test_real_clusters_are_called_what_they_are(centre: tuple[float, ...], key: str) -> None:
    assert [rule.key for rule in name_centres(np.array([centre]))] == [key]


def test_a_taken_name_is_not_given_again() -> None:
    loyal = next(rule for rule in RULES if rule.key == "loyal")

    assert name_centres(np.array([loyal.at]), taken={"loyal"})[0].key != "loyal"


def test_there_are_names_left_when_all_but_one_are_new() -> None:
    assert len(RULES) >= 2 * MOST_CLUSTERS - 2


def test_rules_speak_of_features_that_are_learned_from() -> None:
    assert set(NAMED_FEATURES) <= set(FEATURES)
    assert len({rule.key for rule in RULES}) == len(RULES)


def test_keys_fit_into_a_tag() -> None:
    assert all(len(f"segment:{rule.key}") <= 64 and len(rule.key) <= 48 for rule in RULES)
