"""The table of the long forms: one line for each thing measured, and older lines stay until they are taken anew."""

from __future__ import annotations

from tests.figures import Figures


def test_a_line_says_what_was_measured_and_nothing_else() -> None:
    figures = Figures()
    figures.note(20, "kill", rounds=3, acknowledged=1200, oversold=0, lost=0, again=[0.5, 2.0, 1.0])
    assert figures.table(day="2026-11-21").splitlines()[2:] == [
        "| 20 | kill | 3 | 1,200 | 0 | – | 0 | – | 1.00 s, at most 2.00 s | – | 2026-11-21 |"
    ]


def test_lines_that_were_not_taken_again_stay() -> None:
    first, second = Figures(), Figures()
    first.note(22, "emptied", rounds=1)
    first.note(20, "kill", rounds=1)
    second.note(20, "kill", rounds=5)
    lines = second.table(day="2026-11-22", kept=first.table(day="2026-11-21")).splitlines()[2:]
    assert [line.startswith("| 20 | kill | 5 ") and line.endswith("| 2026-11-22 |") for line in lines] == [True, False]
    assert lines[1] == first.table(day="2026-11-21").splitlines()[-1]
