"""Runs: what was looked at, what came of it, and how good it was."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from analytics.admin.profiles import feature_title
from analytics.enums import RunState, WindowEnd
from analytics.models import Run, Segment
from config.kernel.admin_tools import ReadOnlyMixin, ShopModelAdmin

STATE_COLOURS = {
    RunState.RUNNING: "info",
    RunState.PUBLISHED: "success",
    RunState.SKIPPED: "warning",
    RunState.FAILED: "danger",
}
FIGURES = (
    ("shoppers", gettext_lazy("Shoppers with a purchase")),
    ("tagged", gettext_lazy("Shoppers tagged")),
    ("fitted", gettext_lazy("Shoppers learned from")),
    ("k", gettext_lazy("Segments")),
    ("silhouette", gettext_lazy("Silhouette (-1 to 1, higher is better separated)")),
    ("stability", gettext_lazy("Agreement with groupings of 80 % resamples (1 is the same)")),
    ("agreement_with_last_night", gettext_lazy("Agreement with the tags of the run before (1 is the same)")),
    ("inertia", gettext_lazy("Inertia")),
    ("coupons", gettext_lazy("Coupons forecast")),
    ("running_out", gettext_lazy("Coupons expected to run out within four weeks")),
    ("claims_a_day", gettext_lazy("Claims a day, next week")),
    ("budgets_running_out", gettext_lazy("Coupons whose budget is expected to end within four weeks")),
    ("redemptions_a_week", gettext_lazy("Uses in the next seven days")),
    ("demand_failed", gettext_lazy("Why shelves were not forecast")),
    ("groups", gettext_lazy("Variant groups")),
    ("measured", gettext_lazy("Decisions measured tonight")),
    ("earned", gettext_lazy("Reward of the model in use, with its interval")),
    ("earned_before", gettext_lazy("Reward of the model before, with its interval")),
    ("scores", gettext_lazy("Scores of coupons written")),
    ("triggered", gettext_lazy("Shoppers near to buying")),
    ("seconds", gettext_lazy("Seconds")),
    ("peak_memory_mib", gettext_lazy("Peak memory in MiB")),
)


@admin.register(Run)
class RunAdmin(ReadOnlyMixin, ShopModelAdmin):
    class Media:
        css = {"all": ["analytics/charts.css"]}

    list_display = ("id", "job", "show_state", "show_reason", "started_at", "window_end", "show_k", "show_silhouette")
    list_display_links = ("id", "job")
    list_filter = (("state", ChoicesDropdownFilter), ("job", ChoicesDropdownFilter))
    list_filter_submit = True
    fieldsets = (
        (None, {"fields": ("job", "state", "show_reason", "started_at", "finished_at")}),
        (
            gettext_lazy("Looked at"),
            {"fields": ("window_start", "window_end", "show_window_end", "seed", "code_version")},
        ),
        (gettext_lazy("Figures"), {"fields": ("show_metrics",)}),
    )
    readonly_fields = ("show_reason", "show_window_end", "show_metrics")

    @display(description=gettext_lazy("state"), ordering="state", label=STATE_COLOURS)
    def show_state(self, run: Run) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @display(description=gettext_lazy("reason"))
    def show_reason(self, run: Run) -> str:
        return run.reason_text or "–"

    @display(description=gettext_lazy("end of the window"))
    def show_window_end(self, run: Run) -> str:
        value = run.parameters.get("window_ends_with")
        return str(WindowEnd(value).label) if value in WindowEnd.values else "–"

    @display(description=gettext_lazy("segments"))
    def show_k(self, run: Run) -> str:
        return str(run.metrics.get("k", "–"))

    @display(description=gettext_lazy("silhouette"))
    def show_silhouette(self, run: Run) -> str:
        return str(run.metrics.get("silhouette", "–"))

    @display(description=gettext_lazy("figures"))
    def show_metrics(self, run: Run) -> str:
        return render_to_string("admin/analytics/run/metrics.html", readable_metrics(run))


def readable_metrics(run: Run) -> dict[str, Any]:
    """Returns a run's figures under titles: single ones, one row per k, one row per segment."""
    metrics = run.metrics
    figures = [(str(title), _as_text(metrics[name])) for name, title in FIGURES if metrics.get(name) is not None]
    alarms = metrics.get("drift_alarm", [])
    sizes = metrics.get("sizes", {})
    names = {segment.key: str(segment) for segment in Segment.objects.filter(key__in=sizes)}
    return {
        "figures": figures,
        "candidates": metrics.get("candidates", []),
        "chosen_k": metrics.get("k"),
        "sizes": [(names.get(key, key), f"{size:,}") for key, size in sorted(sizes.items(), key=lambda pair: -pair[1])],
        "drift": [
            (feature_title(name), index, name in alarms)
            for name, index in sorted(metrics.get("drift", {}).items(), key=lambda pair: -pair[1])
        ],
        "estimates": [_estimate_row(estimate) for estimate in metrics.get("estimates", [])],
        "empty": _("Nothing was measured."),
    }


def _estimate_row(estimate: dict[str, Any]) -> dict[str, Any]:
    return {**estimate, **{name: _as_text(estimate.get(name)) for name in ("ips", "snips", "doubly_robust", "gain")}}


def _as_text(figure: Any) -> Any:
    """Returns an estimate with its interval as people write it, anything else as it is."""
    if figure is None:
        return "–"
    if isinstance(figure, list) and len(figure) == 3:
        value, low, high = figure
        return f"{value:.3f} [{low:.3f}, {high:.3f}]"
    return figure
