"""Campaigns: which coupons go out together, and when."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import DateTimeField, QuerySet, Value
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextareaWidget

from campaigns.enums import CampaignStatus
from campaigns.errors import HoldoutTaken
from campaigns.models import Campaign, CampaignCoupon
from campaigns.selectors.campaign_figures import campaign_figures
from campaigns.selectors.holdouts import HOLDING, other_holder
from campaigns.services.campaigns import campaign_end, campaign_pause, campaign_publish, campaign_resume
from campaigns.services.holdouts import campaign_holdout_settle
from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_history import HistoryModelAdmin
from config.kernel.admin_standing import StandingCouponForm
from config.kernel.admin_tools import (
    WHOLE_DAY_HINT,
    DistinctRowsFormSet,
    EndMomentField,
    PreparedChangeList,
    ShopTabularInline,
    StartMomentField,
    leave_dialog,
    shop_window,
    try_service,
    try_service_for_each,
)
from config.kernel.clock import database_now
from coupons.enums import CouponStatus

STATUS_COLOURS = {
    CampaignStatus.DRAFT: "info",
    CampaignStatus.PUBLISHED: "success",
    CampaignStatus.PAUSED: "warning",
    CampaignStatus.ENDED: "default",
}
ACTIONS_OF_STATUS = {
    CampaignStatus.DRAFT: frozenset({"publish"}),
    CampaignStatus.PUBLISHED: frozenset({"pause", "end"}),
    CampaignStatus.PAUSED: frozenset({"resume", "end"}),
    CampaignStatus.ENDED: frozenset(),
}


HOLDOUT_HINT = _(
    "So many of a hundred shoppers, drawn by lot, get none of the coupons that are published with the campaign. What "
    "the others bring more than they do is what the campaign earned. Empty: 10 when all its coupons are for chosen "
    "shoppers, otherwise 0. At most 50, and fixed once the campaign is published."
)


class CampaignForm(forms.ModelForm):
    starts_at = StartMomentField(label=_("Starts"), widget=UnfoldAdminSplitDateTimeWidget)
    ends_at = EndMomentField(label=_("Ends"), widget=UnfoldAdminSplitDateTimeWidget, help_text=WHOLE_DAY_HINT)

    class Meta:
        model = Campaign
        fields = (
            "title_zh",
            "title_en",
            "description_zh",
            "description_en",
            "key",
            "kind",
            "starts_at",
            "ends_at",
            "holdout_percent",
        )
        widgets = {
            "description_zh": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "description_en": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }
        help_texts = {
            "key": _("A short name for addresses and reports: letters, digits and hyphens."),
            "holdout_percent": HOLDOUT_HINT,
        }


class CampaignCouponFormSet(DistinctRowsFormSet):
    distinct_by = ("coupon",)

    def clean(self) -> None:
        """Says beside a coupon that another campaign's holdout stands on it, while this one has one of its own."""
        super().clean()
        campaign: Campaign = self.instance
        if campaign.status not in HOLDING or not campaign.holdout_percent:
            return
        for form in self.forms:
            coupon = getattr(form, "cleaned_data", {}).get("coupon")
            if coupon is None or form in self.deleted_forms or coupon.status != CouponStatus.DRAFT:
                continue
            holder = other_holder(coupon=coupon, campaign=campaign)
            if holder is not None:
                taken = HoldoutTaken(coupon=str(coupon.public_id), title=coupon.title, campaign=holder.title)
                form.add_error("coupon", taken.sentence)


