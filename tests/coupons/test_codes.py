"""Codes as they are made and read."""

from __future__ import annotations

import pytest

from coupons.codes import ALPHABET, RANDOM_LENGTH, normalize_code, random_code


@pytest.mark.reliability(51)
def test_random_codes_have_65_bits_and_do_not_repeat() -> None:
    codes = {random_code() for _ in range(20_000)}
    assert len(codes) == 20_000
    assert len(ALPHABET) ** RANDOM_LENGTH == 2**65
    assert all(normalize_code(code) == code for code in codes)


def test_the_alphabet_has_no_letter_that_reads_like_another() -> None:
    assert len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("abc-123", "ABC123"),
        (" a b\tc ", "ABC"),
        ("oil", "011"),
        ("ＡＢＣ１２３", "ABC123"),
        ("a–b—c_d", "ABCD"),
        ("", ""),
        ("---", ""),
        ("券", ""),
        ("a.b", ""),
        ("a\0b", ""),
        ("x" * 41, ""),
    ],
)
def test_a_code_is_read_as_people_type_it(typed: str, normal: str) -> None:
    assert normalize_code(typed) == normal
