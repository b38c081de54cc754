"""Waiting lists: looked at, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_tools import LargeTableMixin, ReadOnlyMixin, ShopModelAdmin
from coupons.admin.shopper_search import SEALED, ShopperSearchMixin
from coupons.enums import WaitingState
from coupons.models import WaitingEntry

STATE_COLOURS = {
    WaitingState.WAITING: "warning",
    WaitingState.GRANTED: "success",
    WaitingState.LEFT: "info",
    WaitingState.SKIPPED: "info",
}


@admin.register(WaitingEntry)
class WaitingEntryAdmin(ReadOnlyMixin, ShopperSearchMixin, LargeTableMixin, ShopModelAdmin):
    """Who waits for which coupon, in their order. The search finds a shopper, or a coupon by its id."""

    shopper_path = "shopper"
    list_display = ("coupon", "shopper", "show_state", "joined_at", "closed_at")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("coupon", AutocompleteSelectFilter),
        ("joined_at", ShopDaysFilter),
    )
    list_filter_submit = True
    ordering = ("joined_at", "id")
    fields = ("coupon", "shopper", "state", "joined_at", "closed_at", "claim")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WaitingEntry]:
        related = ("coupon", "shopper", "claim__coupon", "claim__shopper")
        return super().get_queryset(request).select_related(*related).defer(*SEALED)

    @display(description=_("state"), label=STATE_COLOURS)
    def show_state(self, entry: WaitingEntry) -> tuple[str, str]:
        return entry.state, entry.get_state_display()

    def public_id_path(self) -> str:
        """The row has none of its own: the coupon's finds who waits for it."""
        return "coupon__public_id"
