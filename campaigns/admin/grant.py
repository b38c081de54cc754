"""Grants: drafted in a small form, looked over, started, and watched while a worker goes through the shoppers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from campaigns.enums import GrantState
from campaigns.models import Grant
from campaigns.selectors.grants import grant_audience
from campaigns.services.grants import (
    FAILED,
    grant_cancel,
    grant_create,
    grant_pause,
    grant_resume,
    grant_start,
    refuse_unless_grantable,
)
from config.kernel.admin_history import HistoryModelAdmin
from config.kernel.admin_tools import LargeTableMixin, leave_dialog, shop_moment, try_service
from config.kernel.clock import database_now
from config.kernel.errors import DomainError
from coupons.enums import AudienceKind
from coupons.errors import Ended, NotEligible, Paused, SoldOut, TermsNeeded
from coupons.models import Coupon, Stock

STATE_COLOURS = {
    GrantState.DRAFT: "info",
    GrantState.WAITING: "info",
    GrantState.RUNNING: "warning",
    GrantState.PAUSED: "warning",
    GrantState.STOPPED: "danger",
    GrantState.DONE: "success",
    GrantState.CANCELLED: "default",
}
ACTIONS_OF_STATE = {
    GrantState.DRAFT: frozenset({"start", "cancel"}),
    GrantState.WAITING: frozenset({"pause", "cancel"}),
    GrantState.RUNNING: frozenset({"pause", "cancel"}),
    GrantState.PAUSED: frozenset({"resume", "cancel"}),
    GrantState.STOPPED: frozenset({"resume", "cancel"}),
    GrantState.DONE: frozenset(),
    GrantState.CANCELLED: frozenset(),
}
WHY_STOPPED: dict[str, Any] = {
    **{error.code: error.message for error in (SoldOut, Ended, Paused, TermsNeeded, NotEligible)},
    FAILED: _("Something went wrong; the log says what. Resume it to go on from where it stopped."),
}
WHY_REFUSED: dict[str, Any] = {
    "shopper": _("had claimed it as often as allowed"),
    "shopper_day": _("had claimed it as often as allowed on that day"),
    "tag_needed": _("lacked the tag that the coupon asks for"),
    "not_selected": _("were not chosen for it, or are held out to measure what it earns"),
    "new_shoppers_only": _("had ordered before; the coupon is for new shoppers"),
    "account_closed": _("had closed their account"),
}


class GrantForm(forms.ModelForm):
    """Which coupon, and to whom; saving it hands out nothing yet."""

    class Meta:
        model = Grant
        fields = ("coupon", "audience", "audience_tag")
        help_texts = {
            "audience": _("Everybody in it gets one, as far as stock, limits and the coupon's own audience allow."),
            "audience_tag": _("A shopper's tag, such as segment:loyal."),
        }

    def clean_coupon(self) -> Coupon:
        """Refuses a coupon that comes another way."""
        coupon: Coupon = self.cleaned_data["coupon"]
        try:
            refuse_unless_grantable(coupon)
        except DomainError as error:
            raise forms.ValidationError(error.sentence) from error
        return coupon

    def clean(self) -> dict[str, Any]:
        """Asks for the tag where one is needed."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("audience") != AudienceKind.TAGGED:
            cleaned["audience_tag"] = ""
        elif not cleaned.get("audience_tag"):
            self.add_error("audience_tag", gettext("Name the tag."))
        return cleaned


def _dialog(title: Any, description: Any, submit: Any) -> Any:
    return {"title": title, "description": description, "form_submit_text": submit, "form_class": None}


