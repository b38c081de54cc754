"""Orders and redemptions as they happened: looked at, never edited; a paid order can be refunded."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_tools import (
    LargeTableMixin,
    ReadOnlyMixin,
    ShopModelAdmin,
    ShopTabularInline,
    leave_dialog,
    money_column,
    try_service,
)
from config.kernel.clock import database_now
from coupons.admin.shopper_search import SEALED, ShopperSearchMixin
from coupons.enums import OrderState
from coupons.models import Order, OrderGift, OrderLine, OrderShippingDiscount, Redemption, RedemptionEntry, Refund
from coupons.services.orders import order_refund

STATE_COLOURS = {
    OrderState.LOCKED: "warning",
    OrderState.REDEEMED: "success",
    OrderState.RELEASED: "info",
    OrderState.REFUNDED: "danger",
}


class _PartOfOrderMixin(ReadOnlyMixin):
    """Seen by whoever may see the orders."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.view_order")


class OrderLineInline(_PartOfOrderMixin, ShopTabularInline):
    model = OrderLine
    fields = ("number", "product", "unit_price", "quantity", "discount", "payable", "tax", "returned", "refunded")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).select_related("product")


class OrderRedemptionInline(_PartOfOrderMixin, ShopTabularInline):
    model = Redemption
    fields = ("coupon", "claim", "amount", "refunded", "redeemed_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        return super().get_queryset(request).select_related("coupon", "claim__coupon", "claim__shopper")


class OrderShippingDiscountInline(_PartOfOrderMixin, ShopTabularInline):
    model = OrderShippingDiscount
    fields = ("coupon", "claim", "amount")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderShippingDiscount]:
        return super().get_queryset(request).select_related("coupon", "claim__coupon", "claim__shopper")


class OrderGiftInline(_PartOfOrderMixin, ShopTabularInline):
    model = OrderGift
    fields = ("product", "quantity", "coupon", "claim")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderGift]:
        return super().get_queryset(request).select_related("product", "coupon", "claim__coupon", "claim__shopper")


class OrderRefundInline(_PartOfOrderMixin, ShopTabularInline):
    model = Refund
    fields = ("created_at", "amount", "shipping", "show_units")
    readonly_fields = ("show_units",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return super().get_queryset(request).prefetch_related("lines__line__product")

    @display(description=_("units returned"))
    def show_units(self, refund: Refund) -> str:
        returned = [f"{part.line.product} × {part.quantity}" for part in refund.lines.all() if part.quantity]
        return ", ".join(returned) or "–"


@admin.register(Order)
class OrderAdmin(ReadOnlyMixin, ShopperSearchMixin, LargeTableMixin, ShopModelAdmin):
    """What was ordered and what coupons did to it. The right to change orders grants the refund, not a form."""

    inlines = (
        OrderLineInline,
        OrderRedemptionInline,
        OrderShippingDiscountInline,
        OrderGiftInline,
        OrderRefundInline,
    )
    list_display = (
        "reference",
        "shopper",
        "show_state",
        money_column("subtotal", _("subtotal")),
        money_column("discount", _("discount")),
        money_column("payable", _("payable")),
        "placed_at",
    )
    list_select_related = ("shopper",)
    list_filter = (("state", ChoicesDropdownFilter), ("placed_at", ShopDaysFilter))
    list_filter_submit = True
    exact_lookups = ("reference",)
    ordering = ("-placed_at",)
    fields = (
        "reference",
        "public_id",
        "shopper",
        "state",
        "subtotal",
        "discount",
        "shipping",
        "shipping_discount",
        "tax",
        "payable",
        "refunded",
        "channel",
        "region",
        "placed_at",
        "lock_expires_at",
        "redeemed_at",
        "closed_at",
    )
    actions_detail = ("refund",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).select_related("shopper").defer(*SEALED)

    def has_refund_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may refund."""
        user: Any = request.user
        return user.has_perm("coupons.change_order")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Returns the button that refunds an order, as long as it is paid."""
        is_paid = str(object_id).isdecimal() and Order.objects.filter(pk=object_id, state=OrderState.REDEEMED).exists()
        return super().get_actions_detail(request, object_id) if is_paid else []

    @action(
        description=_("Refund in full"),
        icon="undo",
        variant=ActionVariant.DANGER,
        permissions=["refund"],
        dialog={
            "title": _("Refund this order in full?"),
            "description": _(
                "Its coupons are available again and budgets get their money back. Pay the shopper back "
                "where the order was paid; no money moves here."
            ),
            "form_class": None,
            "form_submit_text": _("Refund in full"),
        },
    )
    def refund(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        order = Order.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if order is None:
            raise Http404
        refunded = try_service(
            request, lambda: order_refund(order=order, now=database_now()), done=gettext("Refunded in full.")
        )
        if refunded:
            self.log_change(request, order, "Refunded in full.")
        return leave_dialog(reverse("admin:coupons_order_change", args=[order.pk]))

    @display(description=_("state"), label=STATE_COLOURS, ordering="state")
    def show_state(self, order: Order) -> tuple[str, str]:
        return order.state, order.get_state_display()


class RedemptionEntryInline(ReadOnlyMixin, ShopTabularInline):
    model = RedemptionEntry
    verbose_name_plural = _("Ledger")
    fields = ("created_at", "kind", "amount")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.view_redemption")


@admin.register(Redemption)
class RedemptionAdmin(ReadOnlyMixin, ShopperSearchMixin, LargeTableMixin, ShopModelAdmin):
    inlines = (RedemptionEntryInline,)
    list_display = (
        "show_coupon",
        "show_shopper",
        "order",
        money_column("amount", _("discount")),
        money_column("refunded", _("given back")),
        "redeemed_at",
    )
    list_filter = (
        ("coupon", AutocompleteSelectFilter),
        ("order__state", ChoicesDropdownFilter),
        ("redeemed_at", ShopDaysFilter),
        ("order__placed_at", ShopDaysFilter),
    )
    list_filter_submit = True
    shopper_path = "order__shopper"
    exact_lookups = ("order__reference",)
    ordering = ("-redeemed_at",)
    fields = ("coupon", "claim", "order", "amount", "refunded", "redeemed_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        sealed = [f"order__{name}" for name in SEALED]
        return super().get_queryset(request).select_related("coupon", "claim", "order__shopper").defer(*sealed)

    def public_id_path(self) -> str:
        return "claim__public_id"

    @display(description=_("coupon"))
    def show_coupon(self, redemption: Redemption) -> str:
        return redemption.coupon.title

    @display(description=_("shopper"))
    def show_shopper(self, redemption: Redemption) -> str:
        return str(redemption.order.shopper)
