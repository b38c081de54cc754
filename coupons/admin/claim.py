"""Claims: looked at, revoked and extended, never edited."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.views import ChangeList
from unfold.widgets import INPUT_CLASSES, UnfoldAdminTextInputWidget

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_tools import (
    LargeTableMixin,
    PreparedChangeList,
    ReadOnlyMixin,
    ShopModelAdmin,
    ShopTabularInline,
    leave_dialog,
    try_service,
)
from config.kernel.clock import database_now
from coupons.admin.shopper_search import SEALED, ShopperSearchMixin
from coupons.enums import ClaimState
from coupons.models import Claim, ClaimEntry
from coupons.services.claim_states import claim_extend, claim_revoke

STATE_COLOURS = {
    ClaimState.AVAILABLE: "success",
    ClaimState.LOCKED: "warning",
    ClaimState.REDEEMED: "primary",
    ClaimState.GIFTING: "warning",
    ClaimState.GIFTED: "info",
    ClaimState.EXPIRED: "info",
    ClaimState.REVOKED: "danger",
}
ACTIONS_OF_STATE = {
    ClaimState.AVAILABLE: frozenset({"revoke", "extend"}),
    ClaimState.EXPIRED: frozenset({"extend"}),
}


class ClaimStateFilter(DropdownFilter):
    """The state as the shopper sees it: expired from its end on, before any job has run."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return list(ClaimState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Claim]) -> QuerySet[Claim]:
        past_end = Q(state=ClaimState.AVAILABLE, expires_at__lte=database_now())
        match self.value():
            case ClaimState.AVAILABLE:
                return queryset.filter(state=ClaimState.AVAILABLE).exclude(past_end)
            case ClaimState.EXPIRED:
                return queryset.filter(Q(state=ClaimState.EXPIRED) | past_end)
            case state if state in ClaimState.values:
                return queryset.filter(state=state)
        return queryset


class ClaimEntryInline(ReadOnlyMixin, ShopTabularInline):
    model = ClaimEntry
    verbose_name_plural = _("Ledger")
    fields = ("created_at", "from_state", "to_state", "reason", "order", "data")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClaimEntry]:
        return super().get_queryset(request).select_related("order")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.view_claim") or user.has_perm("coupons.change_claim")


class RevokeForm(BaseDialogForm):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Kept in the claim's ledger."),
    )


class ExtendForm(BaseDialogForm):
    until = forms.DateTimeField(
        label=_("Usable until"),
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M"
        ),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )

    def clean_until(self) -> datetime:
        """Asks for a later end than the claim has, in the future."""
        until: datetime = self.cleaned_data["until"]
        claim = Claim.objects.filter(pk=self.object_id).first()
        if claim is not None and until <= max(claim.expires_at, database_now()):
            raise forms.ValidationError(gettext("Choose a moment after its present end, and not in the past."))
        return until


class ClaimChangeList(PreparedChangeList):
    """Shows every row of the list as it stands at one moment."""

    def prepare(self, rows: list[Any]) -> None:
        now = database_now()
        for claim in rows:
            claim.seen_at = now


@admin.register(Claim)
class ClaimAdmin(ReadOnlyMixin, ShopperSearchMixin, LargeTableMixin, ShopModelAdmin):
    """Who holds which coupon. The right to change claims grants the actions, not a form."""

    inlines = (ClaimEntryInline,)
    list_display = ("coupon", "shopper", "show_state", "channel", "claimed_at", "expires_at")
    list_select_related = ("coupon", "shopper")
    list_filter = (
        ClaimStateFilter,
        ("coupon", AutocompleteSelectFilter),
        ("channel", ChoicesDropdownFilter),
        ("claimed_at", ShopDaysFilter),
    )
    list_filter_submit = True
    ordering = ("-id",)
    fields = (
        "public_id",
        "coupon",
        "shopper",
        "ordinal",
        "show_state_name",
        "channel",
        "claimed_at",
        "usable_from",
        "expires_at",
        "order",
    )
    actions_detail = ("extend", "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Claim]:
        return super().get_queryset(request).select_related("coupon", "shopper").defer(*SEALED)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may revoke and extend."""
        user: Any = request.user
        return user.has_perm("coupons.change_claim")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ClaimChangeList

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        claim = Claim.objects.filter(pk=object_id).first() if str(object_id).isdecimal() else None
        names = ACTIONS_OF_STATE.get(claim.state_at(database_now()), frozenset()) if claim else frozenset()
        allowed = super().get_actions_detail(request, object_id)
        return [item for item in allowed if item.action_name.removeprefix("coupons_claim_") in names]

    @display(description=_("state"), label=STATE_COLOURS)
    def show_state(self, claim: Claim) -> tuple[str, str]:
        state = claim.state_at(getattr(claim, "seen_at", None) or database_now())
        return state.value, str(state.label)

    @display(description=_("state"))
    def show_state_name(self, claim: Claim) -> str:
        # A page, unlike a list, prints a coloured label's two parts as they are.
        return str(claim.state_at(database_now()).label)

    @action(
        description=_("Revoke"),
        icon="block",
        variant=ActionVariant.DANGER,
        permissions=["act"],
        dialog={
            "title": _("Take this coupon away from its shopper?"),
            "description": _("A revoked claim does not come back."),
            "form_class": RevokeForm,
            "form_submit_text": _("Revoke"),
        },
    )
    def revoke(self, request: HttpRequest, form: RevokeForm, object_id: str) -> HttpResponse:
        claim, now, actor = _claim(object_id), database_now(), request.user
        reason = form.cleaned_data["reason"]
        try_service(
            request,
            lambda: claim_revoke(claim=claim, actor=actor, reason=reason, now=now),  # type: ignore[arg-type]  # staff
            done=gettext("Revoked."),
        )
        return leave_dialog(reverse("admin:coupons_claim_change", args=[claim.pk]))

    @action(
        description=_("Extend"),
        icon="more_time",
        permissions=["act"],
        dialog={
            "title": _("Extend this claim"),
            "description": _("An expired claim becomes usable again."),
            "form_class": ExtendForm,
            "form_submit_text": _("Extend"),
        },
    )
    def extend(self, request: HttpRequest, form: ExtendForm, object_id: str) -> HttpResponse:
        claim, now, actor = _claim(object_id), database_now(), request.user
        until = form.cleaned_data["until"]
        try_service(
            request,
            lambda: claim_extend(claim=claim, until=until, actor=actor, now=now),  # type: ignore[arg-type]  # staff
            done=gettext("Extended."),
        )
        return leave_dialog(reverse("admin:coupons_claim_change", args=[claim.pk]))


def _claim(object_id: str) -> Claim:
    claim = Claim.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
    if claim is None:
        raise Http404
    return claim
