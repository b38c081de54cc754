"""What the shop's shelves will sell in the next weeks: a part of the nightly forecast."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np

from analytics.learners.forecast import METHODS, choose_method, forecast, month_places
from analytics.selectors.demand import weekly_demand, weeks_known

WEEKS_AHEAD = 4
# A year of weeks, so that every place in the month came round twelve times.
WEEKS_BACK = 52
SHELVES = 50
# What is shown beside the forecast: a chart of a year hides the weeks to come.
WEEKS_SHOWN = 16
# A method is chosen on so many of the newest origins, each of which knows at least so many weeks.
ORIGINS = 9
FEWEST_WEEKS_KNOWN = 12
# With fewer weeks nothing can be compared: the mean of those there are, at most four.
SIMPLE = METHODS[1]
WEEK = timedelta(days=7)


def demand_ahead(*, now: datetime) -> dict[str, Any]:
    """Forecasts how many orders of the next four weeks hold a product of each of the shelves that earn most.

    The method is the one that was nearest in the newest weeks that are known. Only whole weeks count; a shop that has
    been closed is forecast from the weeks before it closed.

    Returns:
        plain figures for the run: the first Monday, the method, its error beside the mean of four weeks (None while
        too few weeks are known to compare), and for each shelf the orders of past weeks and those expected. Empty
        when the shop has not sold anything for a whole week.
    """
    known = weeks_known(now=now, most=WEEKS_BACK)
    if known is None:
        return {}
    first_monday, weeks = known
    demand = weekly_demand(first_monday=first_monday, weeks=weeks)
    rows = [row for row in np.argsort(-demand.money.sum(axis=1), kind="stable") if demand.purchases[row].any()]
    rows = rows[:SHELVES]
    if not rows:
        return {}
    series = demand.purchases[rows]
    places = month_places([first_monday + WEEK * week for week in range(weeks + WEEKS_AHEAD)])
    origins = [
        origin
        for origin in range(weeks - WEEKS_AHEAD - ORIGINS + 1, weeks - WEEKS_AHEAD + 1)
        if origin >= FEWEST_WEEKS_KNOWN
    ]
    method, error, simple_error = SIMPLE, None, None
    if origins:
        method, errors = choose_method(series, places=places, origins=origins, horizon=WEEKS_AHEAD)
        error, simple_error = errors[method.name], errors[SIMPLE.name]
    ahead = forecast(series, places=places, method=method, horizon=WEEKS_AHEAD)
    return {
        "first_monday": (first_monday + WEEK * max(0, weeks - WEEKS_SHOWN)).isoformat(),
        "weeks_known": weeks,
        "method": method.name,
        "wape": _rounded(error),
        "wape_of_mean": _rounded(simple_error),
        "shelves": [
            {
                "category": int(demand.category_ids[row]),
                "past": series[place, -WEEKS_SHOWN:].astype(int).tolist(),
                "ahead": ahead[place].round(1).tolist(),
            }
            for place, row in enumerate(rows)
        ],
    }


def _rounded(error: float | None) -> float | None:
    return None if error is None or np.isnan(error) else round(error, 4)
