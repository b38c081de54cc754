"""Figures in words, the same on every page and in every export."""

from __future__ import annotations

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from analytics.learners.intervals import Interval
from analytics.selectors.metrics.incremental import IncrementalProfit
from config.kernel.money import format_money

UNKNOWN = "–"


def count(number: int) -> str:
    """Writes a number of things."""
    return f"{number:,}"


def percent(number: float | None) -> str:
    """Writes a number of a hundred; a dash when it is not known."""
    return UNKNOWN if number is None else f"{number:.1f}%"


def money(minor: float | None) -> str:
    """Writes an amount; a dash when it is not known."""
    return UNKNOWN if minor is None else format_money(round(minor))


def share(interval: Interval | None) -> str:
    """Writes a share and its bounds, such as 12.5% (10.1–15.3)."""
    if interval is None:
        return UNKNOWN
    return f"{100 * interval.estimate:.1f}% ({100 * interval.low:.1f}–{100 * interval.high:.1f})"


def stars(interval: Interval | None, mean: float | None) -> str:
    """Writes mean stars and their bounds; without bounds of a single answer."""
    if mean is None:
        return UNKNOWN
    return f"{mean:.2f}" if interval is None else f"{mean:.2f} ({interval.low:.2f}–{interval.high:.2f})"


def amounts(interval: Interval | None) -> str:
    """Writes an amount and its bounds."""
    if interval is None:
        return UNKNOWN
    parts = {"amount": money(interval.estimate), "low": money(interval.low), "high": money(interval.high)}
    return _("%(amount)s (%(low)s to %(high)s)") % parts


def profit(found: IncrementalProfit) -> str:
    """Writes what coupons earned in all, with its bounds, or why that is not known."""
    if not found.holdout.count:
        return _("not known: no holdout")
    if found.total is None:
        return _("not known: too few shoppers")
    shoppers = {"treated": count(found.treated.count), "holdout": count(found.holdout.count)}
    told = [amounts(found.total), _("%(treated)s shoppers beside %(holdout)s held out") % shoppers]
    if not found.total.is_clear_of_zero:
        told.insert(1, _("may be chance"))
    return "; ".join(told)


def day(moment: date) -> str:
    """Writes a day."""
    return date_format(moment, "DATE_FORMAT")


def period(first: date, last: date) -> str:
    """Writes a stretch of days."""
    return _("%(first)s to %(last)s") % {"first": day(first), "last": day(last)}
