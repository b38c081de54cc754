"""Charts say the truth in their geometry and in words."""

import re
from xml.etree import ElementTree

import pytest
from django.template.loader import render_to_string

from analytics.charts import Bar, BarChart, ColumnChart, Series, grid_steps


def chart(*numbers: float) -> ColumnChart:
    return ColumnChart(
        title="Claims & co",
        description="A <description>",
        labels=[f"day {position}" for position in range(len(numbers))],
        series=[Series("Claims", numbers, [str(number) for number in numbers])],
    )


@pytest.mark.parametrize(
    ("largest", "steps"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (10, [0, 5, 10]),
        (41, [0, 20, 40, 60]),
        (1000, [0, 250, 500, 750, 1000]),
        (7_300_000, [0, 2_000_000, 4_000_000, 6_000_000, 8_000_000]),
    ],
)
def test_the_grid_has_round_whole_numbers(largest: float, steps: list[float]) -> None:
    assert grid_steps(largest) == steps


def test_columns_are_as_high_as_their_numbers() -> None:
    heights = [float(column.height) for column in chart(10, 5, 1).rectangles]

    assert heights == pytest.approx([200, 100, 20])


def test_a_little_is_not_nothing() -> None:
    assert [float(column.height) for column in chart(10_000, 1, 0).rectangles][1:] == [1.0]


def test_a_chart_of_nothing_says_so() -> None:
    assert chart(0, 0).is_empty
    assert "<svg" not in render_to_string("analytics/charts/columns.html", {"chart": chart(0, 0), "name": "x"})


def test_labels_are_thinned_out() -> None:
    assert len(chart(*range(62)).label_marks) <= 8


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_drawing_is_valid_and_says_what_it_shows(language: str, settings: object) -> None:
    page = render_to_string("analytics/charts/columns.html", {"chart": chart(1200.5, 3), "name": "x"})
    svg = ElementTree.fromstring(re.search(r"<svg.*</svg>", page, re.DOTALL).group())

    assert svg.get("aria-labelledby") == "x-title x-description"
    assert svg.find("title").text == "Claims & co"
    assert svg.find("desc").text == "A <description>"
    assert len(svg.findall("rect")) == 2
    assert "<table" in page
    assert "style=" not in page


def test_bars_link_to_what_they_stand_for() -> None:
    bars = BarChart(title="Segments", description="", bars=[Bar("Loyal", 4, "4", "/loyal"), Bar("Lapsed", 0, "0")])
    page = render_to_string("analytics/charts/bars.html", {"chart": bars, "name": "y"})
    svg = ElementTree.fromstring(re.search(r"<svg.*</svg>", page, re.DOTALL).group())

    assert [link.get("href") for link in svg.findall("a")] == ["/loyal"]
    widths = [float(bar.get("width")) for bar in svg.findall("rect")]
    assert widths == [430.0, 1.0]
