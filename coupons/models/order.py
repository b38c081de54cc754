from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from config.kernel.ids import uuid7
from config.kernel.money import MoneyField
from coupons.enums import OrderState
from coupons.models.catalogue import Product
from coupons.models.claim import Claim
from coupons.models.coupon import Coupon


class Order(models.Model):
    """A priced cart of the shop with the coupons on it.

    `locked` holds the claims until `lock_expires_at`; `redeemed` has used them; `released` and `refunded`
    gave them back. Amounts are in minor units; `payable = subtotal - discount + shipping - shipping_discount + tax`,
    where `tax` is what is added to the prices, 0 in a shop whose prices contain it. They change only while the order
    is locked, when the shop edits it. What a partial refund gave back stands in `refunded` and in the refunds.
    """

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    # The shop's own order number: one order each, however often it is sent.
    reference = models.CharField(_("reference"), max_length=64, unique=True)
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("shopper"), on_delete=models.PROTECT, related_name="orders"
    )
    state = models.CharField(_("state"), max_length=12, choices=OrderState, default=OrderState.LOCKED)
    subtotal = MoneyField(_("subtotal"))
    discount = MoneyField(_("discount"))
    shipping = MoneyField(_("shipping"), default=0)
    shipping_discount = MoneyField(_("shipping discount"), default=0)
    tax = MoneyField(_("tax"), default=0)
    payable = MoneyField(_("payable"))
    refunded = MoneyField(_("refunded"), default=0)
    # What the shop said of the sale; conditions look at it again when the order is paid.
    channel = models.CharField(_("channel"), max_length=32, blank=True)
    region = models.CharField(_("region"), max_length=64, blank=True)
    placed_at = models.DateTimeField(_("placed"))
    lock_expires_at = models.DateTimeField(_("lock expires"), null=True, blank=True)
    redeemed_at = models.DateTimeField(_("paid"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=OrderState.values), name="coupons_order_state"),
            models.CheckConstraint(
                condition=Q(subtotal__gte=0, discount__gte=0, shipping__gte=0, payable__gte=0, tax__gte=0)
                & Q(shipping_discount__gte=0, shipping_discount__lte=F("shipping")),
                name="coupons_order_sign",
            ),
            models.CheckConstraint(
                condition=Q(payable=F("subtotal") - F("discount") + F("shipping") - F("shipping_discount") + F("tax")),
                name="coupons_order_sum",
            ),
            models.CheckConstraint(
                condition=Q(refunded__gte=0, refunded__lte=F("payable")), name="coupons_order_refund"
            ),
        ]
        indexes = [
            models.Index(fields=["shopper", "-placed_at"], name="coupons_order_shopper"),
            models.Index(fields=["placed_at"], name="coupons_order_placed"),
            models.Index(
                fields=["lock_expires_at"], condition=Q(state=OrderState.LOCKED), name="coupons_order_lock_expiring"
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def is_overdue(self, now: datetime) -> bool:
        """Whether it awaits payment although its lock has ended."""
        return self.state == OrderState.LOCKED and self.lock_expires_at is not None and self.lock_expires_at <= now


class OrderLine(models.Model):
    """One line of an order as it was priced: `payable = unit_price × quantity - discount`, before added tax.

    `returned` units came back; `refunded` was given back for them, added tax included.
    """

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveSmallIntegerField(_("number"))
    product = models.ForeignKey(Product, verbose_name=_("product"), on_delete=models.PROTECT, related_name="+")
    unit_price = MoneyField(_("unit price"))
    quantity = models.PositiveIntegerField(_("quantity"))
    discount = MoneyField(_("discount"), default=0)
    payable = MoneyField(_("payable"))
    tax = MoneyField(_("tax"), default=0)
    returned = models.PositiveIntegerField(_("units returned"), default=0)
    refunded = MoneyField(_("refunded"), default=0)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ["order", "number"]
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="coupons_order_line_number"),
            models.CheckConstraint(condition=Q(quantity__gte=1, unit_price__gte=0), name="coupons_order_line_quantity"),
            models.CheckConstraint(
                condition=Q(discount__gte=0, payable__gte=0, tax__gte=0), name="coupons_order_line_sign"
            ),
            models.CheckConstraint(
                condition=Q(returned__lte=F("quantity"), refunded__gte=0, refunded__lte=F("payable") + F("tax")),
                name="coupons_order_line_refund",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} × {self.quantity}"

    @property
    def left(self) -> int:
        """How many units the shopper still has."""
        return self.quantity - self.returned


class OrderLineDiscount(models.Model):
    """What one coupon took off one line; the sum over a line is the line's discount.

    `claim` is None for a discount that no shopper held, such as one known only from the shop's history.
    """

    line = models.ForeignKey(OrderLine, verbose_name=_("line"), on_delete=models.CASCADE, related_name="discounts")
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="+")
    claim = models.ForeignKey(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, null=True, blank=True, related_name="line_discounts"
    )
    amount = MoneyField(_("amount"))

    class Meta:
        verbose_name = _("line discount")
        verbose_name_plural = _("line discounts")
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="coupons_line_discount_positive")]

    def __str__(self) -> str:
        return f"{self.coupon}: {self.amount}"


class OrderShippingDiscount(models.Model):
    """What one coupon took off the shipping of an order; the sum is the order's `shipping_discount`."""

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="shipping_discounts"
    )
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="+")
    claim = models.ForeignKey(
        Claim,
        verbose_name=_("claim"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="shipping_discounts",
    )
    amount = MoneyField(_("amount"))

    class Meta:
        verbose_name = _("shipping discount")
        verbose_name_plural = _("shipping discounts")
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="coupons_shipping_discount_positive")]

    def __str__(self) -> str:
        return f"{self.coupon}: {self.amount}"


class OrderGift(models.Model):
    """Units that a coupon adds to an order for nothing."""

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="gifts")
    coupon = models.ForeignKey(Coupon, verbose_name=_("coupon"), on_delete=models.PROTECT, related_name="+")
    claim = models.ForeignKey(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, null=True, blank=True, related_name="order_gifts"
    )
    product = models.ForeignKey(Product, verbose_name=_("product"), on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"))

    class Meta:
        verbose_name = _("gift")
        verbose_name_plural = _("gifts")
        constraints = [models.CheckConstraint(condition=Q(quantity__gte=1), name="coupons_order_gift_quantity")]

    def __str__(self) -> str:
        return f"{self.product} × {self.quantity}"
