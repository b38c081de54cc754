"""The page of promises names tests that exist and carry its numbers."""

from __future__ import annotations

import re

import pytest

from config.env import BASE_DIR

PAGE = BASE_DIR / "docs" / "reliability.md"
# Figures begin with a number too.
FIGURES = re.compile(r"<!-- faults: begin -->.*<!-- faults: end -->", re.DOTALL)
ROW = re.compile(r"^\| (?P<numbers>\d+(?:, \d+)*) \|.*\| (?P<files>[^|]+) \|$", re.MULTILINE)


def promises() -> list[tuple[int, list[str]]]:
    return [
        (int(number), re.findall(r"`([^`]+)`", row["files"]))
        for row in ROW.finditer(FIGURES.sub("", PAGE.read_text(encoding="utf-8")))
        for number in row["numbers"].split(", ")
    ]


def test_the_page_has_promises() -> None:
    assert {1, 2, 5, 13, 14, 18, 26, 36, 37, 43, 44, 45, 49, 58} <= {number for number, _files in promises()}


@pytest.mark.parametrize(("number", "files"), promises())
def test_every_file_that_a_promise_names_has_a_test_with_its_number(number: int, files: list[str]) -> None:
    assert files
    for file in files:
        assert f"reliability({number})" in (BASE_DIR / file).read_text(encoding="utf-8"), file
