"""Money: integer minor units inside, decimals at the edges, one currency per shop."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from string import ascii_uppercase
from typing import Any

from babel.numbers import format_currency, get_currency_symbol
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

# Minor-unit exponents of ISO 4217.
CURRENCY_EXPONENTS = {
    "AED": 2, "AUD": 2, "BHD": 3, "BRL": 2, "CAD": 2, "CHF": 2, "CNY": 2, "CZK": 2, "DKK": 2, "EUR": 2,
    "GBP": 2, "HKD": 2, "HUF": 2, "IDR": 2, "ILS": 2, "INR": 2, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0,
    "KWD": 3, "MOP": 2, "MXN": 2, "MYR": 2, "NOK": 2, "NZD": 2, "OMR": 3, "PHP": 2, "PLN": 2, "SAR": 2,
    "SEK": 2, "SGD": 2, "THB": 2, "TND": 3, "TRY": 2, "TWD": 2, "USD": 2, "VND": 0, "ZAR": 2,
}  # fmt: skip

# Far above any sum of a shop, far below what a 64-bit column holds: sums of sums stay exact.
MAXIMUM_MINOR = 10**15


def exponent() -> int:
    """Returns how many decimals the shop's currency has."""
    return CURRENCY_EXPONENTS[settings.SHOP_CURRENCY]


def to_minor(amount: Decimal) -> int:
    """Turns a decimal amount into minor units.

    Raises:
        ValueError: it is not finite, has more decimals than the currency, or is beyond any sum of a shop.
    """
    if not amount.is_finite():
        raise ValueError("an amount must be a finite number")
    # Guards the scaling below against exponents such as 1e309.
    if amount and amount.adjusted() > 20:
        raise ValueError("the amount is too large")
    scaled = amount.scaleb(exponent())
    minor = int(scaled)
    if scaled != minor:
        raise ValueError(f"an amount in {settings.SHOP_CURRENCY} has at most {exponent()} decimals")
    if abs(minor) > MAXIMUM_MINOR:
        raise ValueError("the amount is too large")
    return minor


def round_to_minor(amount: Decimal) -> int:
    """Turns a decimal amount into minor units, half a unit rounding up (for facts from elsewhere)."""
    return int(amount.scaleb(exponent()).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def to_decimal(minor: int) -> Decimal:
    """Turns minor units into a decimal with exactly the currency's decimals."""
    return Decimal(minor).scaleb(-exponent())


def format_money(minor: int) -> str:
    """Writes an amount as the active language does, such as ¥12.00."""
    language = (get_language() or settings.LANGUAGE_CODE).replace("-", "_")
    locale = {"zh_hans": "zh_Hans_CN", "en": "en_US"}.get(language.lower(), "en_US")
    text = format_currency(to_decimal(minor), settings.SHOP_CURRENCY, locale=locale)
    # A shop with one currency needs no "CN" before its ¥ and no "US" before its $.
    symbol = get_currency_symbol(settings.SHOP_CURRENCY, locale=locale)
    # A currency that is written in letters keeps a distance from its digits.
    short = symbol.lstrip(ascii_uppercase) or f"{symbol}\N{NO-BREAK SPACE}"
    return text.replace(symbol, short, 1)


class MoneyFormField(forms.DecimalField):
    """Shows and takes decimals; its cleaned value is an int of minor units."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("max_value", None)
        kwargs.pop("min_value", None)
        kwargs.setdefault("decimal_places", exponent())
        kwargs.setdefault("max_digits", 16)
        kwargs.setdefault("min_value", 0)
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return to_decimal(value) if isinstance(value, int) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> Any:
        amount = super().clean(value)
        if amount is None:
            return None
        try:
            return to_minor(amount)
        except (ValueError, InvalidOperation) as error:
            raise ValidationError(_("Enter an amount."), code="invalid") from error


class MoneyField(models.BigIntegerField):
    """An amount in minor units of the shop's currency; a form shows it as a decimal."""

    description = "Money in minor units"

    def formfield(self, **kwargs: Any) -> Any:
        # Admin may hand over a widget made for integers; a decimal needs its own.
        kwargs.pop("widget", None)
        return models.Field.formfield(self, form_class=MoneyFormField, **kwargs)
