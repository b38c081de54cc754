"""A quote's outcome as a sentence in the active language."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from coupons.errors import BudgetExhausted, claim_not_usable_in
from coupons.pricing import Applied, Outcome, RefusalCode, RefusalData, Refused


def explain(
    outcome: Outcome,
    *,
    money: Callable[[int], str],
    coupon_name: Callable[[str], str] | None = None,
    products_name: Callable[[str], str] | None = None,
    product_name: Callable[[str], str] | None = None,
) -> str:
    """Say what an offer does on a cart, or precisely why it does nothing.

    Args:
        outcome: from a quote.
        money: formats an amount of minor units for the reader.
        coupon_name: gives the reader's name of a ``coupon_id``; with it a conflict names the
            coupon that won.
        products_name: gives the reader's name of what a coupon covers, by its ``coupon_id``, such as
            "Dairy"; empty for everything.
        product_name: gives the reader's name of a sku.
    """
    if isinstance(outcome, Applied):
        return _explain_applied(outcome, money, product_name)
    products = products_name(outcome.coupon_id) if products_name else ""
    return _Reader(money, coupon_name, products, product_name).explain(outcome)


def _explain_applied(applied: Applied, money: Callable[[int], str], product_name: Callable[[str], str] | None) -> str:
    gifts = ", ".join(
        _("{quantity} × {product}").format(
            quantity=gift.quantity, product=product_name(gift.sku) if product_name else gift.sku
        )
        for gift in applied.gifts
    )
    if not gifts and not applied.lines and applied.shipping_amount:
        return _("You save {amount} on shipping with this coupon.").format(amount=money(applied.amount))
    if not gifts:
        return _("You save {amount} with this coupon.").format(amount=money(applied.amount))
    return _("You get {gifts} for free with this coupon.").format(gifts=gifts)


@dataclass(frozen=True, slots=True)
class _Reader:
    """How to name things to whoever reads the sentence."""

    money: Callable[[int], str]
    coupon_name: Callable[[str], str] | None
    products: str
    product_name: Callable[[str], str] | None

    def explain(self, refused: Refused) -> str:
        code, data = refused.code, refused.data
        match code:
            case RefusalCode.DUPLICATE_OFFER:
                return _("This coupon is already in the list.")
            case RefusalCode.EXPIRED:
                return _("This coupon has expired ({moment}).").format(moment=_moment(data["expired_at"]))
            case RefusalCode.NOT_YET_VALID:
                return _("This coupon cannot be used yet (from {moment}).").format(moment=_moment(data["usable_from"]))
            case RefusalCode.NO_ELIGIBLE_PRODUCTS:
                return self._no_eligible_products()
            case RefusalCode.THRESHOLD_NOT_MET:
                return self._threshold_not_met(data)
            case RefusalCode.EXCLUSIVE_CONFLICT | RefusalCode.GROUP_TAKEN:
                return self._conflict(code, data)
            case RefusalCode.NOTHING_TO_DISCOUNT:
                return _("There is nothing left in your cart for this coupon to discount.")
            case RefusalCode.CLAIM_NOT_USABLE | RefusalCode.BUDGET_EXHAUSTED:
                return _refused_by_the_books(code, data)
            case (
                RefusalCode.QUANTITY_NOT_MET
                | RefusalCode.TOO_FEW_PRODUCTS
                | RefusalCode.REQUIRED_PRODUCT_MISSING
                | RefusalCode.REQUIRED_SPEND_MISSING
                | RefusalCode.FORBIDDEN_PRODUCT_PRESENT
            ):
                return self._wrong_products(code, data)
            case RefusalCode.OUTSIDE_HOURS:
                return _("This coupon can be used again: from {moment} on.").format(moment=_moment(data["opens_at"]))
            case RefusalCode.CHANNEL_NOT_ALLOWED | RefusalCode.REGION_NOT_ALLOWED:
                return _wrong_place(code, data)
            case (
                RefusalCode.TOO_FEW_ORDERS
                | RefusalCode.TOO_MANY_ORDERS
                | RefusalCode.NOT_A_NEW_SHOPPER
                | RefusalCode.NOT_IN_AUDIENCE
            ):
                return _wrong_shopper(code, data)

    def _no_eligible_products(self) -> str:
        if self.products:
            return _("This coupon is only for {products}; there is none in your cart.").format(products=self.products)
        return _("None of the products in your cart is eligible for this coupon.")

    def _threshold_not_met(self, data: RefusalData) -> str:
        amount = self.money(_number(data["missing_amount"]))
        if self.products:
            return _("Spend {amount} more on {products} to use this coupon.").format(
                amount=amount, products=self.products
            )
        return _("Spend {amount} more on eligible products to use this coupon.").format(amount=amount)

    def _wrong_products(self, code: RefusalCode, data: RefusalData) -> str:
        if code is RefusalCode.FORBIDDEN_PRODUCT_PRESENT:
            sku = str(data["sku"])
            return _("This coupon cannot be used together with {product} in the cart.").format(
                product=self.product_name(sku) if self.product_name else sku
            )
        if code is RefusalCode.REQUIRED_SPEND_MISSING:
            return _("Spend {amount} more on the products that this coupon requires.").format(
                amount=self.money(_number(data["missing_amount"]))
            )
        missing = _number(data["missing_quantity"])
        if code is RefusalCode.REQUIRED_PRODUCT_MISSING:
            sentence = ngettext(
                "Add {count} unit of the product that this coupon requires.",
                "Add {count} units of the products that this coupon requires.",
                missing,
            )
        elif code is RefusalCode.TOO_FEW_PRODUCTS:
            sentence = ngettext(
                "Add {count} more different eligible product to use this coupon.",
                "Add {count} more different eligible products to use this coupon.",
                missing,
            )
        elif self.products:
            sentence = ngettext(
                "Add {count} more unit of {products} to use this coupon.",
                "Add {count} more units of {products} to use this coupon.",
                missing,
            )
        else:
            sentence = ngettext(
                "Add {count} more eligible unit to use this coupon.",
                "Add {count} more eligible units to use this coupon.",
                missing,
            )
        return sentence.format(count=missing, products=self.products)

    def _conflict(self, code: RefusalCode, data: RefusalData) -> str:
        if self.coupon_name:
            return _('This coupon cannot be combined with "{coupon}".').format(
                coupon=self.coupon_name(str(data["conflicting_coupon_id"]))
            )
        if code is RefusalCode.GROUP_TAKEN:
            return _("A coupon of the same kind is already used on this order.")
        return _("Another coupon on this order cannot be combined with any other.")


def _wrong_place(code: RefusalCode, data: RefusalData) -> str:
    if code is RefusalCode.CHANNEL_NOT_ALLOWED:
        return _("This coupon can only be used here: {channels}.").format(channels=data["channels"])
    return _("This coupon is only for deliveries to: {regions}.").format(regions=data["regions"])


def _refused_by_the_books(code: RefusalCode, data: RefusalData) -> str:
    if code is RefusalCode.BUDGET_EXHAUSTED:
        return BudgetExhausted().sentence
    return claim_not_usable_in(str(data["state"]))().sentence


def _wrong_shopper(code: RefusalCode, data: RefusalData) -> str:
    if code is RefusalCode.NOT_IN_AUDIENCE:
        return _("This coupon is for other shoppers.")
    if code is RefusalCode.NOT_A_NEW_SHOPPER:
        days = _number(data["days"])
        return ngettext(
            "This coupon is only for the first {count} day of an account.",
            "This coupon is only for the first {count} days of an account.",
            days,
        ).format(count=days)
    if code is RefusalCode.TOO_FEW_ORDERS:
        missing = _number(data["missing_orders"])
        return ngettext(
            "Place {count} more order before you use this coupon.",
            "Place {count} more orders before you use this coupon.",
            missing,
        ).format(count=missing)
    maximum = _number(data["maximum_order_number"])
    if maximum == 1:
        return _("This coupon is only for a first order.")
    return _("This coupon is only for the first {count} orders.").format(count=maximum)


def _moment(value: int | str | datetime) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"not a moment: {value!r}")
    return date_format(timezone.localtime(value), "DATETIME_FORMAT")


def _number(value: int | str | datetime) -> int:
    if not isinstance(value, int):
        raise TypeError(f"not a number: {value!r}")
    return value
