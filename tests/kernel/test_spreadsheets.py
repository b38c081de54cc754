"""Tables for spreadsheet programs: harmless cells, any number of rows."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openpyxl import load_workbook

from config.kernel import spreadsheets
from config.kernel.spreadsheets import csv_stream, xlsx_stream

HARMFUL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1", "＝1+1", "＋1", "－1", "＠A1"]


@pytest.mark.reliability(59)
@pytest.mark.parametrize("cell", HARMFUL)
def test_no_cell_is_a_formula(cell: str) -> None:
    text = b"".join(csv_stream([[cell]])).decode("utf-8-sig")
    assert next(csv.reader(io.StringIO(text, newline=""))) == [f"'{cell}"]
    written = load_workbook(io.BytesIO(b"".join(xlsx_stream([[cell]])))).active["A1"]
    assert written.data_type == "s"
    assert written.value.startswith("'")


def test_what_is_harmless_stays_as_it_is() -> None:
    row = ["A-1", 5, "", '<&>"', "券", "a,b\nc"]
    text = b"".join(csv_stream([row])).decode("utf-8-sig")
    assert next(csv.reader(io.StringIO(text, newline=""))) == ["A-1", "5", "", '<&>"', "券", "a,b\nc"]
    sheet = load_workbook(io.BytesIO(b"".join(xlsx_stream([row])))).active
    assert [cell.value for cell in sheet[1]] == row


def test_what_xml_cannot_hold_is_left_out() -> None:
    sheet = load_workbook(io.BytesIO(b"".join(xlsx_stream([["a\x01\x0bb\ud800c\uffff"]])))).active
    assert sheet["A1"].value == "abc"


@pytest.mark.parametrize(("rows", "sheets"), [(0, [0]), (1, [1]), (4, [4]), (5, [4, 2]), (9, [4, 4, 3])])
def test_a_full_sheet_is_followed_by_another_with_the_same_head(
    monkeypatch: pytest.MonkeyPatch, rows: int, sheets: list[int]
) -> None:
    monkeypatch.setattr(spreadsheets, "ROWS_OF_A_SHEET", 4)
    table = [["head"], *([number] for number in range(1, rows))][:rows]
    book = load_workbook(io.BytesIO(b"".join(xlsx_stream(table))))
    values = [[row[0].value for row in sheet.iter_rows() if row[0].value is not None] for sheet in book.worksheets]
    assert [len(each) for each in values] == sheets
    assert all(each[0] == "head" for each in values if each)
    assert [value for each in values for value in each[1:]] == list(range(1, rows))


@pytest.mark.parametrize("write", [csv_stream, xlsx_stream])
def test_memory_does_not_grow_with_the_table(write: Callable[..., Iterator[bytes]]) -> None:
    def peak(rows: int) -> int:
        table: Iterator[list[Any]] = (["ABCD-EFGH-JKLMN", number] for number in range(rows))
        tracemalloc.start()
        for _part in write(table):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(50_000) < 1.5 * peak(5_000)
