"""Tables for spreadsheet programs, written while they are sent: any number of rows, one screen of memory."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from xml.sax.saxutils import escape

# A cell that begins so is a formula, or becomes one when the file is opened or saved by another program.
# In full width too: a program set to Chinese or Japanese reads them as the same.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ROWS_AT_ONCE = 500
ROWS_OF_A_SHEET = 1_048_576

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Cell = str | int
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def harmless(cell: Cell) -> Cell:
    """Returns a cell that no program takes for a formula: an apostrophe before a text that could be one."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def csv_stream(rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """Yields a CSV file in UTF-8, with the mark by which Excel knows it."""
    yield b"\xef\xbb\xbf"
    iterator = iter(rows)
    while batch := list(islice(iterator, ROWS_AT_ONCE)):
        text = io.StringIO()
        csv.writer(text).writerows([[harmless(cell) for cell in row] for row in batch])
        yield text.getvalue().encode()


def xlsx_stream(rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """Yields an XLSX file; the first row stands on top of every sheet, and a sheet that is full is followed by another.

    Texts are written as such, never as formulas; what XML cannot hold is left out.
    """
    pipe = _Pipe()
    iterator = iter(rows)
    header = list(islice(iterator, 1))
    sheets = 0
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        more = True
        while more:
            sheets += 1
            of_sheet = chain(header, islice(iterator, ROWS_OF_A_SHEET - len(header)))
            with archive.open(f"xl/worksheets/sheet{sheets}.xml", "w") as sheet:
                sheet.write(f'{XML}<worksheet xmlns="{MAIN}"><sheetData>'.encode())
                while batch := list(islice(of_sheet, ROWS_AT_ONCE)):
                    sheet.write("".join(map(_row, batch)).encode())
                    yield from pipe.take()
                sheet.write(b"</sheetData></worksheet>")
            following = list(islice(iterator, 1))
            more = bool(following)
            iterator = chain(following, iterator)
        for name, text in _frame(sheets):
            archive.writestr(name, text)
    yield from pipe.take()


class _Pipe(io.RawIOBase):
    """A file that can only be written on; what was written is taken away at once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # a ZIP writer hands over bytes
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> Iterator[bytes]:
        """Yields what was written since the last time."""
        parts, self._parts = self._parts, []
        yield from parts


def _row(row: Sequence[Cell]) -> str:
    return f"<row>{''.join(map(_cell, row))}</row>"


def _cell(cell: Cell) -> str:
    if isinstance(cell, int):
        return f"<c><v>{cell}</v></c>"
    text = escape(NOT_IN_XML.sub("", str(harmless(cell))))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _frame(sheets: int) -> Iterator[tuple[str, str]]:
    """Yields the parts around the sheets, as ECMA-376 asks for them."""
    numbers = range(1, sheets + 1)
    sheet_type = f"{XLSX_TYPE.removesuffix('.sheet')}.worksheet+xml"
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{sheet_type}"/>' for number in numbers
    )
    yield (
        "[Content_Types].xml",
        f'{XML}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{XLSX_TYPE}.main+xml"/>{overrides}</Types>',
    )
    yield (
        "_rels/.rels",
        f'{XML}<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    )
    names = "".join(f'<sheet name="{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    yield (
        "xl/workbook.xml",
        f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>',
    )
    targets = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{targets}</Relationships>',
    )
