"""Tickets of coupons in queued mode: looked at, never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_tools import LargeTableMixin, ReadOnlyMixin, ShopModelAdmin
from coupons.admin.shopper_search import SEALED, ShopperSearchMixin
from coupons.enums import TicketState
from coupons.models import ClaimTicket
from coupons.services.queueing import refusal_of_answer

STATE_COLOURS = {TicketState.GRANTED: "success", TicketState.REFUSED: "warning"}


@admin.register(ClaimTicket)
class ClaimTicketAdmin(ReadOnlyMixin, ShopperSearchMixin, LargeTableMixin, ShopModelAdmin):
    """What became of places in queues, in their order. The search finds a shopper, or a coupon by its id."""

    shopper_path = "shopper"
    list_display = ("coupon", "arrival", "shopper", "show_state", "show_refusal", "answered_at")
    list_filter = (("coupon", AutocompleteSelectFilter), ("answered_at", ShopDaysFilter))
    list_filter_submit = True
    ordering = ("-answered_at", "-arrival")
    fields = ("id", "coupon", "shopper", "arrival", "show_state", "show_refusal", "claim", "answered_at")
    readonly_fields = ("show_state", "show_refusal")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClaimTicket]:
        related = ("coupon", "shopper", "claim__coupon", "claim__shopper")
        return super().get_queryset(request).select_related(*related).defer(*SEALED)

    @display(description=_("state"), label=STATE_COLOURS)
    def show_state(self, ticket: ClaimTicket) -> tuple[str, Any]:
        state = TicketState.REFUSED if ticket.claim_id is None else TicketState.GRANTED
        return state, state.label

    @display(description=_("refusal"))
    def show_refusal(self, ticket: ClaimTicket) -> str:
        return "" if ticket.claim_id is not None else refusal_of_answer(ticket).sentence

    def public_id_path(self) -> str:
        """The coupon's finds its whole queue."""
        return "coupon__public_id"
