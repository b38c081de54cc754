"""Segments: what the nightly run found, for marketers to read, name and reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from analytics.admin.profiles import profile_figures, profile_in_short
from analytics.charts import Bar, BarChart, ColumnChart, Series
from analytics.models import Segment
from analytics.selectors.segment_history import Night, segment_nights
from analytics.services.segments import segment_rename
from config.kernel.admin_tools import ShopModelAdmin

SHOWN_NIGHTS = 60


@admin.register(Segment)
class SegmentAdmin(ShopModelAdmin):
    """Found by the run and only named here: nothing is added, nothing deleted."""

    class Media:
        css = {"all": ["analytics/charts.css"]}

    list_display = ("show_name", "key", "show_size", "show_profile", "show_shoppers", "is_active", "run")
    list_select_related = ("run",)
    list_filter = ("is_active",)
    search_fields = ("key", "name_en", "name_zh")
    fieldsets = (
        (None, {"fields": ("name_en", "name_zh")}),
        (
            gettext_lazy("What the run found"),
            {"fields": ("key", "size", "show_shoppers", "is_active", "is_renamed", "run", "show_averages")},
        ),
        (gettext_lazy("Night by night"), {"fields": ("show_nights",)}),
    )
    readonly_fields = (
        "key", "size", "show_shoppers", "is_active", "is_renamed", "run", "show_averages", "show_nights",
    )  # fmt: skip
    list_before_template = "admin/analytics/segment/sizes.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"sizes_chart": sizes_chart(), **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Segment, form: ModelForm, change: bool) -> None:
        """Saves nothing but new names; from then on the run keeps them."""
        if form.changed_data:
            segment_rename(segment=obj, name_en=obj.name_en, name_zh=obj.name_zh)

    @display(description=gettext_lazy("segment"), ordering="name_en")
    def show_name(self, segment: Segment) -> str:
        return str(segment)

    @display(description=gettext_lazy("shoppers"), ordering="size")
    def show_size(self, segment: Segment) -> str:
        return f"{segment.size:,}"

    @display(description=gettext_lazy("averages"))
    def show_profile(self, segment: Segment) -> str:
        return profile_in_short(segment.profile)

    @display(description=gettext_lazy("tag"))
    def show_shoppers(self, segment: Segment) -> SafeString:
        return format_html('<a class="underline" href="{}">{}</a>', shoppers_link(segment), segment.tag_name)

    @display(description=gettext_lazy("averages"))
    def show_averages(self, segment: Segment) -> str:
        return render_to_string("admin/analytics/segment/profile.html", {"figures": profile_figures(segment.profile)})

    @display(description=gettext_lazy("size and drift"))
    def show_nights(self, segment: Segment) -> str:
        nights = segment_nights(segment, newest=SHOWN_NIGHTS)
        charts = {"sizes": nights_chart(nights), "drift": drift_chart(nights)}
        return render_to_string("admin/analytics/segment/nights.html", charts)


def shoppers_link(segment: Segment) -> str:
    """Returns the list of the shoppers who carry a segment's tag."""
    return f"{reverse('admin:users_user_changelist')}?{urlencode({'tag': segment.tag_name})}"


def sizes_chart() -> BarChart:
    """Returns the active segments by size."""
    segments = list(Segment.objects.filter(is_active=True).order_by("-size", "key"))
    total = sum(segment.size for segment in segments) or 1
    return BarChart(
        title=_("Shoppers by segment"),
        description=", ".join(f"{segment} {segment.size:,}" for segment in segments),
        bars=[
            Bar(
                label=str(segment),
                number=segment.size,
                text=f"{segment.size:,} · {100 * segment.size / total:.1f}%",
                link=reverse("admin:analytics_segment_change", args=[segment.pk]),
            )
            for segment in segments
        ],
    )


def nights_chart(nights: Sequence[Night]) -> ColumnChart:
    """Returns a segment's size in its last runs, the newest to the right."""
    sizes = [night.size for night in nights]
    return ColumnChart(
        title=_("Shoppers in each run"),
        description=_("%(count)d runs, %(size)s shoppers in the newest.")
        % {"count": len(sizes), "size": f"{sizes[-1]:,}" if sizes else "0"},
        labels=_days(nights),
        series=[Series(_("Shoppers"), sizes, [f"{size:,}" for size in sizes])],
    )


def drift_chart(nights: Sequence[Night]) -> ColumnChart:
    """Returns how far a segment's centre moved from run to run, the newest to the right.

    In hundredths of a standard deviation: the chart's steps are whole numbers.
    """
    moves = [100 * night.moved if night.moved is not None else 0.0 for night in nights]
    texts = [f"{night.moved:.3f}" if night.moved is not None else "–" for night in nights]
    return ColumnChart(
        title=_("How far its centre moved, in hundredths of a standard deviation"),
        description=_("From 100 on, a segment is no longer the same: it gets a new name."),
        labels=_days(nights),
        series=[Series(_("Moved, in standard deviations"), moves, texts)],
    )


def _days(nights: Sequence[Night]) -> list[str]:
    return [date_format(localtime(night.at), "m-d") for night in nights]
