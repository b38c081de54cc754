"""A coupon in words a shopper understands, in the active language.

A claim is worded by its `coupon_as_held`, so that a share's money and terms that a shopper chose are its own. Tiers,
gift and envelope are read where a coupon has them; lists fetch them together.
"""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from config.kernel.clock import shop_date, shop_zone
from config.kernel.money import format_money
from coupons.enums import Application, BenefitType, TierBasis
from coupons.models import Coupon, Tier

HALF = 50
WHOLE = 100
NUMERALS = ("", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十")
# Benefits whose own words say already from which spend or quantity on they give something.
WITH_MINIMUM = {
    BenefitType.EVERY_AMOUNT_OFF,
    BenefitType.TIERED,
    BenefitType.BUNDLE_PRICE,
    BenefitType.BUY_X_GET_Y,
    BenefitType.FIXED_PRICE,
}


def headline(coupon: Coupon) -> str:
    """Returns what a coupon gives in the fewest words, such as "¥20.00 off" or "15% off"."""
    match BenefitType(coupon.benefit_type):
        case BenefitType.AMOUNT_OFF:
            return _amount_off_in_words(coupon)
        case BenefitType.PERCENT_OFF:
            return _share_off_in_words(coupon)
        case BenefitType.EVERY_AMOUNT_OFF:
            values = {"amount": format_money(coupon.amount_off or 0), "every": format_money(coupon.every_amount or 0)}
            return _("%(amount)s off every %(every)s") % values
        case BenefitType.TIERED:
            return _tiers_in_short(coupon)
        case BenefitType.FIXED_PRICE:
            return _("%(amount)s each") % {"amount": format_money(coupon.unit_price or 0)}
        case BenefitType.BUNDLE_PRICE:
            values = {"count": str(coupon.bundle_quantity), "amount": format_money(coupon.bundle_price or 0)}
            return _("%(count)s for %(amount)s") % values
        case BenefitType.BUY_X_GET_Y:
            return _buy_and_get_in_words(coupon)
        case BenefitType.GIFT_ITEM:
            return _("Free gift")
        case BenefitType.SHIPPING_OFF:
            return _shipping_in_words(coupon)
        case BenefitType.CASH if coupon.amount_off is None:
            return _("Cash")
        case BenefitType.CASH:
            return _("%(amount)s in cash") % {"amount": format_money(coupon.amount_off)}


def benefit_in_words(coupon: Coupon) -> str:
    """Returns what a coupon gives and from which spend on, in one line."""
    parts = [_sentence(coupon), cap_in_words(coupon), _most_in_words(coupon)]
    if _has_minimum(coupon) and not _is_plain_amount_off(coupon):
        parts.append(threshold_in_words(coupon))
    return " · ".join(filter(None, parts))


def cap_in_words(coupon: Coupon) -> str:
    """Returns the largest discount of a coupon, or nothing."""
    return _("at most %(amount)s") % {"amount": format_money(coupon.discount_cap)} if coupon.discount_cap else ""


def threshold_in_words(coupon: Coupon) -> str:
    """Returns from which spend and quantity on a coupon counts, or that there is no minimum.

    Nothing is said where the benefit's own words say it.
    """
    if _is_fitted_by_shopper(coupon):
        return _("you choose the terms")
    parts = []
    if coupon.minimum_spend:
        parts.append(_("from %(amount)s") % {"amount": format_money(coupon.minimum_spend)})
    if coupon.minimum_quantity:
        parts.append(_("from %(quantity)s") % {"quantity": units_in_words(coupon.minimum_quantity)})
    if parts or coupon.benefit_type in WITH_MINIMUM:
        return " · ".join(parts)
    return _("no minimum spend")


def units_in_words(count: int) -> str:
    """Returns a number of units, such as "3 units"."""
    return ngettext("%(count)d unit", "%(count)d units", count) % {"count": count}


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


def percent_in_words(percent_off: Decimal) -> str:
    """Returns a share off as each language says it: "15% off" in English, 8.5折 in Chinese, free for all of it."""
    if percent_off == WHOLE:
        return _("free")
    # Chinese names the tenths that are paid (15 off is 8.5折), other languages the hundredths that are saved.
    number = (WHOLE - percent_off) / 10 if _in_chinese() else percent_off
    return _("%(number)s%% off") % {"number": f"{number.normalize():f}"}


def _sentence(coupon: Coupon) -> str:
    match BenefitType(coupon.benefit_type):
        case BenefitType.AMOUNT_OFF if _is_plain_amount_off(coupon) and coupon.minimum_spend:
            values = {
                "amount": format_money(coupon.amount_off or 0),
                "minimum": format_money(coupon.minimum_spend),
            }
            return _("%(amount)s off · from %(minimum)s") % values
        case BenefitType.TIERED:
            return _(", ").join(tier_in_words(coupon, tier) for tier in coupon.tiers.all()) or headline(coupon)
        case BenefitType.GIFT_ITEM if coupon.gift_product is not None:
            values = {"product": coupon.gift_product.name, "count": str(coupon.gift_quantity)}
            if coupon.gift_quantity == 1:
                return _("Gift: %(product)s") % {"product": coupon.gift_product.name}
            return _("Gift: %(count)s × %(product)s") % values
        case _:
            return headline(coupon)


def tier_in_words(coupon: Coupon, tier: Tier) -> str:
    """Returns what one tier gives and from where on, such as "15% off from 2 units"."""
    minimum = (
        units_in_words(tier.minimum_quantity or 0)
        if coupon.tier_basis == TierBasis.QUANTITY
        else format_money(tier.minimum_spend or 0)
    )
    if tier.percent_off is not None:
        return _("%(discount)s from %(minimum)s") % {
            "discount": percent_in_words(tier.percent_off),
            "minimum": minimum,
        }
    return _("%(amount)s off from %(minimum)s") % {"amount": format_money(tier.amount_off or 0), "minimum": minimum}


def _tiers_in_short(coupon: Coupon) -> str:
    tiers = sorted(coupon.tiers.all(), key=lambda tier: tier.minimum_spend or tier.minimum_quantity or 0)
    if not tiers:
        return _("more off, the more you buy")
    best = tiers[-1]
    if best.percent_off is not None:
        return _("up to %(discount)s") % {"discount": percent_in_words(best.percent_off)}
    return _("up to %(amount)s off") % {"amount": format_money(best.amount_off or 0)}


def _amount_off_in_words(coupon: Coupon) -> str:
    if _is_fitted_by_shopper(coupon):
        return _("up to %(amount)s off") % {"amount": format_money(coupon.envelope.amount_maximum)}
    amount = {"amount": format_money(coupon.amount_off or 0)}
    match coupon.application:
        case Application.EACH_LINE:
            return _("%(amount)s off each product") % amount
        case Application.EACH_UNIT:
            return _("%(amount)s off each") % amount
        case Application.CHEAPEST_UNIT:
            return _("%(amount)s off the cheapest") % amount
        case _:
            return _("%(amount)s off") % amount


def _share_off_in_words(coupon: Coupon) -> str:
    discount = percent_in_words(coupon.percent_off or Decimal(0))
    if coupon.application == Application.CHEAPEST_UNIT:
        return _("the cheapest %(discount)s") % {"discount": discount}
    return discount


def _buy_and_get_in_words(coupon: Coupon) -> str:
    buy, get = coupon.buy_quantity or 0, coupon.get_quantity or 0
    if coupon.percent_off is None or coupon.percent_off == WHOLE:
        return _("Buy %(buy)s get %(get)s free") % {"buy": _numeral(buy), "get": _numeral(get)}
    discount = _("half price") if coupon.percent_off == HALF else percent_in_words(coupon.percent_off)
    if get > 1:
        return _("Buy %(buy)s get %(get)s at %(discount)s") % {
            "buy": _numeral(buy),
            "get": _numeral(get),
            "discount": discount,
        }
    if buy == 1:
        return _("2nd unit %(discount)s") % {"discount": discount}
    return _("1 of %(count)s units %(discount)s") % {"count": str(buy + 1), "discount": discount}


def _shipping_in_words(coupon: Coupon) -> str:
    if coupon.amount_off is not None:
        return _("%(amount)s off shipping") % {"amount": format_money(coupon.amount_off)}
    if coupon.percent_off is not None and coupon.percent_off != WHOLE:
        return _("shipping %(discount)s") % {"discount": percent_in_words(coupon.percent_off)}
    return _("Free shipping")


def _most_in_words(coupon: Coupon) -> str:
    if coupon.maximum_units:
        return _("on at most %(quantity)s") % {"quantity": units_in_words(coupon.maximum_units)}
    if coupon.maximum_sets:
        sets = coupon.maximum_sets
        return ngettext("at most %(count)d time", "at most %(count)d times", sets) % {"count": sets}
    return ""


def _has_minimum(coupon: Coupon) -> bool:
    return bool(coupon.minimum_spend or coupon.minimum_quantity) or _is_fitted_by_shopper(coupon)


def _is_plain_amount_off(coupon: Coupon) -> bool:
    """Whether amount and minimum spend make one phrase, as 满100减10 does."""
    return (
        coupon.benefit_type == BenefitType.AMOUNT_OFF
        and coupon.application == Application.WHOLE
        and not coupon.minimum_quantity
        and not _is_fitted_by_shopper(coupon)
    )


def _is_fitted_by_shopper(coupon: Coupon) -> bool:
    return coupon.benefit_type == BenefitType.AMOUNT_OFF and hasattr(coupon, "envelope")


def _numeral(number: int) -> str:
    # 买二送一, as a Chinese shop writes it; beyond ten it uses digits too.
    return NUMERALS[number] if _in_chinese() and number < len(NUMERALS) else str(number)


def _in_chinese() -> bool:
    return (get_language() or "").startswith("zh")
