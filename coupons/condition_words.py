"""What a cart and its shopper must meet, in words, and what a coupon's scope is called."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time

from django.utils.dates import WEEKDAYS
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.kernel.money import format_money
from coupons.enums import BenefitType, ScopeMode
from coupons.models import Coupon, ScopeEntry

# A label stands in the middle of a sentence: more names would bury it.
NAMES_IN_LABEL = 2
EVERY_DAY = 7


def conditions_in_words(coupon: Coupon) -> list[str]:
    """Returns a sentence for every condition besides minimum spend, minimum quantity and scope."""
    sentences = [
        _unit_prices(coupon),
        _order_number(coupon),
        _new_shoppers(coupon),
        _weekdays_and_hours(coupon),
        _("only ordered by %(names)s") % {"names": _(", ").join(coupon.channels)} if coupon.channels else "",
        _("only delivered to %(names)s") % {"names": _(", ").join(coupon.regions)} if coupon.regions else "",
    ]
    return [sentence for sentence in sentences if sentence]


def cash_in_words(coupon: Coupon) -> str:
    """Returns what becomes of cash that an order does not use; nothing for another benefit."""
    if coupon.benefit_type != BenefitType.CASH:
        return ""
    if coupon.is_partly_usable:
        return _("what an order does not use stays in the wallet")
    return _("used up by one order")


def scope_label(coupon: Coupon) -> str:
    """Returns what a coupon counts, short enough for the middle of a sentence; empty for everything.

    Scope entries should be prefetched with their categories and products.
    """
    entries = list(coupon.scope_entries.all())
    including = [entry for entry in entries if entry.mode == ScopeMode.INCLUDE]
    excluding = [entry for entry in entries if entry.mode == ScopeMode.EXCLUDE]
    if including:
        return _names(including)
    if excluding:
        return _("everything except %(names)s") % {"names": _names(excluding)}
    return ""


def _names(entries: Iterable[ScopeEntry]) -> str:
    # Categories say more than single products.
    ordered = sorted(entries, key=lambda entry: entry.category is None)
    names = _(", ").join(str(entry.category or entry.product) for entry in ordered[:NAMES_IN_LABEL])
    more = len(ordered) - NAMES_IN_LABEL
    if more <= 0:
        return names
    sentence = ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", more)
    return sentence % {"names": names, "count": more}


def _unit_prices(coupon: Coupon) -> str:
    least, most = coupon.minimum_unit_price, coupon.maximum_unit_price
    if least is not None and most is not None:
        values = {"least": format_money(least), "most": format_money(most)}
        return _("only products from %(least)s to %(most)s") % values
    if least is not None:
        return _("only products from %(least)s on") % {"least": format_money(least)}
    if most is not None:
        return _("only products up to %(most)s") % {"most": format_money(most)}
    return ""


def _order_number(coupon: Coupon) -> str:
    if coupon.order_number is None:
        return ""
    if coupon.order_number == 1:
        return _("only on the first order")
    return _("only on order number %(number)d") % {"number": coupon.order_number}


def _new_shoppers(coupon: Coupon) -> str:
    days = coupon.new_shopper_days
    if days is None:
        return ""
    sentence = ngettext(
        "only in the first %(count)d day after signing up", "only in the first %(count)d days after signing up", days
    )
    return sentence % {"count": days}


def _weekdays_and_hours(coupon: Coupon) -> str:
    days = sorted(coupon.weekdays) if len(set(coupon.weekdays)) < EVERY_DAY else []
    names = _(", ").join(str(WEEKDAYS[day]) for day in days)
    hours = ""
    if coupon.hour_from is not None and coupon.hour_until is not None:
        hours = f"{_clock(coupon.hour_from)}–{_clock(coupon.hour_until)}"
    when = " ".join(filter(None, (names, hours)))
    return _("only %(when)s") % {"when": when} if when else ""


def _clock(value: time) -> str:
    return time_format(value, "H:i")
