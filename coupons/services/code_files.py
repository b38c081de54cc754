"""Files of codes: read row by row whatever program wrote them, written for every one."""

from __future__ import annotations

import codecs
import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from openpyxl import load_workbook

from config.kernel.clock import as_text
from config.kernel.spreadsheets import FORMULA_STARTS, Cell
from coupons.errors import FileTooLarge, FileUnreadable
from coupons.models import Code
from coupons.services.code_batches import CodeRow

MAXIMUM_BYTES = 20 * 1024 * 1024
MAXIMUM_ROWS = 500_000
# Where a sheet of Excel ends. A row says itself which one it is, and a reader fills in the empty ones before it.
LAST_ROW = 1_048_576
# What an XLSX file may unfold to: a few kilobytes can hold gigabytes of nothing.
MAXIMUM_UNPACKED = 400 * 1024 * 1024
# Longer than any code; what is cut off only shows that the cell was none.
CELL_LENGTH = 160
HEADER = ("code", "maximum_uses", "used", "state", "created_at")
# The first cell of a file that names its columns.
TITLES = {"code", "codes", "券码", "优惠码", "兑换码"}
SEPARATORS = ",;\t"
ZIP_START = b"PK\x03\x04"
# Excel in Chinese saves CSV in GB18030. It is tried last: nearly any bytes are some text in it.
ENCODINGS = ("utf-8-sig", "gb18030")


def read_code_file(file: BinaryIO) -> Iterator[CodeRow]:
    """Yields the rows of a CSV or XLSX file: a code, and in a second column how often it may be used.

    The kind of file is seen from its content. A first row that names the columns is passed over, and so are empty
    ones. A cell that cannot be a code is a row all the same, so that its refusal can be reported.

    Raises:
        FileUnreadable: neither of the two, or damaged.
        FileTooLarge: more bytes or rows than an import may have.
    """
    size = file.seek(0, io.SEEK_END)
    if size > MAXIMUM_BYTES:
        raise FileTooLarge(parameter="file", limit=MAXIMUM_BYTES)
    file.seek(0)
    is_zip = file.read(len(ZIP_START)) == ZIP_START
    file.seek(0)
    cells = _xlsx_cells(file) if is_zip else _csv_cells(file)
    count = 0
    for position, (number, row) in enumerate(cells):
        if position >= LAST_ROW:
            raise FileTooLarge(parameter="file", limit=LAST_ROW)
        text, uses = _text(row[0] if row else ""), _text(row[1] if len(row) > 1 else "")
        if not text or (position == 0 and text.casefold() in TITLES):
            continue
        count += 1
        if count > MAXIMUM_ROWS:
            raise FileTooLarge(parameter="file", limit=MAXIMUM_ROWS)
        yield CodeRow(number, _without_guard(text), uses)


def code_rows(codes: Iterable[Code]) -> Iterator[tuple[Cell, ...]]:
    """Yields the rows of an export, its header first; an export can be imported elsewhere."""
    yield HEADER
    for code in codes:
        maximum = "" if code.maximum_uses is None else code.maximum_uses
        yield code.text, maximum, code.used, _state(code), as_text(code.created_at)


def _state(code: Code) -> str:
    if not code.used:
        return "unused"
    return "used_up" if code.is_used_up else "used"


def _csv_cells(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    text = io.TextIOWrapper(file, encoding=_encoding_of(file), newline="")
    try:
        first = text.readline(1 << 16)
        text.seek(0)
        separator = max(SEPARATORS, key=first.count)
        reader = csv.reader(text, delimiter=separator)
        while True:
            try:
                row = next(reader)
            except csv.Error:
                # A cell longer than any reader takes; the next line is read again.
                row = ["�"]
            except StopIteration:
                return
            yield reader.line_num, row
    finally:
        # The file belongs to the caller.
        text.detach()


def _encoding_of(file: BinaryIO) -> str:
    start = file.read(2)
    candidates = ("utf-16",) if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else ENCODINGS
    for encoding in candidates:
        decoder = codecs.getincrementaldecoder(encoding)()
        file.seek(0)
        try:
            while block := file.read(1 << 16):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        file.seek(0)
        return encoding
    raise FileUnreadable(parameter="file")


def _xlsx_cells(file: BinaryIO) -> Iterator[tuple[int, list[Any]]]:
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MAXIMUM_UNPACKED:
            raise FileTooLarge(parameter="file", limit=MAXIMUM_UNPACKED)
        workbook = load_workbook(file, read_only=True, data_only=True)
        try:
            sheet = workbook.worksheets[0]
            # What the file says of its own size may be wrong.
            sheet.reset_dimensions()
            for number, row in enumerate(sheet.iter_rows(max_col=2, values_only=True), start=1):
                yield number, list(row)
        finally:
            workbook.close()
    except FileTooLarge:
        raise
    # A damaged file breaks the reader in ways that its authors do not list.
    except Exception as error:
        raise FileUnreadable(parameter="file") from error


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell)[: 4 * CELL_LENGTH].replace("\0", "�").strip()[:CELL_LENGTH]


def _without_guard(text: str) -> str:
    """Takes off the apostrophe that an export puts before what could be a formula."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text
