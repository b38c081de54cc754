"""Every learner finds an effect that is there; where none is, the product says so."""

import numpy as np
import pytest

from analytics.evaluation.hillstrom import Experiment
from analytics.evaluation.uplift import decide, shuffled
from analytics.learners.qini import qini_coefficient
from analytics.learners.uplift import (
    FEWEST_OUTCOMES,
    LEARNERS,
    TooFewOutcomes,
    cross_scores,
    fit_response,
    fit_t_logistic,
    learn_reliable,
)


def make_experiment(*, count: int = 4000, effect: float = 0.3, seed: int = 1) -> Experiment:
    """Four features; the second rules the effect, the first the outcome without it; three in ten are treated."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, 4))
    treated = (random.random(count) < 0.3).astype(float)
    chance = 0.25 + 0.1 * np.tanh(features[:, 0]) + effect * treated * (features[:, 1] > 0.3)
    return Experiment(features=features, treated=treated, outcome=(random.random(count) < chance).astype(float))


@pytest.mark.parametrize("name", list(LEARNERS))
def test_a_learner_finds_who_is_moved(name: str) -> None:
    learned, judged = make_experiment(seed=1), make_experiment(seed=2)

    score = LEARNERS[name](learned.features, learned.treated, learned.outcome, 7)
    scores = score(judged.features)

    moved = judged.features[:, 1] > 0.3
    assert scores[moved].mean() - scores[~moved].mean() > 0.1
    assert qini_coefficient(scores, judged.treated, judged.outcome) > 0.1


@pytest.mark.parametrize("name", list(LEARNERS))
def test_the_same_seed_gives_the_same_scores(name: str) -> None:
    learned = make_experiment(count=2000)

    first, second = (
        LEARNERS[name](learned.features, learned.treated, learned.outcome, 7)(learned.features) for _ in range(2)
    )

    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", [*LEARNERS, "response"])
def test_too_few_outcomes_are_refused(name: str) -> None:
    learned = make_experiment()
    fit = {**LEARNERS, "response": fit_response}[name]
    rare = np.zeros(len(learned.outcome))
    rare[np.nonzero(learned.treated == 1)[0][: FEWEST_OUTCOMES - 1]] = 1
    rare[np.nonzero(learned.treated == 0)[0][:100]] = 1

    with pytest.raises(TooFewOutcomes):
        fit(learned.features, learned.treated, rare, 7)


def test_cross_scores_never_come_from_a_model_that_saw_the_shopper() -> None:
    learned = make_experiment(count=1000)
    seen: list[int] = []

    def fit(features: np.ndarray, treated: np.ndarray, outcome: np.ndarray, seed: int):
        known = {tuple(row) for row in features}
        seen.append(len(known))
        return lambda rows: np.array([float(tuple(row) in known) for row in rows])

    assert cross_scores(fit, learned.features, learned.treated, learned.outcome, seed=1).sum() == 0
    assert seen == [800] * 5


def test_a_real_effect_is_ranked_by() -> None:
    assert decide(make_experiment(), seed=7).is_reliable


def test_an_effect_that_goes_with_response_is_not() -> None:
    """Who buys anyway is who is moved: uplift has nothing that response has not."""
    random = np.random.default_rng(3)
    feature = random.normal(size=(4000, 1))
    treated = (random.random(4000) < 0.5).astype(float)
    chance = 1 / (1 + np.exp(1 - feature[:, 0])) * (0.6 + 0.2 * treated)
    outcome = (random.random(4000) < chance).astype(float)

    assert not decide(Experiment(features=feature, treated=treated, outcome=outcome), seed=7).is_reliable


def test_shuffled_treatment_ends_in_no_reliable_gain() -> None:
    """By chance one in twenty may be called reliable; four of twenty are an event of one in sixty."""
    real = make_experiment()

    nulls = [decide(shuffled(real, customers=1500, seed=seed), seed=seed, resamples=100) for seed in range(20)]

    assert sum(gain.is_reliable for gain in nulls) <= 3


def test_the_shuffle_moves_treatment_alone() -> None:
    real = make_experiment()
    null = shuffled(real, customers=len(real.outcome), seed=1)

    assert null.treated.sum() == real.treated.sum()
    assert np.isclose(null.outcome.mean(), real.outcome.mean())
    model = fit_t_logistic(null.features, null.treated, null.outcome, 7)
    assert abs(qini_coefficient(model(real.features), real.treated, real.outcome)) < 0.3


def test_what_is_learned_is_used_only_where_its_gain_is_reliable() -> None:
    real = make_experiment()
    null = shuffled(real, customers=4000, seed=3)

    gain, score = learn_reliable(real.features, real.treated, real.outcome, seed=7)
    assert gain is not None
    assert score is not None
    moved = real.features[:, 1] > 0.3
    assert score(real.features)[moved].mean() > score(real.features)[~moved].mean()
    assert learn_reliable(null.features, null.treated, null.outcome, seed=7)[1] is None
    assert learn_reliable(real.features[:20], real.treated[:20], real.outcome[:20], seed=7) == (None, None)
    assert learn_reliable(real.features[:0], real.treated[:0], real.outcome[:0], seed=7) == (None, None)