class CampaignCouponInline(ShopTabularInline):
    """The coupons of the campaign, in its order."""

    model = CampaignCoupon
    form = StandingCouponForm
    formset = CampaignCouponFormSet
    autocomplete_fields = ("coupon",)
    fields = ("position", "coupon", "show_state")
    readonly_fields = ("show_state",)
    verbose_name_plural = _("Coupons of this campaign")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CampaignCoupon]:
        moment = Value(database_now(), output_field=DateTimeField())
        return super().get_queryset(request).select_related("coupon").annotate(seen_at=moment)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, "view") or _may(request, "change")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, "change") if obj else _may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, "change")

    @display(description=_("state"))
    def show_state(self, entry: CampaignCoupon) -> str:
        # The row to be filled in has no coupon yet.
        return str(entry.coupon.state(entry.seen_at).label) if entry.coupon_id else "–"  # type: ignore[attr-defined]


def _may(request: HttpRequest, verb: str) -> bool:
    user: Any = request.user
    return user.has_perm(f"campaigns.{verb}_campaign")


class CampaignChangeList(PreparedChangeList):
    """The list with the figures of the campaigns on its page."""

    def prepare(self, rows: list[Any]) -> None:
        figures = campaign_figures(campaign.pk for campaign in rows)
        for campaign in rows:
            campaign.figures = figures[campaign.pk]


def _dialog(title: Any, description: Any, submit: Any) -> Any:
    return {"title": title, "description": description, "form_submit_text": submit, "form_class": None}


