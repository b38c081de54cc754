"""Who answers a coupon: logistic regression blended with shallow boosted trees, calibrated forward in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from analytics.learners.calibration import Flags, Forecast, Platt, Vector, expit, fit_shift, logit
from analytics.learners.trees import Forest, flatten

Features = NDArray[np.float32]

# Fewer answers than these teach nothing that should decide about anybody.
FEWEST_ANSWERS = 30
# Of those who did not answer so many rows are read at most; they then stand for the others by weight.
MOST_SILENT_ROWS = 400_000
SILENT_ROWS_OF_TREES = 100_000
FLAT = 1e-9


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model of response is fitted; found by forward validation on campaigns before October 2017.

    Attributes:
        penalty: the inverse strength of the ridge penalty on standardised features.
        tree_weight: the trees' share of the blend of log odds; 0 for none.
        tree_count, leaves, least_rows: of the trees, which learn slowly and stay shallow.
        is_linear_in: features, by name, that only the linear part looks at.
    """

    penalty: float
    tree_weight: float
    tree_count: int
    leaves: int
    least_rows: int
    is_linear_in: frozenset[str] = frozenset()


CAMPAIGN_SETTINGS = Settings(penalty=0.01, tree_weight=0.5, tree_count=60, leaves=4, least_rows=30)
# What tells shoppers apart is the same for all coupons of one, and 460 shoppers who ever answered are too few to
# split by: the trees look at coupons, at the pair, and at the little of the shopper that helps.
COUPON_SETTINGS = Settings(
    penalty=0.01,
    tree_weight=1 / 3,
    tree_count=120,
    leaves=8,
    least_rows=100,
    is_linear_in=frozenset(
        (
            "orders_rate",
            "spend_rate",
            "orders_month",
            "spend_month",
            "orders_quarter",
            "spend_quarter",
            "recency",
            "regularity",
            "coupon_share",
            "coupon_share_quarter",
            "discount_rate",
            "discount_share",
            "evening",
            "weekend",
            "products",
            "categories",
            "basket",
            "received_coupons",
            "since_received",
            "answered",
            "used_quarter",
            "ever_used",
            "used_freshly",
            "is_known",
            "days",
            "coupons",
        )
    ),
)


