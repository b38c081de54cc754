"""What a coupon causes: the chance of the outcome with it less the chance without it, learned from a random split.

Every learner takes who was treated by lot, so that the share of treated shoppers is the propensity of everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from analytics.learners.qini import RESAMPLES, Gain, judge_gain

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

FOLDS = 5
# Fewer shoppers with the outcome, or without it, in either group teach nothing.
FEWEST_OUTCOMES = 30

Score = Callable[[Matrix], Vector]


class Fit(Protocol):
    """Learns from shoppers and returns what scores others."""

    def __call__(self, features: Matrix, treated: Vector, outcome: Vector, seed: int) -> Score: ...


class TooFewOutcomes(Exception):
    """One of the groups is too small, or had the outcome too rarely or too often, to learn from."""


def fit_response(features: Matrix, treated: Vector, outcome: Vector, seed: int) -> Score:
    """Learns the chance of the outcome when treated: what a ranking by response goes by."""
    refuse_too_few(treated, outcome)
    return _classifier(_logistic(), features[treated == 1], outcome[treated == 1])


def fit_s_logistic(features: Matrix, treated: Vector, outcome: Vector, seed: int) -> Score:
    """One logistic regression (S-learner) on features, treatment and their products, which are shrunk."""
    refuse_too_few(treated, outcome)
    scaler = StandardScaler().fit(features)

    def design(rows: Matrix, given: Vector) -> Matrix:
        scaled = scaler.transform(rows)
        sign = given[:, None] - 0.5
        joined: Matrix = np.hstack([scaled, sign, scaled * sign])
        return joined

    model = LogisticRegression(C=0.01, max_iter=1000).fit(design(features, treated), outcome)

    def score(rows: Matrix) -> Vector:
        ones = np.ones(len(rows))
        effect: Vector = (
            model.predict_proba(design(rows, ones))[:, 1] - model.predict_proba(design(rows, 0 * ones))[:, 1]
        )
        return effect

    return score


def fit_t_logistic(features: Matrix, treated: Vector, outcome: Vector, seed: int) -> Score:
    """Two logistic regressions (T-learner), one a group: what the product uses.

    Nothing that was tried is better beyond chance, and its effect can be read off its coefficients.
    """
    with_it, without = _both(_logistic, features, treated, outcome)
    return lambda rows: with_it(rows) - without(rows)


def fit_x_boosting(features: Matrix, treated: Vector, outcome: Vector, seed: int) -> Score:
    """X-learner with boosted trees for outcomes and effects (Künzel, Sekhon, Bickel and Yu 2019)."""
    return _x_learner(lambda: _trees(seed), features, treated, outcome, seed)


def fit_x_logistic_boosting(features: Matrix, treated: Vector, outcome: Vector, seed: int) -> Score:
    """X-learner with logistic outcomes and boosted effects."""
    return _x_learner(_logistic, features, treated, outcome, seed)


def fit_dr_ridge(features: Matrix, treated: Vector, outcome: Vector, seed: int) -> Score:
    """DR-learner (Kennedy 2023): ridge regression on doubly robust effects with cross-fitted logistic outcomes."""
    share = float(treated.mean())
    with_it, without = np.zeros(len(outcome)), np.zeros(len(outcome))
    for part, rest in _folds(len(outcome), seed):
        one, other = _both(_logistic, features[rest], treated[rest], outcome[rest])
        with_it[part], without[part] = one(features[part]), other(features[part])
    effects = (
        with_it - without + treated * (outcome - with_it) / share - (1 - treated) * (outcome - without) / (1 - share)
    )
    return _regressor(_ridge(), features, effects)


def fit_r_boosting(features: Matrix, treated: Vector, outcome: Vector, seed: int) -> Score:
    """R-learner (Nie and Wager 2021): boosted trees on residuals of a cross-fitted logistic outcome."""
    refuse_too_few(treated, outcome)
    usual = np.zeros(len(outcome))
    for part, rest in _folds(len(outcome), seed):
        usual[part] = _classifier(_logistic(), features[rest], outcome[rest])(features[part])
    residual = treated - treated.mean()
    return _regressor(_regression_trees(seed), features, (outcome - usual) / residual, weights=residual**2)


def fit_ensemble(features: Matrix, treated: Vector, outcome: Vector, seed: int) -> Score:
    """Mean of a straight and two bent learners, whose errors differ."""
    members = [
        fit(features, treated, outcome, seed) for fit in (fit_t_logistic, fit_x_logistic_boosting, fit_x_boosting)
    ]

    def score(rows: Matrix) -> Vector:
        mean: Vector = np.mean([member(rows) for member in members], axis=0)
        return mean

    return score


LEARNERS: Mapping[str, Fit] = {
    "S, logistic": fit_s_logistic,
    "T, logistic": fit_t_logistic,
    "X, boosted trees": fit_x_boosting,
    "X, logistic and boosted trees": fit_x_logistic_boosting,
    "DR, ridge": fit_dr_ridge,
    "R, boosted trees": fit_r_boosting,
    "mean of T, logistic and both X": fit_ensemble,
}


def cross_scores(fit: Fit, features: Matrix, treated: Vector, outcome: Vector, *, seed: int) -> Vector:
    """Returns scores of which none comes from a model that saw its shopper.

    Raises:
        TooFewOutcomes
    """
    scores = np.zeros(len(outcome))
    for part, rest in _folds(len(outcome), seed):
        scores[part] = fit(features[rest], treated[rest], outcome[rest], seed)(features[part])
    return scores


def judge(features: Matrix, treated: Vector, outcome: Vector, *, seed: int, resamples: int = RESAMPLES) -> Gain:
    """Measures what ranking by uplift would gain, by scores of models that did not see their shopper.

    Raises:
        TooFewOutcomes
    """
    uplift = cross_scores(fit_t_logistic, features, treated, outcome, seed=seed)
    response = cross_scores(fit_response, features, treated, outcome, seed=seed)
    return judge_gain(uplift, response, treated, outcome, seed=seed, resamples=resamples)


def learn_reliable(
    features: Matrix, treated: Vector, outcome: Vector, *, seed: int
) -> tuple[Gain | None, Score | None]:
    """Learns an effect, and says whether shoppers should be ranked by it: what the product does with an experiment.

    Returns:
        what was gained, None if there was too little to judge; and the effect, None unless its gain is reliable.
    """
    try:
        gain = judge(features, treated, outcome, seed=seed)
    except TooFewOutcomes:
        return None, None
    return gain, fit_t_logistic(features, treated, outcome, seed) if gain.is_reliable else None


def refuse_too_few(treated: Vector, outcome: Vector) -> None:
    """Refuses groups that are too small to learn from.

    Raises:
        TooFewOutcomes
    """
    for group in (0, 1):
        happened = outcome[treated == group]
        if min(happened.sum(), len(happened) - happened.sum()) < FEWEST_OUTCOMES:
            raise TooFewOutcomes


def _x_learner(outcomes: Callable[[], Any], features: Matrix, treated: Vector, outcome: Vector, seed: int) -> Score:
    with_it, without = _both(outcomes, features, treated, outcome)
    given = treated == 1
    of_treated = _regressor(_regression_trees(seed), features[given], outcome[given] - without(features[given]))
    of_others = _regressor(_regression_trees(seed), features[~given], with_it(features[~given]) - outcome[~given])
    share = float(treated.mean())
    return lambda rows: share * of_others(rows) + (1 - share) * of_treated(rows)


def _both(make: Callable[[], Any], features: Matrix, treated: Vector, outcome: Vector) -> tuple[Score, Score]:
    refuse_too_few(treated, outcome)
    given = treated == 1
    return (
        _classifier(make(), features[given], outcome[given]),
        _classifier(make(), features[~given], outcome[~given]),
    )


def _classifier(model: Any, features: Matrix, outcome: Vector) -> Score:
    # Sums of several threads come in any order, and their last bits with them.
    with threadpool_limits(limits=1):
        model.fit(features, outcome)

    def chance(rows: Matrix) -> Vector:
        probability: Vector = model.predict_proba(rows)[:, 1]
        return probability

    return chance


def _regressor(model: Any, features: Matrix, effects: Vector, *, weights: Vector | None = None) -> Score:
    with threadpool_limits(limits=1):
        model.fit(features, effects) if weights is None else model.fit(features, effects, sample_weight=weights)

    def effect(rows: Matrix) -> Vector:
        predicted: Vector = model.predict(rows)
        return predicted

    return effect


def _logistic() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _ridge() -> Pipeline:
    return make_pipeline(StandardScaler(), Ridge(alpha=300.0))


def _trees(seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=100, random_state=seed
    )


def _regression_trees(seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        max_iter=60, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=200, random_state=seed
    )


def _folds(count: int, seed: int) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    fold = np.random.default_rng([seed, 12]).permutation(count) % FOLDS
    return [(fold == number, fold != number) for number in range(FOLDS)]
