"""The table of a night: what each job took at each size, read from the page and written to it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.nightly.names import BARE, MEASURES

HEAD_CELL = re.compile(r"([\d,]+): s")
NOTHING = "–"
UNDER = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one measurement took.

    Attributes:
        seconds: by the clock on the wall.
        processor: seconds of the processor, of the process and of its connection's backend.
        memory: MiB at the peak of the process, beyond what it held when its libraries were loaded.
    """

    seconds: float
    processor: float
    memory: float


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It took longer than we waited, in seconds."""

    patience: float


@dataclass(frozen=True, slots=True)
class Failed:
    """It ended with an error, which was shown when it happened."""


Outcome = Cost | GivenUp | Failed
# By name and size.
Outcomes = Mapping[tuple[str, int], Outcome]


def render(outcomes: Outcomes) -> str:
    """Returns the table as Markdown; growth and ratio follow from what it shows, rounded as it is."""
    outcomes = {key: _rounded(outcome) for key, outcome in outcomes.items()}
    sizes = sorted({size for _, size in outcomes})
    heads = " | ".join(f"{size:,}: s | CPU | MiB" for size in sizes)
    lines = [
        f"| shoppers | {heads} | growth | of CPU | to bare |",
        f"|---{'|--:' * (3 * len(sizes) + 3)}|",
    ]
    for name in MEASURES:
        taken = {size: outcomes[name, size] for size in sizes if (name, size) in outcomes}
        if taken:
            cells = " | ".join(_cells(taken.get(size)) for size in sizes)
            bare = {size: outcomes.get((name + BARE, size)) for size in sizes}
            growth = " | ".join(_growth(taken, attribute) for attribute in ("seconds", "processor"))
            lines.append(f"| {name} | {cells} | {growth} | {_ratio(taken, bare)} |")
    return "\n".join(lines)


def parse(text: str) -> dict[tuple[str, int], Outcome]:
    """Returns what a text with such a table says; nothing without one."""
    outcomes: dict[tuple[str, int], Outcome] = {}
    sizes: list[int] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == "shoppers":
            sizes = [int(found[1].replace(",", "")) for cell in cells if (found := HEAD_CELL.fullmatch(cell))]
        elif cells[0] in MEASURES:
            for place, size in enumerate(sizes):
                outcome = _parsed(cells[1 + 3 * place : 4 + 3 * place])
                if outcome is not None:
                    outcomes[cells[0], size] = outcome
    return outcomes


def _rounded(outcome: Outcome) -> Outcome:
    parsed = _parsed(_cells(outcome).split(" | "))
    assert parsed is not None
    return parsed


def _cells(outcome: Outcome | None) -> str:
    match outcome:
        case Cost():
            return f"{_seconds(outcome.seconds)} | {_seconds(outcome.processor)} | {outcome.memory:,.0f}"
        case GivenUp():
            return f"> {outcome.patience:,.0f} | {NOTHING} | {NOTHING}"
        case Failed():
            return f"failed | {NOTHING} | {NOTHING}"
        case None:
            return f"{NOTHING} | {NOTHING} | {NOTHING}"


def _parsed(cells: Iterable[str]) -> Outcome | None:
    seconds, processor, memory = (cell.replace(",", "") for cell in cells)
    if seconds == NOTHING:
        return None
    if seconds == "failed":
        return Failed()
    if seconds.startswith(">"):
        return GivenUp(float(seconds.removeprefix(">")))
    return Cost(seconds=float(seconds), processor=float(processor), memory=float(memory))


def _seconds(number: float) -> str:
    return f"{number:,.1f}" if number >= 10 else f"{number:.2f}"


def _growth(taken: Mapping[int, Outcome], attribute: str) -> str:
    """The exponent between the two largest sizes: 1 is twice the time for twice the shoppers."""
    last = sorted(taken)[-2:]
    one, other = (taken[size] for size in last) if len(last) == 2 else (None, None)
    if not isinstance(one, Cost) or not isinstance(other, Cost):
        return NOTHING
    least, most = getattr(one, attribute), getattr(other, attribute)
    if min(least, most) < UNDER:
        return NOTHING
    return f"{math.log(most / least) / math.log(last[1] / last[0]):.2f}"


def _ratio(taken: Mapping[int, Outcome], bare: Mapping[int, Outcome | None]) -> str:
    """The ratio of the processor's seconds at the largest size that both have got through."""
    for size in sorted(taken, reverse=True):
        mine, other = taken[size], bare.get(size)
        if isinstance(mine, Cost) and isinstance(other, Cost) and other.processor >= UNDER:
            return f"{mine.processor / other.processor:.2f}"
    return ""
