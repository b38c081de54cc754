"""What the long forms measure, as a table: `make faults` prints it, and `ARGS=--write` keeps it in the docs.

A test asks for `figures` by name and notes a line, or several:

    def test_…(figures: Figures) -> None:
        figures.note(20, "kill -9 of PostgreSQL", rounds=20, acknowledged=4000, oversold=0, again=seconds)
"""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from benchmarks.report import write
from config.env import BASE_DIR

PAGE = BASE_DIR / "docs" / "reliability.md"
BLOCK = "faults"
HEAD = (
    "| no. | what happened | rounds | done | oversold | unsold | lost | doubled | serving again | beside | taken on |",
    "|--:|---|--:|--:|--:|--:|--:|--:|--:|---|---|",
)
LINE = re.compile(r"^\| (?P<number>\d+) \| (?P<what>[^|]+) \|.*\|$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table; None is for what a test does not measure.

    Attributes:
        number: of the list of promises.
        what: what happened, in a few words; with the number it tells one line from another.
        rounds: how often.
        acknowledged: claims (or tasks, or messages) that were answered as done; the column "done".
        oversold: claims beyond what was released.
        unsold: units left although more shoppers came than there were units.
        lost: what was acknowledged and is not there.
        doubled: effects that happened twice.
        again: seconds from each fault to the first success after it.
        beside: anything else worth knowing, in a few words.
    """

    number: int
    what: str
    rounds: int
    acknowledged: int | None = None
    oversold: int | None = None
    unsold: int | None = None
    lost: int | None = None
    doubled: int | None = None
    again: Sequence[float] = ()
    beside: str = ""

    def line(self, day: str) -> str:
        """Returns the line as Markdown."""
        counts = [self.rounds, self.acknowledged, self.oversold, self.unsold, self.lost, self.doubled]
        cells = [self.number, self.what, *("–" if count is None else f"{count:,}" for count in counts)]
        again = f"{statistics.median(self.again):.2f} s, at most {max(self.again):.2f} s" if self.again else "–"
        return f"| {' | '.join(str(cell) for cell in (*cells, again, self.beside or '–', day))} |"


@dataclass(slots=True)
class Figures:
    """The lines of one run."""

    taken: list[Figure] = field(default_factory=list)

    def note(
        self,
        number: int,
        what: str,
        *,
        rounds: int,
        acknowledged: int | None = None,
        oversold: int | None = None,
        unsold: int | None = None,
        lost: int | None = None,
        doubled: int | None = None,
        again: Iterable[float] = (),
        beside: str = "",
    ) -> None:
        """Notes one line; see `Figure`. Call it before the assertions, so that a failure shows its figures too."""
        self.taken.append(
            Figure(
                number=number,
                what=what,
                rounds=rounds,
                acknowledged=acknowledged,
                oversold=oversold,
                unsold=unsold,
                lost=lost,
                doubled=doubled,
                again=tuple(again),
                beside=beside,
            )
        )

    def table(self, *, day: str, kept: str = "") -> str:
        """Returns the table.

        Args:
            day: when it was taken.
            kept: an older table; its lines stay unless they were taken anew.
        """
        lines = {(int(found["number"]), found["what"]): found[0] for found in LINE.finditer(kept)}
        lines |= {(figure.number, figure.what): figure.line(day) for figure in self.taken}
        return "\n".join((*HEAD, *(lines[key] for key in sorted(lines))))


FIGURES = pytest.StashKey[Figures]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write", action="store_true", help="put the figures of the long forms into docs/reliability.md")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = Figures()


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """Takes what a test measured."""
    return pytestconfig.stash[FIGURES]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    taken = config.stash[FIGURES]
    if not taken.taken:
        return
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    terminalreporter.write_sep("=", "figures")
    terminalreporter.write_line(taken.table(day=day))
    if config.getoption("--write"):
        page = PAGE.read_text(encoding="utf-8")
        _, _, after = page.partition(f"<!-- {BLOCK}: begin -->")
        kept, _, _ = after.partition(f"<!-- {BLOCK}: end -->")
        write(PAGE, f"{conditions()}\n\n{taken.table(day=day, kept=kept)}", block=BLOCK)
        terminalreporter.write_line(f"Written to {PAGE.relative_to(BASE_DIR)}.")


def conditions() -> str:
    """Returns one sentence about where the figures were taken."""
    return (
        f"Taken by `make faults ARGS=--write` on {os.cpu_count()} cores shared by gunicorn, PostgreSQL, Valkey and the "
        f"crowd; Python {platform.python_version()}."
    )
