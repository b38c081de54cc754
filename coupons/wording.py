"""A coupon in words a shopper understands, in the active language."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from config.kernel.clock import shop_date, shop_zone
from config.kernel.money import format_money
from coupons.enums import BenefitType
from coupons.models import Coupon


def headline(coupon: Coupon) -> str:
    """Returns what a coupon gives in the fewest words, such as "¥20.00 off" or "15% off"."""
    if coupon.benefit_type == BenefitType.PERCENT_OFF and coupon.percent_off is not None:
        return _percent_in_words(coupon.percent_off)
    return _("%(amount)s off") % {"amount": format_money(coupon.amount_off or 0)}


def benefit_in_words(coupon: Coupon) -> str:
    """Returns what a coupon gives and from which spend on, in one line."""
    parts = [headline(coupon)]
    if coupon.discount_cap:
        parts.append(cap_in_words(coupon))
    if coupon.minimum_spend:
        parts.append(threshold_in_words(coupon))
    return " · ".join(parts)


def cap_in_words(coupon: Coupon) -> str:
    """Returns the largest discount of a percentage, or nothing."""
    return _("at most %(amount)s") % {"amount": format_money(coupon.discount_cap)} if coupon.discount_cap else ""


def threshold_in_words(coupon: Coupon) -> str:
    """Returns the minimum spend, or that there is none."""
    if not coupon.minimum_spend:
        return _("no minimum spend")
    return _("from %(amount)s") % {"amount": format_money(coupon.minimum_spend)}


def validity_in_words(coupon: Coupon) -> str:
    """Returns when a claim made now could be used."""
    parts = []
    if coupon.usable_days:
        parts.append(
            ngettext(
                "usable for %(count)d day after claiming",
                "usable for %(count)d days after claiming",
                coupon.usable_days,
            )
            % {"count": coupon.usable_days}
        )
    if coupon.usable_from and coupon.usable_until:
        window = {"start": moment_in_words(coupon.usable_from), "end": end_in_words(coupon.usable_until)}
        parts.append(_("usable %(start)s – %(end)s") % window)
    elif coupon.usable_until:
        parts.append(_("usable until %(end)s") % {"end": end_in_words(coupon.usable_until)})
    elif coupon.usable_from:
        parts.append(_("usable from %(start)s on") % {"start": moment_in_words(coupon.usable_from)})
    return ", ".join(parts)


def moment_in_words(moment: datetime) -> str:
    """Returns a moment in the shop's time zone."""
    return date_format(moment.astimezone(shop_zone()), "DATETIME_FORMAT")


def end_in_words(moment: datetime) -> str:
    """Returns the end of a half-open window as people say it: midnight is the end of the day before."""
    local = moment.astimezone(shop_zone())
    if local.time() == time.min:
        last_day = shop_date(local - local.resolution)
        return _("the end of %(day)s") % {"day": date_format(last_day, "DATE_FORMAT")}
    return moment_in_words(moment)


def _percent_in_words(percent_off: Decimal) -> str:
    # Chinese names the tenths that are paid (15 off is 8.5折), other languages the hundredths that are saved.
    in_chinese = (get_language() or "").startswith("zh")
    number = (100 - percent_off) / 10 if in_chinese else percent_off
    return _("%(number)s%% off") % {"number": f"{number.normalize():f}"}
