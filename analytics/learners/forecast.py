"""Forecasts of many weekly series at once: a level that follows the newest weeks, and where a week lies in its month.

All series share one effect of the month, since one year shows each only twelve times: purchases gather around the
first days, when wages and benefits arrive. Each series may depart from it as far as its own weeks bear out (ridge).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# Takes a history, one row a series and one column a week, and returns the level from which it goes on, one column
# for each week ahead.
Level = Callable[[Matrix, int], Matrix]

# Days of the month that differ from the rest: the first ones, and those that lead up to them.
MONTH_PARTS = ((1, 5), (28, 31))
# Weeks on both sides over which a series is compared with itself when the month's effect is learned.
TREND_REACH = 4
# A single series' departure from the common effect weighs as much as this many times its own evidence.
RIDGE = 5.0
# With fewer weeks no month has come round three times: nothing is learned from it.
FEWEST_WEEKS_FOR_MONTH = 12
# A smoothed level begins with the mean of so many weeks.
START_WEEKS = 4


@dataclass(frozen=True, slots=True)
class Method:
    """A way to forecast; `by_month` takes the place in the month out of the history and puts it back ahead."""

    name: str
    level: Level
    by_month: bool = False


def moving_average(weeks: int) -> Level:
    """Returns the level that is the mean of the newest weeks; of one week it is the naive forecast."""

    def level(history: Matrix, horizon: int) -> Matrix:
        return _flat(history[:, -weeks:].mean(axis=1), horizon)

    return level


def smoothing(alpha: float) -> Level:
    """Returns simple exponential smoothing; `alpha` is the weight of the newest week."""

    def level(history: Matrix, horizon: int) -> Matrix:
        return _flat(_smoothed(history, alpha), horizon)

    return level


def damped_trend(alpha: float, beta: float, phi: float) -> Level:
    """Returns smoothing with a trend of the logarithms that dies away (Gardner and McKenzie, 1985)."""

    def level(history: Matrix, horizon: int) -> Matrix:
        logs = np.log1p(history)
        at = logs[:, :START_WEEKS].mean(axis=1)
        trend = np.zeros(len(logs))
        for week in range(START_WEEKS, logs.shape[1]):
            moved = alpha * logs[:, week] + (1 - alpha) * (at + phi * trend)
            trend = beta * (moved - at) + (1 - beta) * phi * trend
            at = moved
        reach = np.cumsum(phi ** np.arange(1, horizon + 1))
        return np.maximum(np.expm1(at[:, None] + trend[:, None] * reach), 0.0)

    return level


def share_of_total(share_alpha: float, total_alpha: float) -> Level:
    """Returns each series as its smoothed share of the smoothed sum of all."""

    def level(history: Matrix, horizon: int) -> Matrix:
        total = history.sum(axis=0, keepdims=True)
        shares = history / np.maximum(total, 1e-12)
        return _flat(_smoothed(shares, share_alpha) * _smoothed(total, total_alpha), horizon)

    return level


# What is compared; settings were looked for on the weeks before the ones that judge.
METHODS = (
    Method("last week", moving_average(1)),
    Method("mean of 4 weeks", moving_average(4)),
    Method("mean of 8 weeks", moving_average(8)),
    Method("smoothing .25", smoothing(0.25)),
    Method("damped trend", damped_trend(0.2, 0.1, 0.8)),
    Method("share of total", share_of_total(0.3, 0.1)),
    Method("mean of 4 weeks, month", moving_average(4), by_month=True),
    Method("smoothing .3, month", smoothing(0.3), by_month=True),
    Method("damped trend, month", damped_trend(0.2, 0.1, 0.8), by_month=True),
    Method("share of total, month", share_of_total(0.3, 0.1), by_month=True),
)


def month_places(first_days: Iterable[date]) -> Matrix:
    """Returns where weeks lie in their months: one row a week, the share of its days in each of `MONTH_PARTS`.

    Args:
        first_days: of the weeks.
    """
    rows = []
    for first in first_days:
        days = [(first + timedelta(days=offset)).day for offset in range(7)]
        rows.append([sum(start <= day <= end for day in days) / 7 for start, end in MONTH_PARTS])
    return np.array(rows, dtype=np.float64).reshape(-1, len(MONTH_PARTS))


def forecast(history: Matrix, *, places: Matrix, method: Method, horizon: int) -> Matrix:
    """Returns the expected values of the weeks ahead, one row a series, never below zero.

    Args:
        history: one row a series, one column a week, oldest first; at least one week, none negative.
        places: `month_places` of the weeks of the history and of the `horizon` after it.

    Raises:
        ValueError: the history is empty or holds what is no number, or places are missing.
    """
    weeks = history.shape[1]
    if not weeks or not np.isfinite(history).all() or (history < 0).any():
        raise ValueError("a history needs weeks, and in them finite numbers from zero up")
    if len(places) < weeks + horizon:
        raise ValueError("every week of history and forecast needs its place in the month")
    if not method.by_month or weeks < FEWEST_WEEKS_FOR_MONTH or not len(history):
        return method.level(history, horizon)
    effects = np.exp(_month_effects(history, places[:weeks]) @ places[: weeks + horizon].T)
    ahead: Matrix = method.level(history / effects[:, :weeks], horizon) * effects[:, weeks:]
    return ahead


def backtest(
    series: Matrix, *, places: Matrix, method: Method, origins: Sequence[int], horizon: int
) -> tuple[Matrix, Matrix]:
    """Forecasts from each origin with what was known there, and compares.

    Args:
        origins: how many weeks are known at each; the `horizon` weeks after it must be in the series.

    Returns:
        absolute errors and actual values, each summed over the series: one row an origin, one column a week ahead.

    Raises:
        ValueError: as `forecast`, or an origin lies too near the end.
    """
    if any(origin + horizon > series.shape[1] for origin in origins):
        raise ValueError("an origin has too few weeks after it to be judged")
    errors, actuals = [], []
    for origin in origins:
        ahead = forecast(series[:, :origin], places=places, method=method, horizon=horizon)
        actual = series[:, origin : origin + horizon]
        errors.append(np.abs(actual - ahead).sum(axis=0))
        actuals.append(actual.sum(axis=0))
    return np.array(errors), np.array(actuals)


def wape(errors: Matrix, actuals: Matrix) -> float:
    """Returns the weighted absolute percentage error: all errors over all that happened; 0 is perfect."""
    happened = float(actuals.sum())
    return float(errors.sum()) / happened if happened else float("nan")


def choose_method(
    series: Matrix, *, places: Matrix, origins: Sequence[int], horizon: int, methods: Sequence[Method] = METHODS
) -> tuple[Method, dict[str, float]]:
    """Returns the method with the least WAPE on the origins, the first of equals, and the WAPE of each by name."""
    scores = {
        method.name: wape(*backtest(series, places=places, method=method, origins=origins, horizon=horizon))
        for method in methods
    }
    return min(methods, key=lambda method: scores[method.name]), scores


def _month_effects(history: Matrix, places: Matrix) -> Matrix:
    """Returns by how much a day in each part of the month moves each series' logarithm."""
    weeks = history.shape[1]
    near = np.abs(np.subtract.outer(np.arange(weeks), np.arange(weeks))) <= TREND_REACH
    # What is left of a week when the mean of the weeks around it is taken away.
    residual = np.eye(weeks) - near / near.sum(axis=1, keepdims=True)
    changes = np.log1p(history) @ residual.T
    moved = residual @ places
    evidence = moved.T @ moved
    parts = len(evidence)
    common = np.linalg.lstsq(evidence, moved.T @ changes.mean(axis=0), rcond=None)[0]
    own = moved.T @ (changes - moved @ common).T
    held = RIDGE * max(float(np.trace(evidence)) / parts, 1e-12) * np.eye(parts)
    effects: Matrix = (common[:, None] + np.linalg.solve(evidence + held, own)).T
    return effects


def _smoothed(history: Matrix, alpha: float) -> Matrix:
    at = history[:, :START_WEEKS].mean(axis=1)
    for week in range(START_WEEKS, history.shape[1]):
        at = alpha * history[:, week] + (1 - alpha) * at
    return at


def _flat(level: Matrix, horizon: int) -> Matrix:
    return np.repeat(level[:, None], horizon, axis=1)
