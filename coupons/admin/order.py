"""Orders and redemptions as they happened: looked at, never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_tools import LargeTableMixin, ReadOnlyMixin, ShopModelAdmin, ShopTabularInline, money_column
from coupons.admin.shopper_search import SEALED, ShopperSearchMixin
from coupons.enums import OrderState
from coupons.models import Order, OrderLine, Redemption, RedemptionEntry

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
    fields = ("number", "product", "unit_price", "quantity", "discount", "payable")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).select_related("product")


class OrderRedemptionInline(_PartOfOrderMixin, ShopTabularInline):
    model = Redemption
    fields = ("claim", "amount", "refunded", "redeemed_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        return super().get_queryset(request).select_related("claim__coupon", "claim__shopper")


@admin.register(Order)
class OrderAdmin(ReadOnlyMixin, ShopperSearchMixin, LargeTableMixin, ShopModelAdmin):
    inlines = (OrderLineInline, OrderRedemptionInline)
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
        "payable",
        "refunded",
        "placed_at",
        "lock_expires_at",
        "redeemed_at",
        "closed_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).select_related("shopper").defer(*SEALED)

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
    list_filter = (("coupon", AutocompleteSelectFilter), ("redeemed_at", ShopDaysFilter))
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
