"""How well a ranking by uplift does, and whether it is better than chance and than ranking by response."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

RESAMPLES = 400
# One-sided: how often a gain that is not there may be called reliable.
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Gain:
    """What ranking by uplift gains on shoppers whom it was not learned from.

    Attributes:
        uplift, response: Qini coefficients of the two rankings.
        over_random, over_response: lower confidence bounds of the coefficient, and of its lead over response.
    """

    uplift: float
    response: float
    over_random: float
    over_response: float

    @property
    def is_reliable(self) -> bool:
        """Whether shoppers should be ranked by uplift; otherwise by response."""
        return self.over_random > 0 and self.over_response > 0


def qini_coefficient(scores: Vector, treated: Vector, outcome: Vector) -> float:
    """Returns the Qini coefficient of a ranking: 0 is a random one, 1 the best that these outcomes allow.

    With the best `k` shoppers by score, of whom `n_t` were treated and `n_c` not, the curve is
    `q(k) = y_t - y_c * n_t / n_c` (Radcliffe 2007, "Using control groups to target on predicted lift"). The coefficient
    is `(A - A_0) / (A_1 - A_0)`: the area under the curve, less that under the straight line to its end, over the same
    of the perfect order (Devriendt, Van Belle, Guns and Verbeke 2020, "Learning to rank for uplift modeling"): treated
    with the outcome, then everybody without it, then those who had it untreated. Equal scores are one step. A negative
    coefficient is worse than random.

    Args:
        scores: one number a shopper, higher first.
        treated: 1 for treated, 0 for not, drawn by lot.
        outcome: 0 or 1.

    Raises:
        ValueError: the lengths differ, a score is not a number, or one of the groups is empty.
    """
    treated, outcome = _checked(scores, treated, outcome)
    return _coefficient(_Ranking(scores), _perfect(treated, outcome), treated, outcome, np.ones(len(treated)))


def judge_gain(
    uplift: Vector, response: Vector, treated: Vector, outcome: Vector, *, seed: int, resamples: int = RESAMPLES
) -> Gain:
    """Measures by bootstrap whether ranking by uplift is reliably better than random and than ranking by response.

    Shoppers are drawn with replacement and both rankings judged on the same draw. What it does not see is how the
    learner would vary with other shoppers to learn from: hand it scores of shoppers that were not learned from.

    Args:
        uplift, response: the scores of the two rankings.
        treated, outcome: as for `qini_coefficient`.

    Raises:
        ValueError: as `qini_coefficient`.
    """
    treated, outcome = _checked(uplift, treated, outcome)
    _checked(response, treated, outcome)
    random = np.random.default_rng([seed, 11])
    rankings = (_Ranking(uplift), _Ranking(response))
    perfect = _perfect(treated, outcome)
    drawn = np.zeros((resamples, 2))
    for resample in range(resamples):
        weights = np.bincount(random.integers(0, len(treated), len(treated)), minlength=len(treated)).astype(np.float64)
        for column, ranking in enumerate(rankings):
            drawn[resample, column] = _coefficient(ranking, perfect, treated, outcome, weights)
    whole = np.ones(len(treated))
    by_uplift, by_response = (_coefficient(ranking, perfect, treated, outcome, whole) for ranking in rankings)
    return Gain(
        uplift=by_uplift,
        response=by_response,
        over_random=float(np.quantile(drawn[:, 0], LEVEL)),
        over_response=float(np.quantile(drawn[:, 0] - drawn[:, 1], LEVEL)),
    )


class _Ranking:
    """An order of shoppers and where its steps end."""

    def __init__(self, scores: Vector) -> None:
        self.order = np.argsort(-scores, kind="stable")
        falls = np.nonzero(np.diff(scores[self.order]))[0]
        self.ends = np.append(falls, len(scores) - 1)


def _perfect(treated: Vector, outcome: Vector) -> _Ranking:
    return _Ranking(outcome * treated - outcome * (1 - treated))


def _coefficient(ranking: _Ranking, perfect: _Ranking, treated: Vector, outcome: Vector, weights: Vector) -> float:
    area, end = _area(ranking, treated, outcome, weights)
    best, _ = _area(perfect, treated, outcome, weights)
    by_chance = end * weights.sum() / 2
    room = best - by_chance
    # Nobody, or everybody, had the outcome: no order is better than another.
    return float((area - by_chance) / room) if room > 0 else 0.0


def _area(ranking: _Ranking, treated: Vector, outcome: Vector, weights: Vector) -> tuple[float, float]:
    weighed = weights[ranking.order]
    is_treated = treated[ranking.order]
    responded = weighed * outcome[ranking.order]
    reached = np.cumsum(weighed)[ranking.ends]
    reached_treated = np.cumsum(weighed * is_treated)[ranking.ends]
    untreated = reached - reached_treated
    by_treated = np.cumsum(responded * is_treated)[ranking.ends]
    by_untreated = np.cumsum(responded * (1 - is_treated))[ranking.ends]
    ratio = np.divide(reached_treated, untreated, out=np.zeros_like(untreated), where=untreated > 0)
    curve = by_treated - by_untreated * ratio
    return float(np.trapezoid(np.append(0.0, curve), np.append(0.0, reached))), float(curve[-1])


def _checked(scores: Vector, treated: Vector, outcome: Vector) -> tuple[Vector, Vector]:
    if not len(scores) == len(treated) == len(outcome):
        raise ValueError("scores, treated and outcome must be of one length")
    if np.isnan(scores).any():
        raise ValueError("a score is not a number")
    treated, outcome = treated.astype(np.float64), outcome.astype(np.float64)
    if not 0 < treated.sum() < len(treated):
        raise ValueError("there must be treated and untreated shoppers")
    return treated, outcome
