"""The outbox: what was said to whom, and what is still to be sent."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from campaigns.enums import MessageState
from campaigns.models import Message
from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_tools import LargeTableMixin, ReadOnlyMixin, ShopModelAdmin
from users.selectors.identification import people_called

STATE_COLOURS = {
    MessageState.PENDING: "info",
    MessageState.SENDING: "warning",
    MessageState.SENT: "success",
    MessageState.FAILED: "danger",
    MessageState.CANCELLED: "primary",
}
# Sealed at rest; the list shows only the user name.
SEALED = ("shopper__name", "shopper__email", "shopper__phone", "shopper__birthday")


@admin.register(Message)
class MessageAdmin(ReadOnlyMixin, LargeTableMixin, ShopModelAdmin):
    list_display = ("shopper", "channel", "topic", "show_state", "attempts", "created_at", "sent_at", "read_at")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("topic", ChoicesDropdownFilter),
        ("created_at", ShopDaysFilter),
    )
    list_filter_submit = True
    search_fields = ("dedupe_key__exact",)
    search_help_text = _("Exact: the shopper's user name, external id, e-mail or phone")
    ordering = ("-id",)
    fields = (
        "shopper",
        "channel",
        "topic",
        "state",
        "attempts",
        "next_attempt_at",
        "last_error",
        "created_at",
        "sent_at",
        "read_at",
        "data",
        "dedupe_key",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return super().get_queryset(request).select_related("shopper").defer(*SEALED)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(shopper__in=people_called(search_term).values("pk")), False

    @display(description=_("state"), label=STATE_COLOURS)
    def show_state(self, message: Message) -> tuple[str, str]:
        return message.state, message.get_state_display()

    def has_module_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return user.has_perm("campaigns.view_message")
