"""How a marketer narrows the list of coupons."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from config.kernel.clock import database_now
from coupons.enums import CouponState
from coupons.models import Coupon
from coupons.selectors.coupon_figures import coupons_running_out, coupons_sold_out


class StateFilter(DropdownFilter):
    """Where a coupon stands now: the marketer's decision and the clock together."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return list(CouponState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Coupon]) -> QuerySet[Coupon]:
        if self.value() not in CouponState.values:
            return queryset
        in_state = Coupon.objects.in_state(CouponState(self.value()), database_now())
        return queryset.filter(pk__in=in_state.values("pk"))


class StockFilter(DropdownFilter):
    """Live coupons that need a look at their stock."""

    title = _("stock")
    parameter_name = "stock"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [("running_out", _("Running out")), ("sold_out", _("Sold out"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Coupon]) -> QuerySet[Coupon]:
        match self.value():
            case "running_out":
                return coupons_running_out(queryset, now=database_now())
            case "sold_out":
                return coupons_sold_out(queryset, now=database_now())
        return queryset
