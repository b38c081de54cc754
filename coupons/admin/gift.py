"""Gifts as they went: looked at, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_tools import LargeTableMixin, ReadOnlyMixin, ShopModelAdmin
from config.kernel.clock import database_now
from coupons.admin.shopper_search import ShopperSearchMixin
from coupons.enums import GiftState
from coupons.models import Gift

STATE_COLOURS = {
    GiftState.OFFERED: "warning",
    GiftState.ACCEPTED: "success",
    GiftState.CANCELLED: "info",
    GiftState.EXPIRED: "info",
}
SEALED = tuple(
    f"{person}__{field}" for person in ("giver", "recipient") for field in ("name", "email", "phone", "birthday")
)


@admin.register(Gift)
class GiftAdmin(ReadOnlyMixin, ShopperSearchMixin, LargeTableMixin, ShopModelAdmin):
    """Who gave what to whom. The search finds a giver."""

    shopper_path = "giver"
    list_display = ("show_coupon", "giver", "recipient", "show_state", "offered_at", "expires_at", "closed_at")
    list_filter = (("state", ChoicesDropdownFilter), ("offered_at", ShopDaysFilter))
    list_filter_submit = True
    ordering = ("-id",)
    # Without the message: it is between two shoppers. Without the checksum: it is nobody's business.
    fields = (
        "public_id",
        "claim",
        "giver",
        "recipient",
        "received",
        "show_state_now",
        "offered_at",
        "expires_at",
        "closed_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gift]:
        related = ("claim__coupon", "claim__shopper", "giver", "recipient", "received__coupon", "received__shopper")
        return super().get_queryset(request).select_related(*related).defer(*SEALED)

    @display(description=_("coupon"))
    def show_coupon(self, gift: Gift) -> str:
        return gift.claim.coupon.title

    @display(description=_("state"), label=STATE_COLOURS)
    def show_state(self, gift: Gift) -> tuple[str, str]:
        state = gift.state_at(database_now())
        return state.value, str(state.label)

    @display(description=_("state"))
    def show_state_now(self, gift: Gift) -> str:
        return str(gift.state_at(database_now()).label)