@admin.register(Campaign)
class CampaignAdmin(HistoryModelAdmin):
    """`status` is never a field: only services move it, and the coupons go along."""

    form = CampaignForm
    inlines = (CampaignCouponInline,)
    list_display = ("show_title", "show_status", "show_window", "show_coupons", "show_claimed", "show_redeemed")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("coupons", AutocompleteSelectFilter),
        ("starts_at", ShopDaysFilter),
        ("ends_at", ShopDaysFilter),
    )
    list_filter_submit = True
    search_fields = ("title_zh", "title_en", "key")
    ordering = ("-starts_at", "-id")
    date_hierarchy = "starts_at"
    prepopulated_fields = {"key": ("title_en",)}
    readonly_fields = ("show_status_now", "show_report")
    actions = ("publish_selected", "pause_selected", "resume_selected", "end_selected")
    actions_detail = ("publish", "resume", "pause", "end")

    # Pages

    def get_fieldsets(self, request: HttpRequest, obj: Campaign | None = None) -> list[tuple[Any, dict[str, Any]]]:
        words = ["title_zh", "title_en", "description_zh", "description_en", "key", "kind"]
        return [
            *([] if obj is None else [(None, {"fields": ["show_status_now"]})]),
            (_("What it is"), {"fields": words}),
            (_("When it runs"), {"fields": ["starts_at", "ends_at"]}),
            *([] if obj is None else [(_("What came of it"), {"fields": ["show_report"]})]),
            (_("What it earns"), {"fields": ["holdout_percent"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> tuple[str, ...]:
        # Another split would mix those who had the coupon with those who had not.
        is_fixed = obj is not None and obj.status != CampaignStatus.DRAFT
        return (*self.readonly_fields, "holdout_percent") if is_fixed else self.readonly_fields

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        campaign_holdout_settle(campaign=form.instance)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Campaign | None = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CampaignChangeList

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Returns the buttons that make sense in the campaign's present state."""
        campaign = Campaign.objects.filter(pk=object_id).first() if str(object_id).isdecimal() else None
        names = ACTIONS_OF_STATUS[CampaignStatus(campaign.status)] if campaign else frozenset()
        allowed = super().get_actions_detail(request, object_id)
        return [item for item in allowed if item.action_name.removeprefix("campaigns_campaign_") in names]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A draft that reached nobody may go; anything else is part of what happened.
        if isinstance(obj, Campaign) and obj.status != CampaignStatus.DRAFT:
            return False
        return obj is not None and super().has_delete_permission(request, obj)

    # Columns

    @display(description=_("campaign"), ordering="title_en", header=True)
    def show_title(self, campaign: Campaign) -> list[str]:
        return [campaign.title, campaign.get_kind_display()]

    @display(description=_("state"), label=STATUS_COLOURS, ordering="status")
    def show_status(self, campaign: Campaign) -> tuple[str, str]:
        return campaign.status, campaign.get_status_display()

    @display(description=_("window"), ordering="starts_at")
    def show_window(self, campaign: Campaign) -> SafeString:
        return shop_window(campaign.starts_at, campaign.ends_at)

    @display(description=_("coupons"))
    def show_coupons(self, campaign: Campaign) -> int:
        return campaign.figures.coupons  # type: ignore[attr-defined]  # set by CampaignChangeList

    @display(description=_("claims"))
    def show_claimed(self, campaign: Campaign) -> int:
        return campaign.figures.claimed  # type: ignore[attr-defined]

    @display(description=_("redemptions"))
    def show_redeemed(self, campaign: Campaign) -> int:
        return campaign.figures.redeemed  # type: ignore[attr-defined]

    @display(description=_("state"))
    def show_status_now(self, campaign: Campaign) -> SafeString:
        status = CampaignStatus(campaign.status)
        return render_to_string(
            "unfold/helpers/display_label.html", {"label": status.label, "label_type": STATUS_COLOURS[status]}
        )

    @display(description=_("report"))
    def show_report(self, campaign: Campaign) -> SafeString:
        link = reverse("figures:report", args=[campaign.pk])
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500 underline" href="{}">{}</a>',
            link,
            gettext("All figures, to read or print"),
        )

    # Actions

    @action(
        description=_("Publish"),
        icon="rocket_launch",
        variant=ActionVariant.SUCCESS,
        permissions=["change"],
        dialog=_dialog(
            _("Publish this campaign?"),
            _("Its draft coupons are published too; shoppers can claim them in their claim windows."),
            _("Publish"),
        ),
    )
    def publish(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, campaign_publish, gettext("Published."))

    @action(
        description=_("Pause"),
        icon="pause",
        variant=ActionVariant.WARNING,
        permissions=["change"],
        dialog=_dialog(
            _("Pause this campaign?"),
            _("Its coupons are paused too. Claims already made stay usable."),
            _("Pause"),
        ),
    )
    def pause(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, campaign_pause, gettext("Paused."))

    @action(
        description=_("Resume"),
        icon="play_arrow",
        variant=ActionVariant.SUCCESS,
        permissions=["change"],
        dialog=_dialog(_("Resume this campaign?"), _("All its paused coupons can be claimed again."), _("Resume")),
    )
    def resume(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, campaign_resume, gettext("Resumed."))

    @action(
        description=_("End"),
        icon="stop",
        variant=ActionVariant.DANGER,
        permissions=["change"],
        dialog=_dialog(
            _("End this campaign for good?"),
            _("Its coupons end too and cannot be resumed. Claims already made stay usable."),
            _("End"),
        ),
    )
    def end(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, campaign_end, gettext("Ended."))

    @action(description=_("Publish"), permissions=["change"])
    def publish_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._decide_for_each(request, queryset, campaign_publish)

    @action(description=_("Pause"), permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._decide_for_each(request, queryset, campaign_pause)

    @action(description=_("Resume"), permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._decide_for_each(request, queryset, campaign_resume)

    @action(description=_("End for good"), permissions=["change"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._decide_for_each(request, queryset, campaign_end)

    def _decide(self, request: HttpRequest, object_id: str, service: Any, done: str) -> HttpResponse:
        campaign = Campaign.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if campaign is None:
            raise Http404
        now = database_now()
        try_service(request, lambda: service(campaign=campaign, actor=request.user, now=now), done=done)
        return leave_dialog(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))

    def _decide_for_each(self, request: HttpRequest, campaigns: QuerySet[Campaign], service: Any) -> None:
        now = database_now()
        try_service_for_each(
            request,
            campaigns.order_by("pk"),
            lambda campaign: service(campaign=campaign, actor=request.user, now=now),
        )
