"""The registry of models: what each learned, how good it is, putting one into use, returning to the one before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from analytics.enums import Job, ModelState
from analytics.models import ModelPromotion, ModelVersion
from analytics.services.registry import model_promote, model_roll_back
from config.kernel.admin_tools import (
    ReadOnlyMixin,
    ShopModelAdmin,
    ShopTabularInline,
    leave_dialog,
    shop_moment,
    try_service,
)
from config.kernel.clock import database_now

STATE_COLOURS = {ModelState.CHALLENGER: "info", ModelState.CHAMPION: "success", ModelState.RETIRED: "default"}


class ReasonForm(BaseDialogForm):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=400,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Kept with the decision for good."),
    )


class PromotionInline(ReadOnlyMixin, ShopTabularInline):
    model = ModelPromotion
    fk_name = "model"
    verbose_name_plural = _("how it came into use")
    fields = ("at", "kind", "before", "show_decided_by", "reason")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelPromotion]:
        return super().get_queryset(request).select_related("before", "decided_by")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return user.has_perm("analytics.view_modelversion") or user.has_perm("analytics.change_modelversion")

    @display(description=_("decided by"))
    def show_decided_by(self, promotion: ModelPromotion) -> str:
        return gettext("the nightly job") if promotion.decided_by is None else promotion.decided_by.username


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyMixin, ShopModelAdmin):
    """The right to change puts models into use; nobody edits one."""

    class Media:
        css = {"all": ["analytics/charts.css"]}

    list_display = ("id", "job", "show_state", "show_created", "show_headline")
    list_display_links = ("id", "job")
    list_filter = (("job", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter))
    list_filter_submit = True
    inlines = (PromotionInline,)
    actions_detail = ("promote", "roll_back")
    fieldsets = (
        (None, {"fields": ("job", "show_state", "show_created")}),
        (_("Learned from"), {"fields": ("show_run", "show_window", "show_seed", "show_code")}),
        (_("Figures"), {"fields": ("show_metrics",)}),
        (_("Stored"), {"fields": ("checksum", "show_description")}),
    )
    readonly_fields = (
        "show_state",
        "show_created",
        "show_run",
        "show_window",
        "show_seed",
        "show_code",
        "show_metrics",
        "show_description",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        # The arrays may be large, and no page shows them.
        return super().get_queryset(request).defer("artefact").select_related("run")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Returns the one button that makes sense for the model as it stands."""
        version = self.get_queryset(request).filter(pk=object_id).first() if str(object_id).isdecimal() else None
        if version is None:
            return []
        name = "roll_back" if version.state == ModelState.CHAMPION else "promote"
        allowed = super().get_actions_detail(request, object_id)
        return [item for item in allowed if item.action_name.removeprefix("analytics_modelversion_") == name]

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may decide which model is used."""
        user: Any = request.user
        return user.has_perm("analytics.change_modelversion")

    @display(description=_("state"), label=STATE_COLOURS, ordering="state")
    def show_state(self, version: ModelVersion) -> tuple[str, str]:
        return version.state, version.get_state_display()

    @display(description=_("learned"), ordering="created_at")
    def show_created(self, version: ModelVersion) -> str:
        return shop_moment(version.created_at)

    @display(description=_("figures"))
    def show_headline(self, version: ModelVersion) -> str:
        measured = {name: figure for name, figure in version.metrics.items() if isinstance(figure, float)}
        return ", ".join(f"{name} {figure}" for name, figure in plain_figures(measured)[:3]) or "–"

    @display(description=_("run"))
    def show_run(self, version: ModelVersion) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:analytics_run_change", args=[version.run_id]), version.run
        )

    @display(description=_("window"))
    def show_window(self, version: ModelVersion) -> str:
        return f"{shop_moment(version.run.window_start)} – {shop_moment(version.run.window_end)}"

    @display(description=_("seed"))
    def show_seed(self, version: ModelVersion) -> str:
        return str(version.run.seed)

    @display(description=_("code version"))
    def show_code(self, version: ModelVersion) -> str:
        return version.run.code_version or "–"

    @display(description=_("figures"))
    def show_metrics(self, version: ModelVersion) -> str:
        return _table(version.metrics)

    @display(description=_("what the arrays mean"))
    def show_description(self, version: ModelVersion) -> str:
        return _table(version.description)

    @action(
        description=_("Put into use"),
        icon="upgrade",
        variant=ActionVariant.SUCCESS,
        permissions=["act"],
        dialog={
            "title": _("Decide with this model from now on?"),
            "description": _("The nightly job uses it at its next run. The model in use now is kept."),
            "form_class": ReasonForm,
            "form_submit_text": _("Put into use"),
        },
    )
    def promote(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        version = _version(object_id)
        return _decide(
            request, form, version, partial(model_promote, version=version), gettext("In use from the next run on.")
        )

    @action(
        description=_("Roll back"),
        icon="undo",
        variant=ActionVariant.DANGER,
        permissions=["act"],
        dialog={
            "title": _("Return to the model before?"),
            "description": _("The nightly job uses the model that was in use before this one."),
            "form_class": ReasonForm,
            "form_submit_text": _("Roll back"),
        },
    )
    def roll_back(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        version = _version(object_id)
        return _decide(request, form, version, partial(model_roll_back, job=Job(version.job)), gettext("Rolled back."))


def plain_figures(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns the members of a dictionary that are single figures or words, as a person reads them."""
    plain = {name: value for name, value in figures.items() if isinstance(value, bool | int | float | str)}
    return [(name, f"{value:.4g}" if isinstance(value, float) else str(value)) for name, value in plain.items()]


def _decide(
    request: HttpRequest, form: ReasonForm, version: ModelVersion, service: Callable[..., object], done: str
) -> HttpResponse:
    decide = partial(service, reason=form.cleaned_data["reason"], now=database_now(), decided_by=request.user)
    try_service(request, decide, done=done)
    return leave_dialog(reverse("admin:analytics_modelversion_change", args=[version.pk]))


def _table(figures: dict[str, Any]) -> str:
    empty = gettext("Nothing was measured.")
    return render_to_string("admin/analytics/run/metrics.html", {"figures": plain_figures(figures), "empty": empty})


def _version(object_id: str) -> ModelVersion:
    versions = ModelVersion.objects.defer("artefact").select_related("run")
    version = versions.filter(pk=object_id).first() if str(object_id).isdecimal() else None
    if version is None:
        raise Http404
    return version