@dataclass(frozen=True, slots=True)
class ResponseModel:
    """A fitted model: what it reads, how it weighs it, and how its odds are corrected."""

    features: tuple[str, ...]
    mean: Vector
    scale: Vector
    weights: Vector
    intercept: float
    tree_weight: float
    tree_columns: NDArray[np.int64]
    forest: Forest | None
    platt: Platt = field(default_factory=Platt)

    def raw(self, features: Features) -> Vector:
        """Returns probabilities before calibration; rows as `self.features`."""
        odds: Vector = ((features - self.mean) / self.scale) @ self.weights + self.intercept
        if self.forest is not None:
            trees = logit(self.forest.predict(features[:, self.tree_columns]))
            odds = (1 - self.tree_weight) * odds + self.tree_weight * trees
        return expit(odds)

    def predict(self, features: Features) -> Vector:
        """Returns calibrated probabilities in (0, 1); rows as `self.features`."""
        return self.platt.apply(self.raw(features))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns everything as plain arrays, for `from_arrays`."""
        kept: dict[str, NDArray[Any]] = {
            "features": np.array(self.features),
            "mean": self.mean,
            "scale": self.scale,
            "weights": self.weights,
            "scalars": np.array([self.intercept, self.tree_weight, self.platt.slope, self.platt.intercept]),
            "tree_columns": self.tree_columns,
        }
        if self.forest is not None:
            kept |= {f"forest_{name}": array for name, array in self.forest.arrays().items()}
        return kept

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> ResponseModel:
        """Returns the model that was kept as arrays."""
        intercept, tree_weight, slope, platt_intercept = arrays["scalars"].tolist()
        forest = {name.removeprefix("forest_"): array for name, array in arrays.items() if name.startswith("forest_")}
        return cls(
            features=tuple(arrays["features"].tolist()),
            mean=arrays["mean"],
            scale=arrays["scale"],
            weights=arrays["weights"],
            intercept=intercept,
            tree_weight=tree_weight,
            tree_columns=arrays["tree_columns"],
            forest=Forest.from_arrays(forest) if forest else None,
            platt=Platt(slope=slope, intercept=platt_intercept),
        )


@dataclass(frozen=True, slots=True)
class Lesson:
    """One ended campaign: its rows, who answered, and when it ran (in any unit, the same for all).

    Attributes:
        rows_each: rows of one shopper; they follow each other.
    """

    features: Features
    answers: Flags
    started: float
    ended: float
    rows_each: int = 1


class TooFewAnswers(Exception):
    """There is not enough to learn response from."""

    def __init__(self, answers: int) -> None:
        super().__init__(answers)
        self.answers = answers


def fit_response(
    lessons: Sequence[Lesson], *, names: Sequence[str], settings: Settings, seed: int
) -> tuple[ResponseModel, list[tuple[int, Vector]]]:
    """Learns from ended campaigns, and calibrates on what earlier campaigns would have said of later ones.

    Each campaign is predicted by a model of those that had ended when it started. These forecasts show how a model
    fares on the next campaign, and how much too high or too low it is; see `fit_shift`. Predicting each from all others
    would know the future and promise too much.

    Args:
        names: of the columns of every lesson's features.

    Returns:
        the model, and the uncalibrated forward forecasts as (number of the lesson, probabilities).

    Raises:
        TooFewAnswers: fewer than `FEWEST_ANSWERS` in all.
    """
    total = sum(int(lesson.answers.sum()) for lesson in lessons)
    if total < FEWEST_ANSWERS:
        raise TooFewAnswers(total)
    # Sums of several threads come in any order, and their last bits with them.
    with threadpool_limits(limits=1):
        forward = _forecast_forward(lessons, names, settings, seed)
        shift = fit_shift(
            [Forecast(forecast, lessons[number].answers, lessons[number].rows_each) for number, forecast in forward]
        )
        model = _fit(lessons, names, settings, seed)
    return replace(model, platt=Platt(intercept=shift)), forward


def any_answer(pairs: Vector) -> Vector:
    """Returns the chance of at least one answer: `1 - Π(1 - p)` over a shopper's coupons, shoppers × coupons.

    As if each were decided by itself; too high, since whoever uses one uses several.
    """
    chance: Vector = 1.0 - np.exp(np.log1p(-np.minimum(pairs, 1.0 - FLAT)).sum(axis=1))
    return chance


def blended(one: Vector, other: Vector, *, share: float) -> Vector:
    """Returns two forecasts of the same blended on the log odds, `share` of it the other one."""
    return expit((1 - share) * logit(one) + share * logit(other))


def _forecast_forward(
    lessons: Sequence[Lesson], names: Sequence[str], settings: Settings, seed: int
) -> list[tuple[int, Vector]]:
    forecasts: list[tuple[int, Vector]] = []
    models: dict[tuple[int, ...], ResponseModel] = {}
    for number, lesson in enumerate(lessons):
        before = tuple(place for place, other in enumerate(lessons) if other.ended <= lesson.started)
        if sum(int(lessons[place].answers.sum()) for place in before) < FEWEST_ANSWERS:
            continue
        if before not in models:
            models[before] = _fit([lessons[place] for place in before], names, settings, seed)
        forecasts.append((number, models[before].raw(lesson.features)))
    return forecasts


def _fit(lessons: Sequence[Lesson], names: Sequence[str], settings: Settings, seed: int) -> ResponseModel:
    answers = np.concatenate([lesson.answers for lesson in lessons])
    features = np.concatenate([lesson.features for lesson in lessons])
    rows, weight = draw_rows(answers, most_silent=MOST_SILENT_ROWS, seed=seed)
    mean = np.average(features[rows], axis=0, weights=weight)
    scale = np.sqrt(np.average(np.square(features[rows] - mean), axis=0, weights=weight))
    # A feature that is the same for everybody says nothing, whatever it is later.
    flat = scale <= FLAT
    scale = np.where(flat, 1.0, scale)
    linear = LogisticRegression(C=settings.penalty, max_iter=500)
    linear.fit((features[rows] - mean) / scale, answers[rows], sample_weight=weight)
    columns = np.array([place for place, name in enumerate(names) if name not in settings.is_linear_in], dtype=np.int64)
    forest = None
    if settings.tree_weight > 0:
        rows, weight = draw_rows(answers, most_silent=SILENT_ROWS_OF_TREES, seed=seed)
        trees = HistGradientBoostingClassifier(
            max_iter=settings.tree_count,
            learning_rate=0.05,
            max_leaf_nodes=settings.leaves,
            min_samples_leaf=settings.least_rows,
            l2_regularization=10.0,
            early_stopping=False,
            random_state=seed,
        )
        trees.fit(features[rows][:, columns], answers[rows], sample_weight=weight)
        forest = flatten(trees)
    return ResponseModel(
        features=tuple(names),
        mean=mean,
        scale=scale,
        weights=np.where(flat, 0.0, linear.coef_[0]),
        intercept=float(linear.intercept_[0]),
        tree_weight=settings.tree_weight,
        tree_columns=columns,
        forest=forest,
    )


def draw_rows(answers: Flags, *, most_silent: int, seed: int) -> tuple[NDArray[np.int64], Vector]:
    """Returns rows to learn from with their weights: every answer, and at most so many of the silent ones.

    The weights give the silent ones their number back, so that probabilities stay what they are; a balanced sample
    without them would have to be corrected afterwards.
    """
    silent = np.flatnonzero(~answers)
    kept = silent
    if len(silent) > most_silent:
        kept = np.random.default_rng([seed, 5]).choice(silent, most_silent, replace=False)
    rows = np.sort(np.concatenate([np.flatnonzero(answers), kept])).astype(np.int64)
    weight = np.where(answers[rows], 1.0, len(silent) / max(len(kept), 1))
    return rows, weight
