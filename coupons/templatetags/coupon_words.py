"""Coupons, money and moments in words: filters for templates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django import template
from django.utils.text import capfirst

from config.kernel.clock import as_text
from config.kernel.money import exponent, format_money
from coupons import wording
from coupons.condition_words import conditions_in_words
from coupons.models import Coupon

register = template.Library()

# "¥1,200 off", "15% off", "立减 ¥20", "8.5折": words before, what touches the number on either side, words after.
AROUND_NUMBER = re.compile(
    r"(?P<lead>\D*\s)?(?P<before>[^\d\s]*)(?P<number>\d(?:[\d.,]*\d)?)(?P<sign>\S*)(?P<after>.*)", re.DOTALL
)
LONG_NUMBER = 3
LONGEST_NUMBER = 5


@dataclass(frozen=True, slots=True)
class HeadlineParts:
    """A headline cut up, so that its number can be printed large."""

    lead: str
    before: str
    number: str
    sign: str
    after: str

    @property
    def is_long(self) -> bool:
        """Whether the number needs a smaller print to fit a stub."""
        return len(self.number) > LONG_NUMBER

    @property
    def is_longest(self) -> bool:
        """Whether it needs the smallest print; words without a digit are wider than numbers."""
        has_digit = any(letter.isdigit() for letter in self.number)
        return len(self.number) > (LONGEST_NUMBER if has_digit else LONG_NUMBER)


@register.filter
def money(minor: int) -> str:
    """Writes minor units as the active language does."""
    return format_money(minor)


@register.filter
def benefit_headline(coupon: Coupon) -> str:
    """Says what a coupon gives: "15% off" in English, 8.5折 in Chinese."""
    return wording.headline(coupon)


@register.filter
def headline_parts(coupon: Coupon) -> HeadlineParts:
    """Cuts the headline of a coupon for its stub."""
    text = _without_zero_decimals(wording.headline(coupon))
    found = AROUND_NUMBER.fullmatch(text)
    if found is None:
        return HeadlineParts("", "", text, "", "")
    lead, after = (found["lead"] or "").strip(), found["after"].strip()
    return HeadlineParts(lead, found["before"], found["number"], found["sign"], after)


@register.filter
def threshold(coupon: Coupon) -> str:
    """Says from which spend on a coupon counts, or that there is no minimum; whole amounts without decimals."""
    return _without_zero_decimals(wording.threshold_in_words(coupon))


@register.filter
def cap(coupon: Coupon) -> str:
    """Says how much a percentage gives at most; empty without a cap."""
    return _without_zero_decimals(wording.cap_in_words(coupon))


@register.filter
def conditions(coupon: Coupon) -> str:
    """Says in one line what else must be met, such as hours and channels; empty where nothing is."""
    return capfirst(_without_zero_decimals(" · ".join(conditions_in_words(coupon))))


@register.filter
def until(end: datetime) -> str:
    """Writes the end of a half-open window as people say it: midnight is the end of the day before."""
    return wording.end_in_words(end)


@register.filter
def moment(value: datetime) -> str:
    """Writes a moment in the shop's time zone."""
    return wording.moment_in_words(value)


@register.filter
def iso(value: datetime) -> str:
    """Writes a moment for programs: UTC, ISO 8601."""
    return as_text(value)


def _without_zero_decimals(text: str) -> str:
    # A currency without decimals keeps its thousands: 1,000 yen are not 1 yen.
    zeros = "0" * exponent()
    return re.sub(rf"[.,]{zeros}(?!\d)", "", text) if zeros else text
