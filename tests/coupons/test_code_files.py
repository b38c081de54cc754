"""Files of codes from whatever program wrote them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from openpyxl import Workbook

from config.kernel.spreadsheets import csv_stream, xlsx_stream
from coupons.errors import FileTooLarge, FileUnreadable
from coupons.services import code_files
from coupons.services.code_files import code_rows, read_code_file
from tests import factories


def read(content: bytes) -> list[tuple[int, str, str]]:
    return [(row.number, row.text, row.uses) for row in read_code_file(io.BytesIO(content))]


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"code,maximum_uses\r\nAAA,2\r\nBBB,\r\n",
        b"\xef\xbb\xbfcode,uses\nAAA,2\nBBB\n",
        "券码,次数\nAAA,2\nBBB,\n".encode("gb18030"),
        "券码;次数\nAAA;2\nBBB;\n".encode("utf-16"),
        b'code\tuses\n"AAA"\t2\nBBB\t\n\n',
        workbook(("code", "uses"), ("AAA", 2), ("BBB", None)),
        workbook(("Code", "uses", "note"), (" AAA ", 2.0, "x"), ("BBB", "", "y")),
    ],
    ids=["Excel", "with a mark", "Chinese Excel", "UTF-16", "tabs", "XLSX", "XLSX with more"],
)
def test_the_usual_files_are_read(content: bytes) -> None:
    assert read(content) == [(2, "AAA", "2"), (3, "BBB", "")]


def test_rows_are_numbered_as_the_file_shows_them_and_empty_ones_are_passed_over() -> None:
    assert read(b"AAA\n\n,\nBBB\n") == [(1, "AAA", ""), (4, "BBB", "")]
    assert read(workbook(("AAA",), (None,), (12345,))) == [(1, "AAA", ""), (3, "12345", "")]


@pytest.mark.reliability(47)
def test_what_can_be_no_code_is_a_row_all_the_same() -> None:
    huge = b"x" * 200_000
    rows = read(b"A\0B\n" + huge + b"\nCCC\n")
    assert rows[0] == (1, "A�B", "")
    assert rows[1][1] == "�"
    assert rows[-1] == (3, "CCC", "")
    assert len(read(workbook(("y" * 30_000,)))[0][1]) == 160


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xff\xff\xff",
        b"PK\x03\x04 and then nothing",
        workbook(("AAA",))[:700],
        b"\xff\xfe\x00",
    ],
    ids=["no text", "no archive", "half an archive", "half a character"],
)
def test_a_damaged_file_is_refused(content: bytes) -> None:
    with pytest.raises(FileUnreadable):
        read(content)


def test_an_archive_of_something_else_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("letter.txt", "Hello")
    with pytest.raises(FileUnreadable):
        read(file.getvalue())


def test_limits_of_rows_bytes_and_unpacked_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in (("MAXIMUM_ROWS", 1), ("MAXIMUM_BYTES", 5), ("MAXIMUM_UNPACKED", 100)):
        with monkeypatch.context() as patched:
            patched.setattr(code_files, name, limit)
            with pytest.raises(FileTooLarge):
                read(workbook(("AAA",), ("BBB",)))


def with_sheet(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The same workbook with another text of its sheet."""
    source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            text = source.read(name)
            archive.writestr(name, change(text) if name == "xl/worksheets/sheet1.xml" else text)
    return target.getvalue()


@pytest.mark.parametrize("last", [1_048_576, 1_048_577], ids=["the last row there is", "one beyond it"])
def test_empty_rows_end_where_a_sheet_does(last: int) -> None:
    # A number of a few digits claims billions of them.
    row = str(last).encode()
    content = with_sheet(
        workbook(("AAA",)), lambda text: text.replace(b'row r="1"', b'row r="%s"' % row).replace(b"A1", b"A%s" % row)
    )
    if last == code_files.LAST_ROW:
        assert read(content) == [(last, "AAA", "")]
        return
    with pytest.raises(FileTooLarge):
        read(content)


def test_lines_of_nothing_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_files, "LAST_ROW", 3)
    assert read(b"\n\nAAA\n") == [(3, "AAA", "")]
    with pytest.raises(FileTooLarge):
        read(b"\n\nAAA\n\n")


def test_an_xml_bomb_does_not_unfold() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    content = with_sheet(workbook(("AAA",)), lambda text: bomb.encode() + text)
    with pytest.raises(FileUnreadable):
        read(content)


@pytest.mark.django_db
@pytest.mark.parametrize("write", [csv_stream, xlsx_stream])
def test_an_export_can_be_imported(write: Any) -> None:
    coupon = factories.make_coupon(handout="code")
    codes = [
        factories.make_code(coupon=coupon, text=text, maximum_uses=uses)
        for text, uses in (("-PLAIN-", None), ("SEVEN", 7), ("12345", 1))
    ]
    codes[1].used, codes[2].used = 3, 1
    table = list(code_rows(codes))
    assert [row[3] for row in table[1:]] == ["unused", "used", "used_up"]
    assert read(b"".join(write(table))) == [(2, "-PLAIN-", ""), (3, "SEVEN", "7"), (4, "12345", "1")]
