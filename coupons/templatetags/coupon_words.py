"""Coupons, money and moments in words: filters for templates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from config.kernel.clock import as_text, shop_date, shop_zone
from config.kernel.money import exponent, format_money
from coupons import wording
from coupons.enums import BenefitType
from coupons.models import Coupon

register = template.Library()

# "¥1,200.00" and "15% off" alike: what stands before the digits, the digits, what stands behind.
AROUND_DIGITS = re.compile(r"(?P<before>\D*)(?P<number>\d[\d.,  ]*\d|\d)(?P<after>.*)")


@dataclass(frozen=True, slots=True)
class HeadlineParts:
    """A headline cut up, so that its number can be printed large."""

    before: str
    number: str
    after: str

    @property
    def is_long(self) -> bool:
        """Whether the number needs a smaller print to fit a stub."""
        return len(self.number) + len(self.before) > 4


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
    """Cuts the headline of a coupon for its stub; whole amounts lose their zeros."""
    text = wording.headline(coupon)
    if coupon.benefit_type == BenefitType.AMOUNT_OFF:
        amount = format_money(coupon.amount_off or 0)
        text = text.replace(amount, _without_zero_decimals(amount))
    found = AROUND_DIGITS.fullmatch(text)
    if found is None:
        return HeadlineParts("", text, "")
    return HeadlineParts(found["before"].strip(), found["number"], found["after"].strip())


@register.filter
def threshold(coupon: Coupon) -> str:
    """Says from which spend on a coupon counts, or that there is no minimum."""
    return wording.threshold_in_words(coupon)


@register.filter
def cap(coupon: Coupon) -> str:
    """Says how much a percentage gives at most; empty without a cap."""
    return wording.cap_in_words(coupon)


@register.filter
def until(end: datetime) -> str:
    """Writes the end of a half-open window as people say it: midnight is the end of the day before."""
    local = timezone.localtime(end, shop_zone())
    if local.time() == time.min:
        day = shop_date(local - timedelta(microseconds=1))
        return _("the end of %(day)s") % {"day": date_format(day, "DATE_FORMAT")}
    return date_format(local, "DATETIME_FORMAT")


@register.filter
def moment(value: datetime) -> str:
    """Writes a moment in the shop's time zone."""
    return date_format(timezone.localtime(value, shop_zone()), "DATETIME_FORMAT")


@register.filter
def iso(value: datetime) -> str:
    """Writes a moment for programs: UTC, ISO 8601."""
    return as_text(value)


def _without_zero_decimals(amount: str) -> str:
    # A currency without decimals keeps its thousands: 1,000 yen are not 1 yen.
    zeros = "0" * exponent()
    return re.sub(rf"[.,]{zeros}(?=\D*$)", "", amount) if zeros else amount
