"""The forecast of weekly demand: the fifty categories that earn most in Complete Journey, four weeks ahead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np

from analytics.evaluation.errors import DataMissing
from analytics.evaluation.figures import Figure
from analytics.learners.forecast import METHODS, Matrix, Method, backtest, choose_method, month_places, wape
from analytics.selectors.demand import WeeklyDemand, weekly_demand

# Weeks 2 to 52 of the data set; 1 and 53 are a day and six days long.
FIRST_MONDAY = date(2017, 1, 2)
FIRST_WEEK, LAST_WEEK = 2, 52
CATEGORIES = 50
HORIZON = 4
# The last week that each forecast knows. The weeks ahead of the ones tuned on end before the first judged origin.
TUNING_WEEKS = range(12, 36)
JUDGED_WEEKS = range(40, 49)
AIM = 0.092
ANCHORS = {"last week": ".118", "mean of 4 weeks": ".0942"}


def evaluate(seed: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """Chooses a method on the weeks before 40 and judges it on the ones after; nothing is drawn, so no seed matters.

    Raises:
        DataMissing: Complete Journey is not loaded.
    """
    tell("Counting purchases week by week …")
    demand = weekly_demand(first_monday=FIRST_MONDAY, weeks=LAST_WEEK - FIRST_WEEK + 1)
    if np.count_nonzero(demand.purchases.sum(axis=1)) < CATEGORIES:
        raise DataMissing("There are no purchases of 2017: load them with manage.py load_complete_journey.")
    rows = _earning_most(demand)
    series = demand.purchases[rows]
    places = month_places(demand.first_days)
    tell(f"Comparing {len(METHODS)} methods …")
    chosen, tuned = choose_method(series, places=places, origins=_known(TUNING_WEEKS), horizon=HORIZON)
    figures = [_judged(chosen, series, places, tuned)]
    figures += [
        Figure(
            what=f"WAPE, {name}",
            measured=f"{_wape(_method(name), series, places):.4f}",
            beside=f"anchor {anchor}; tuning weeks {tuned[name]:.4f}",
        )
        for name, anchor in ANCHORS.items()
    ]
    figures += [
        Figure(
            what=f"WAPE, {method.name}",
            measured=f"{_wape(method, series, places):.4f}",
            beside=f"tuning weeks {tuned[method.name]:.4f}",
        )
        for method in METHODS
        if method is not chosen and method.name not in ANCHORS
    ]
    money = demand.money[rows]
    baseline = _wape(_method("mean of 4 weeks"), money, places)
    figures.append(
        Figure(
            what=f"WAPE of money, {chosen.name}",
            measured=f"{_wape(chosen, money, places):.4f}",
            beside=f"mean of 4 weeks {baseline:.4f}",
        )
    )
    return figures


def _earning_most(demand: WeeklyDemand) -> list[int]:
    """Returns the rows of the categories with the most money in the weeks before the first judged origin."""
    earned = demand.money[:, : JUDGED_WEEKS[0] - FIRST_WEEK].sum(axis=1)
    return np.argsort(-earned, kind="stable")[:CATEGORIES].tolist()


def _known(last_weeks: Sequence[int]) -> list[int]:
    return [week - FIRST_WEEK + 1 for week in last_weeks]


def _method(name: str) -> Method:
    return next(method for method in METHODS if method.name == name)


def _wape(method: Method, series: Matrix, places: Matrix) -> float:
    return wape(*backtest(series, places=places, method=method, origins=_known(JUDGED_WEEKS), horizon=HORIZON))


def _judged(method: Method, series: Matrix, places: Matrix, tuned: dict[str, float]) -> Figure:
    errors, actuals = backtest(series, places=places, method=method, origins=_known(JUDGED_WEEKS), horizon=HORIZON)
    measured = wape(errors, actuals)
    ahead = " ".join(f"{wape(errors[:, week], actuals[:, week]):.3f}" for week in range(HORIZON))
    return Figure(
        what=f"WAPE, chosen: {method.name}",
        measured=f"{measured:.4f}",
        aim=f"≤ {AIM}",
        holds=measured <= AIM,
        beside=f"tuning weeks {tuned[method.name]:.4f}; 1 to 4 weeks ahead {ahead}",
    )
