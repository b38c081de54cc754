"""Money: decimals at the edges, integers inside, for every exponent of a currency."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from config.kernel.money import MoneyFormField, format_money, round_to_minor, to_decimal, to_minor


@pytest.mark.parametrize(
    ("currency", "decimal", "minor"),
    [("JPY", "1200", 1200), ("CNY", "12.34", 1234), ("USD", "0.01", 1), ("KWD", "1.234", 1234)],
)
def test_an_amount_goes_in_and_comes_out(settings, currency: str, decimal: str, minor: int) -> None:
    settings.SHOP_CURRENCY = currency
    assert to_minor(Decimal(decimal)) == minor
    assert str(to_decimal(minor)) == decimal


@pytest.mark.parametrize(
    ("currency", "decimal"),
    [("JPY", "1.5"), ("CNY", "0.001"), ("KWD", "0.0001"), ("CNY", "NaN"), ("CNY", "-Infinity"), ("CNY", "1e309")],
)
@pytest.mark.reliability(36)
def test_what_the_currency_cannot_hold_is_refused(settings, currency: str, decimal: str) -> None:
    settings.SHOP_CURRENCY = currency
    with pytest.raises(ValueError, match="amount"):
        to_minor(Decimal(decimal))


@pytest.mark.parametrize("decimal", ["123456789012345678901234567890", "10000000000000.01"])
@pytest.mark.reliability(36)
def test_an_amount_beyond_any_shop_is_refused(settings, decimal: str) -> None:
    with pytest.raises(ValueError, match="large"):
        to_minor(Decimal(decimal))


@pytest.mark.parametrize(("decimal", "minor"), [("0.005", 1), ("0.0149", 1), ("2.675", 268), ("1", 100)])
def test_facts_from_elsewhere_round_half_up(decimal: str, minor: int) -> None:
    assert round_to_minor(Decimal(decimal)) == minor


@pytest.mark.parametrize(
    ("currency", "language", "text"),
    [
        ("CNY", "zh-hans", "¥12.00"),
        ("CNY", "en", "¥12.00"),
        ("USD", "zh-hans", "$12.00"),
        ("JPY", "en", "¥1,200"),
        ("KWD", "en", "KWD\xa01.200"),
    ],
)
def test_an_amount_is_written_as_its_reader_expects(settings, currency: str, language: str, text: str) -> None:
    settings.SHOP_CURRENCY = currency
    with translation.override(language):
        assert format_money(1200) == text


class TestFormField:
    def test_shows_a_decimal_and_returns_minor_units(self) -> None:
        field = MoneyFormField()
        assert str(field.prepare_value(1250)) == "12.50"
        assert field.clean("12.5") == 1250

    def test_an_unchanged_amount_is_no_change(self) -> None:
        assert not MoneyFormField().has_changed(1250, "12.50")

    @pytest.mark.parametrize("typed", ["-1", "NaN", "1e309", "12.345", "abc", "9" * 30])
    def test_refuses_what_is_no_amount(self, typed: str) -> None:
        with pytest.raises(ValidationError):
            MoneyFormField().clean(typed)

    def test_an_optional_amount_may_be_left_out(self) -> None:
        assert MoneyFormField(required=False).clean("") is None
