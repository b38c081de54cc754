"""The table of the nightly run: what it shows is what was measured, and a part may be measured again."""

from __future__ import annotations

import pytest

from benchmarks.nightly.names import BARE, SEGMENTATION, TIMING
from benchmarks.nightly.table import Cost, Failed, GivenUp, Outcome, parse, render

TEN, HUNDRED = 10_000, 100_000


def cost(seconds: float, processor: float | None = None) -> Cost:
    return Cost(seconds=seconds, processor=seconds if processor is None else processor, memory=12.4)


def row(text: str, name: str) -> list[str]:
    (found,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_growth_is_the_exponent_between_the_two_largest_sizes() -> None:
    outcomes: dict[tuple[str, int], Outcome] = {
        (TIMING, 1_000): cost(9.0),
        (TIMING, TEN): cost(2.0, 1.0),
        (TIMING, HUNDRED): cost(20.0, 100.0),
    }

    assert row(render(outcomes), TIMING)[-3:] == ["1.00", "2.00", ""]


def test_the_ratio_is_of_the_largest_size_that_both_got_through() -> None:
    outcomes: dict[tuple[str, int], Outcome] = {
        (SEGMENTATION, TEN): cost(9.0, 3.0),
        (SEGMENTATION + BARE, TEN): cost(9.0, 2.0),
        (SEGMENTATION, HUNDRED): cost(9.0, 8.0),
        (SEGMENTATION + BARE, HUNDRED): GivenUp(60.0),
    }

    assert row(render(outcomes), SEGMENTATION)[-1] == "1.50"


@pytest.mark.parametrize("outcome", [GivenUp(400.0), Failed()])
def test_what_did_not_end_has_no_growth(outcome: Outcome) -> None:
    text = render({(TIMING, TEN): cost(2.0), (TIMING, HUNDRED): outcome})

    assert row(text, TIMING)[-3:-1] == ["–", "–"]
    assert parse(text)[TIMING, HUNDRED] == outcome


def test_what_was_written_is_read_again() -> None:
    outcomes: dict[tuple[str, int], Outcome] = {
        (SEGMENTATION, TEN): Cost(seconds=1.23, processor=0.5, memory=1234.0),
        (SEGMENTATION, HUNDRED): GivenUp(1400.0),
        (TIMING, HUNDRED): Cost(seconds=4321.9, processor=12.3, memory=0.0),
    }
    text = render(outcomes)

    assert parse(f"Taken on a day.\n\n{text}\n") == outcomes
    assert render(parse(text)) == text


def test_control_a_page_without_a_table_says_nothing() -> None:
    assert parse("Nothing yet.\n\n| shelf | 2 |\n") == {}
