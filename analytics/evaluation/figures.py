"""What an evaluation says: a figure, what it was measured against, and whether it is good enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of an evaluation.

    Attributes:
        what: the measure, such as "NDCG@10, all".
        measured: as it is to be read, rounded, with its interval where there is one.
        aim: what was aimed at; empty for a figure beside.
        holds: whether the aim is reached; None for a figure beside.
        beside: anchors and remarks.
    """

    what: str
    measured: str
    aim: str = ""
    holds: bool | None = None
    beside: str = ""


# Takes a seed and a function to whom it tells how far it is; one that is judged on a file, its path as `data` too.
Evaluation = Callable[..., Sequence[Figure]]


def as_table(figures: Sequence[Figure]) -> str:
    """Returns the figures as a table in Markdown."""
    lines = ["| what | measured | aim | reached | beside |", "|---|---|---|---|---|"]
    reached = {True: "yes", False: "no", None: ""}
    lines += [
        f"| {figure.what} | {figure.measured} | {figure.aim} | {reached[figure.holds]} | {figure.beside} |"
        for figure in figures
    ]
    return "\n".join(lines)