@admin.register(Grant)
class GrantAdmin(LargeTableMixin, HistoryModelAdmin):
    """The right to add drafts grants, the right to change starts and stops them; nobody edits one."""

    form = GrantForm
    list_display = ("coupon", "show_audience", "show_state", "show_seen", "granted", "show_created", "show_finished")
    list_select_related = ("coupon",)
    list_filter = (
        ("coupon", AutocompleteSelectFilter),
        ("audience", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
    )
    list_filter_submit = True
    search_fields = ("coupon__title_zh", "coupon__title_en", "audience_tag")
    ordering = ("-id",)
    autocomplete_fields = ("coupon",)
    actions_detail = ("start", "resume", "pause", "cancel")
    conditional_fields = {"audience_tag": "audience == 'tagged'"}

    # Pages

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        return (("<int:grant_id>/progress/", "campaigns_grant_progress", self.progress),)

    def get_fields(self, request: HttpRequest, obj: Grant | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("coupon", "audience", "audience_tag")
        return (
            "show_progress",
            "coupon",
            "show_audience",
            "show_created_by",
            "created_at",
            "started_at",
            "finished_at",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Grant | None = None) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Returns the buttons that make sense for the grant as it stands."""
        allowed = super().get_actions_detail(request, object_id)
        grant = Grant.objects.filter(pk=object_id).first() if str(object_id).isdecimal() else None
        names = ACTIONS_OF_STATE[GrantState(grant.state)] if grant else frozenset()
        return [item for item in allowed if item.action_name.removeprefix("campaigns_grant_") in names]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_act_permission(request)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may start and stop grants."""
        user: Any = request.user
        return user.has_perm("campaigns.change_grant")

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        actor: Any = request.user
        grant = grant_create(
            coupon=obj.coupon,
            audience=AudienceKind(obj.audience),
            tag=obj.audience_tag,
            actor=actor,
            now=database_now(),
        )
        obj.pk = grant.pk
        obj.refresh_from_db()

    def response_add(self, request: HttpRequest, obj: Grant, post_url_continue: str | None = None) -> HttpResponse:
        return redirect("admin:campaigns_grant_change", obj.pk)

    # Watching

    def progress(self, request: HttpRequest, grant_id: int, model_admin: Any) -> HttpResponse:
        """Answers how far a grant is; the page asks as long as it is open."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        grant = self._grant(grant_id)
        answer = render(request, "admin/campaigns/grant/progress.html", progress_of(grant))
        if not grant.is_open:
            # The page is loaded anew, so that it shows the buttons of a grant that has ended.
            answer["HX-Refresh"] = "true"
        return answer

    @display(description=_("progress"))
    def show_progress(self, grant: Grant) -> SafeString:
        return render_to_string("admin/campaigns/grant/progress.html", progress_of(grant))

    @display(description=_("to whom"))
    def show_audience(self, grant: Grant) -> str:
        kind = grant.get_audience_display()
        return f"{kind}: {grant.audience_tag}" if grant.audience_tag else kind

    @display(description=_("state"), label=STATE_COLOURS, ordering="state")
    def show_state(self, grant: Grant) -> tuple[str, str]:
        return grant.state, grant.get_state_display()

    @display(description=_("dealt with"))
    def show_seen(self, grant: Grant) -> str:
        return f"{grant.seen:,} / {grant.expected:,}"

    @display(description=_("created"), ordering="created_at")
    def show_created(self, grant: Grant) -> str:
        return shop_moment(grant.created_at)

    @display(description=_("finished"), ordering="finished_at")
    def show_finished(self, grant: Grant) -> str:
        return shop_moment(grant.finished_at)

    @display(description=_("created by"))
    def show_created_by(self, grant: Grant) -> str:
        return "–" if grant.created_by is None else grant.created_by.username

    # Doing

    @action(
        description=_("Start"),
        icon="play_arrow",
        variant=ActionVariant.SUCCESS,
        permissions=["act"],
        dialog=_dialog(
            _("Hand this coupon out now?"),
            _("Everybody in the audience gets one. What was handed out cannot be taken back all at once."),
            _("Start"),
        ),
    )
    def start(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, grant_start, gettext("Started. You may leave this page."))

    @action(
        description=_("Pause"),
        icon="pause",
        variant=ActionVariant.WARNING,
        permissions=["act"],
        dialog=_dialog(_("Pause this grant?"), _("It can go on from where it stopped."), _("Pause")),
    )
    def pause(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, grant_pause, gettext("Paused."))

    @action(
        description=_("Resume"),
        icon="play_arrow",
        variant=ActionVariant.SUCCESS,
        permissions=["act"],
        dialog=_dialog(
            _("Resume this grant?"), _("It goes on where it stopped; nobody gets a second one."), _("Resume")
        ),
    )
    def resume(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, grant_resume, gettext("Resumed."))

    @action(
        description=_("Cancel grant"),
        icon="stop",
        variant=ActionVariant.DANGER,
        permissions=["act"],
        dialog=_dialog(
            _("Cancel this grant for good?"),
            _("It cannot be resumed. What was handed out stays with the shoppers."),
            _("Cancel grant"),
        ),
    )
    def cancel(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, grant_cancel, gettext("Cancelled."))

    def _decide(self, request: HttpRequest, object_id: str, service: Any, done: str) -> HttpResponse:
        grant, now = self._grant(object_id), database_now()
        try_service(request, lambda: service(grant=grant, actor=request.user, now=now), done=done)
        return leave_dialog(reverse("admin:campaigns_grant_change", args=[grant.pk]))

    def _grant(self, grant_id: int | str) -> Grant:
        grants: QuerySet[Grant] = Grant.objects.select_related("coupon")
        grant = grants.filter(pk=grant_id).first() if str(grant_id).isdecimal() else None
        if grant is None:
            raise Http404
        return grant


def progress_of(grant: Grant) -> dict[str, Any]:
    """Returns how far a grant is, or whom it would reach, in the words of its page."""
    stock = Stock.objects.filter(coupon=grant.coupon_id).first()
    left = 0 if stock is None else stock.remaining()
    is_draft = grant.state == GrantState.DRAFT
    reached = grant_audience(grant=grant, now=database_now()).count() if is_draft else grant.expected
    return {
        "grant": grant,
        "is_draft": is_draft,
        "reached": reached,
        "left": left,
        "is_short": is_draft and left is not None and left < reached,
        "percent": 100 if grant.state == GrantState.DONE else min(100, 100 * grant.seen // max(1, grant.expected)),
        "why_stopped": WHY_STOPPED.get(grant.stop_reason, grant.stop_reason),
        "refused": [(count, WHY_REFUSED.get(reason, reason)) for reason, count in sorted(grant.refused.items())],
        "address": reverse("admin:campaigns_grant_progress", args=[grant.pk]),
    }
