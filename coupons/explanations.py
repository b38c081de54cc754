"""A quote's outcome as a sentence in the active language."""

from collections.abc import Callable
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from coupons.pricing import Applied, Outcome, RefusalCode, RefusalData


def explain(
    outcome: Outcome,
    *,
    money: Callable[[int], str],
    coupon_name: Callable[[str], str] | None = None,
) -> str:
    """Say what an offer does on a cart, or precisely why it does nothing.

    Args:
        outcome: from a quote.
        money: formats an amount of minor units for the reader.
        coupon_name: gives the reader's name of a ``coupon_id``; with it a conflict names the
            coupon that won.
    """
    if isinstance(outcome, Applied):
        return _("You save {amount} with this coupon.").format(amount=money(outcome.amount))
    return _explain_refusal(outcome.code, outcome.data, money, coupon_name)


def _explain_refusal(
    code: RefusalCode,
    data: RefusalData,
    money: Callable[[int], str],
    coupon_name: Callable[[str], str] | None,
) -> str:
    match code:
        case RefusalCode.DUPLICATE_OFFER:
            return _("This coupon is already in the list.")
        case RefusalCode.EXPIRED:
            return _("This coupon has expired ({moment}).").format(moment=_moment(data["expired_at"]))
        case RefusalCode.NOT_YET_VALID:
            return _("This coupon cannot be used yet (from {moment}).").format(moment=_moment(data["usable_from"]))
        case RefusalCode.NO_ELIGIBLE_PRODUCTS:
            return _("None of the products in your cart is eligible for this coupon.")
        case RefusalCode.THRESHOLD_NOT_MET:
            return _("Spend {amount} more on eligible products to use this coupon.").format(
                amount=_amount(data["missing_amount"], money)
            )
        case RefusalCode.EXCLUSIVE_CONFLICT | RefusalCode.GROUP_TAKEN if coupon_name:
            return _('This coupon cannot be combined with "{coupon}".').format(
                coupon=coupon_name(str(data["conflicting_coupon_id"]))
            )
        case RefusalCode.EXCLUSIVE_CONFLICT:
            return _("Another coupon on this order cannot be combined with any other.")
        case RefusalCode.GROUP_TAKEN:
            return _("A coupon of the same kind is already used on this order.")
        case RefusalCode.NOTHING_TO_DISCOUNT:
            return _("There is nothing left in your cart for this coupon to discount.")


def _moment(value: int | str | datetime) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"not a moment: {value!r}")
    return date_format(timezone.localtime(value), "DATETIME_FORMAT")


def _amount(value: int | str | datetime, money: Callable[[int], str]) -> str:
    if not isinstance(value, int):
        raise TypeError(f"not an amount: {value!r}")
    return money(value)
