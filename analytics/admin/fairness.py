"""How fairly discounts were spread, night by night."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from analytics.models import FairnessSnapshot
from config.kernel.admin_tools import ReadOnlyMixin, ShopModelAdmin


@admin.register(FairnessSnapshot)
class FairnessSnapshotAdmin(ReadOnlyMixin, ShopModelAdmin):
    list_display = ("day", "shoppers", "show_gini", "show_alarms")
    ordering = ("-day",)
    fields = ("day", "first", "last", "shoppers", "gini", "alarms", "created_at")

    @display(description=_("Gini coefficient"), ordering="gini")
    def show_gini(self, snapshot: FairnessSnapshot) -> str:
        return "–" if snapshot.gini is None else f"{snapshot.gini:.3f}"

    @display(description=_("alarms"))
    def show_alarms(self, snapshot: FairnessSnapshot) -> int:
        return len(snapshot.alarms)
