"""Charts as plain geometry; templates turn them into SVG, with a title, a description and a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 12, 28
# At most so many dates fit under a chart.
LABELS = 8
GRID_LINES = 4
# Of the space of one group of columns.
COLUMN_SHARE = 0.76
ROUND_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of columns: a name, a number each, and how each number is written."""

    name: str
    numbers: Sequence[float]
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A column or bar, in the units of the drawing, with what it says when pointed at."""

    x: str
    y: str
    width: str
    height: str
    series: int
    text: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A text at a place."""

    x: str
    y: str
    text: str


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """Groups of columns over a row of labels."""

    title: str
    description: str
    labels: Sequence[str]
    series: Sequence[Series]
    # For each label, where the list behind its columns is; empty for nowhere.
    links: Sequence[str] = ()

    width = WIDTH
    height = HEIGHT
    left = LEFT
    right = WIDTH - RIGHT

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(number for series in self.series for number in series.numbers)

    @property
    def rectangles(self) -> list[Rectangle]:
        top = self._steps()[-1]
        group = (WIDTH - LEFT - RIGHT) / max(len(self.labels), 1)
        column = group * COLUMN_SHARE / max(len(self.series), 1)
        drawn = []
        for place, series in enumerate(self.series):
            for position, (number, text) in enumerate(zip(series.numbers, series.texts, strict=True)):
                if number <= 0:
                    continue
                x = LEFT + position * group + group * (1 - COLUMN_SHARE) / 2 + place * column
                # Something, however little, must not look like nothing.
                height = max(1.0, number / top * (HEIGHT - TOP - BOTTOM))
                drawn.append(
                    Rectangle(
                        x=_short(x),
                        y=_short(HEIGHT - BOTTOM - height),
                        width=_short(column),
                        height=_short(height),
                        series=place,
                        text=f"{self.labels[position]}: {series.name} {text}",
                        link=self.links[position] if self.links else "",
                    )
                )
        return drawn

    @property
    def grid(self) -> list[Mark]:
        """Lines with the number they stand for."""
        steps = self._steps()
        return [Mark(x=_short(LEFT - 8), y=_short(_height_of(step, steps[-1])), text=_plain(step)) for step in steps]

    @property
    def label_marks(self) -> list[Mark]:
        """As many labels as fit, evenly spaced, the first one always."""
        every = -(-len(self.labels) // LABELS) or 1
        group = (WIDTH - LEFT - RIGHT) / max(len(self.labels), 1)
        return [
            Mark(x=_short(LEFT + (position + 0.5) * group), y=_short(HEIGHT - 8), text=self.labels[position])
            for position in range(0, len(self.labels), every)
        ]

    @property
    def table(self) -> list[tuple[str, str, list[str]]]:
        """The same numbers as rows: a label, where it leads, and one text for each series."""
        links = self.links or [""] * len(self.labels)
        return [
            (label, links[position], [series.texts[position] for series in self.series])
            for position, label in enumerate(self.labels)
        ]

    def _steps(self) -> list[float]:
        largest = max((number for series in self.series for number in series.numbers), default=0)
        return grid_steps(largest)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a list of bars; `link` leads to what it stands for."""

    label: str
    number: float
    text: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars under each other, the longest as wide as there is room."""

    title: str
    description: str
    bars: Sequence[Bar]

    width = WIDTH
    row = 28
    left = 200

    @property
    def height(self) -> int:
        return self.row * len(self.bars)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Each bar with where it lies."""
        largest = max((bar.number for bar in self.bars), default=0) or 1
        room = WIDTH - self.left - 90
        drawn = []
        for position, bar in enumerate(self.bars):
            width = max(1.0, bar.number / largest * room)
            drawn.append(
                {
                    "bar": bar,
                    "y": str(position * self.row + 5),
                    "text_y": str(position * self.row + 19),
                    "width": _short(width),
                    "text_x": _short(self.left + width + 8),
                }
            )
        return drawn


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One row of a table with bars: cells in words, and of the whole width the bar and, if known, its interval."""

    label: str
    cells: Sequence[str]
    share: float | None = None
    low: float | None = None
    high: float | None = None
    link: str = ""

    @property
    def bar(self) -> str:
        return _short(100 * (self.share or 0))

    @property
    def whisker(self) -> tuple[str, str] | None:
        """Where the interval begins and ends, in percent of the width."""
        if self.low is None or self.high is None:
            return None
        return _short(100 * self.low), _short(100 * self.high)


@dataclass(frozen=True, slots=True)
class ShareTable:
    """A table whose last column draws a share of each row: readable on a phone, and without the drawing."""

    title: str
    note: str
    headers: Sequence[str]
    rows: Sequence[ShareRow]


def grid_steps(largest: float) -> list[float]:
    """Returns round numbers from zero to at least the largest, about `GRID_LINES` of them."""
    if largest <= 0:
        return [0, 1]
    rough = largest / GRID_LINES
    power = 1.0
    while power * 10 <= rough:
        power *= 10
    # Counts have no halves.
    step = next(power * factor for factor in ROUND_STEPS if power * factor >= rough)
    step = max(1.0, step if step == int(step) else step * 2)
    count = -(-largest // step)
    return [step * number for number in range(int(count) + 1)]


def _height_of(number: float, top: float) -> float:
    return HEIGHT - BOTTOM - number / top * (HEIGHT - TOP - BOTTOM)


def _short(number: float) -> str:
    # A string: a template would write a number in the reader's language, which SVG does not speak.
    return f"{number:.1f}"


def _plain(number: float) -> str:
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:g}{letter}"
    return f"{number:g}"
