"""What shelves sold week by week, and what they are expected to sell: last night's forecast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from analytics.admin.figures import words
from analytics.admin.figures.pages import figures_page
from analytics.charts import ColumnChart, Series
from analytics.enums import Job, RunState
from analytics.models import Run
from config.kernel.spreadsheets import Cell
from coupons.models import Category

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Orders a week that held something of one shelf, past and expected."""

    category: Category
    past: Sequence[int]
    ahead: Sequence[float]


@dataclass(frozen=True, slots=True)
class Demand:
    """A night's forecast: Mondays of the weeks known and of those ahead, and the shelves, best earning first."""

    made_at: datetime
    past: Sequence[date]
    ahead: Sequence[date]
    shelves: Sequence[Shelf]
    wape: float | None
    wape_of_mean: float | None


@figures_page
def demand(request: HttpRequest) -> HttpResponse:
    """Shows one shelf as a chart, and all as a table."""
    found = last_demand()
    context: dict[str, Any] = {**admin.site.each_context(request), "title": _("Demand forecast")}
    if found is not None:
        chosen = _chosen(found, request.GET.get("shelf", ""))
        context |= {
            "made_at": found.made_at,
            "chart": demand_chart(found, chosen),
            "headers": [_week(monday) for monday in found.ahead],
            "rows": [_row(shelf, is_shown=shelf is chosen) for shelf in found.shelves],
            "error": None if found.wape is None else words.percent(100 * found.wape),
            "error_of_mean": None if found.wape_of_mean is None else words.percent(100 * found.wape_of_mean),
            "export": reverse("figures:export", args=["demand"]),
        }
    return render(request, "analytics/figures/demand.html", context)


def last_demand() -> Demand | None:
    """Returns the forecast of the last night that made one; None before the first, or if nothing was sold."""
    runs = Run.objects.filter(job=Job.FORECAST, state=RunState.PUBLISHED, artefact__has_key="demand")
    run = runs.order_by("-pk").first()
    if run is None or not run.artefact["demand"]:
        return None
    kept = run.artefact["demand"]
    categories = Category.objects.in_bulk([shelf["category"] for shelf in kept["shelves"]])
    shelves = [
        Shelf(categories[shelf["category"]], shelf["past"], shelf["ahead"])
        for shelf in kept["shelves"]
        # One that was taken away since has no name any more.
        if shelf["category"] in categories
    ]
    if not shelves:
        return None
    first = date.fromisoformat(kept["first_monday"])
    mondays = [first + WEEK * week for week in range(len(shelves[0].past) + len(shelves[0].ahead))]
    known = len(shelves[0].past)
    return Demand(run.started_at, mondays[:known], mondays[known:], shelves, kept["wape"], kept["wape_of_mean"])


def demand_chart(found: Demand, shelf: Shelf) -> ColumnChart:
    """Draws the weeks of one shelf: those that were, and beside them those to come."""
    labels = [_week(monday) for monday in (*found.past, *found.ahead)]
    nothing_yet, over = [0.0] * len(found.ahead), [0.0] * len(found.past)
    return ColumnChart(
        title=str(shelf.category),
        description=_("Orders a week with something of this shelf, from Monday on; the last %(weeks)d are expected.")
        % {"weeks": len(found.ahead)},
        labels=labels,
        series=[
            Series(_("Orders"), [*shelf.past, *nothing_yet], [*map(words.count, shelf.past), *[""] * len(found.ahead)]),
            Series(_("Expected"), [*over, *shelf.ahead], [*[""] * len(found.past), *map(_about, shelf.ahead)]),
        ],
    )


def demand_table() -> Iterator[Sequence[Cell]]:
    """Yields every week of every shelf, for the export."""
    yield [_("Category"), _("Week from"), _("Orders"), _("Expected")]
    found = last_demand()
    if found is None:
        return
    for shelf in found.shelves:
        for monday, orders in zip(found.past, shelf.past, strict=True):
            yield [str(shelf.category), monday.isoformat(), orders, ""]
        for monday, expected in zip(found.ahead, shelf.ahead, strict=True):
            yield [str(shelf.category), monday.isoformat(), "", str(expected)]


def _chosen(found: Demand, asked: str) -> Shelf:
    return next((shelf for shelf in found.shelves if str(shelf.category.pk) == asked), found.shelves[0])


def _row(shelf: Shelf, *, is_shown: bool) -> dict[str, Any]:
    lately = shelf.past[-4:]
    return {
        "name": str(shelf.category),
        "link": f"?{urlencode({'shelf': shelf.category.pk})}",
        "is_shown": is_shown,
        "lately": _about(sum(lately) / len(lately)),
        "ahead": [_about(orders) for orders in shelf.ahead],
    }


def _week(monday: date) -> str:
    return date_format(monday, "m-d")


def _about(orders: float) -> str:
    return words.count(round(orders))
