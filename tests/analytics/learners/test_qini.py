"""The Qini coefficient by hand, and a gain that is called reliable only when there is one."""

import numpy as np
import pytest

from analytics.learners.qini import judge_gain, qini_coefficient

TREATED = np.array([1.0, 0, 1, 0])
OUTCOME = np.array([1.0, 0, 0, 1])


def test_by_hand() -> None:
    # Curve 0, 1, 1, 1, 0: area 3, as the perfect one; the straight line to its end has area 0.
    assert qini_coefficient(np.array([4.0, 3, 2, 1]), TREATED, OUTCOME) == pytest.approx(1)
    # Curve 0, 0, -1, -1/2, 0: area -3/2.
    assert qini_coefficient(np.array([1.0, 2, 3, 4]), TREATED, OUTCOME) == pytest.approx(-0.5)
    # Two steps of two shoppers: curve 0, 1, 0 at 0, 2 and 4 shoppers, area 2.
    assert qini_coefficient(np.array([2.0, 2, 1, 1]), TREATED, OUTCOME) == pytest.approx(2 / 3)


def test_equal_scores_are_one_step_and_worth_nothing() -> None:
    assert qini_coefficient(np.zeros(4), TREATED, OUTCOME) == pytest.approx(0)


def test_an_ending_above_zero_is_not_the_rankings_merit() -> None:
    # Both treated have the outcome, one of the untreated: the curve ends at 2 - 1 = 1 whatever the order.
    outcome = np.array([1.0, 0, 1, 1])

    # Curve 0, 1, 1, 2, 1: area 4.5; line 2. Perfect: 1, 2, 2, 1: area 5.5.
    assert qini_coefficient(np.array([4.0, 3, 2, 1]), TREATED, outcome) == pytest.approx(2.5 / 3.5)
    assert qini_coefficient(np.zeros(4), TREATED, outcome) == pytest.approx(0)


def test_without_outcomes_no_order_is_better() -> None:
    assert qini_coefficient(np.array([4.0, 3, 2, 1]), TREATED, np.zeros(4)) == 0


def test_random_orders_come_to_zero_on_average() -> None:
    random = np.random.default_rng(3)
    treated, outcome = random.integers(0, 2, 2000).astype(float), random.integers(0, 2, 2000).astype(float)

    coefficients = [qini_coefficient(random.random(2000), treated, outcome) for _ in range(50)]

    assert abs(np.mean(coefficients)) < 0.02


def test_the_perfect_order_is_one_and_no_other_is_better() -> None:
    random = np.random.default_rng(4)
    treated, outcome = random.integers(0, 2, 500).astype(float), random.integers(0, 2, 500).astype(float)

    assert qini_coefficient(outcome * (2 * treated - 1), treated, outcome) == pytest.approx(1)
    assert max(qini_coefficient(random.random(500), treated, outcome) for _ in range(20)) < 1


@pytest.mark.parametrize(
    ("scores", "treated"),
    [
        (np.array([1.0, 2, 3]), TREATED),
        (np.array([1.0, np.nan, 3, 4]), TREATED),
        (np.arange(4.0), np.ones(4)),
        (np.arange(4.0), np.zeros(4)),
    ],
)
def test_what_cannot_be_judged_is_refused(scores: np.ndarray, treated: np.ndarray) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # four reasons
        qini_coefficient(scores, treated, OUTCOME)


def _shoppers(*, effect: float, seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A feature, a fair split, and an outcome that the treatment makes likelier where the feature is high."""
    random = np.random.default_rng(seed)
    feature = random.random(6000)
    treated = random.integers(0, 2, 6000).astype(float)
    outcome = (random.random(6000) < 0.3 + effect * treated * feature).astype(float)
    return feature, treated, outcome


def test_a_true_gain_is_reliable() -> None:
    feature, treated, outcome = _shoppers(effect=0.3)

    gain = judge_gain(feature, np.random.default_rng(1).random(6000), treated, outcome, seed=1)

    assert gain.is_reliable
    assert gain.uplift > gain.over_random > 0


def test_the_same_ranking_is_no_gain_over_response() -> None:
    feature, treated, outcome = _shoppers(effect=0.3)

    assert not judge_gain(feature, feature, treated, outcome, seed=1).is_reliable


def test_better_than_a_bad_response_but_not_than_chance_is_no_gain() -> None:
    feature, treated, outcome = _shoppers(effect=0.3)

    gain = judge_gain(np.random.default_rng(2).random(6000), -feature, treated, outcome, seed=1)

    assert gain.over_response > 0
    assert not gain.is_reliable


def test_the_same_seed_says_the_same() -> None:
    feature, treated, outcome = _shoppers(effect=0.1)

    assert judge_gain(feature, -feature, treated, outcome, seed=3) == judge_gain(
        feature, -feature, treated, outcome, seed=3
    )
