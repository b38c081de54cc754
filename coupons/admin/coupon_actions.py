"""What a marketer does with a coupon: buttons on its page and on the list, each one call to a service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from config.kernel.admin_tools import leave_dialog, try_service, try_service_for_each
from config.kernel.clock import database_now
from coupons.admin.stock_forecast import SuggestedQuantityMixin, suggested_top_up
from coupons.enums import CouponState, Handout
from coupons.models import Coupon, Stock
from coupons.selectors.audience import can_be_granted
from coupons.selectors.codes import takes_codes
from coupons.services.cloning import coupon_clone
from coupons.services.publishing import coupon_end, coupon_pause, coupon_publish, coupon_resume
from coupons.services.stock import reserve_open, stock_top_up, stock_withdraw

ACTIONS_OF_STATE: dict[CouponState, frozenset[str]] = {
    CouponState.DRAFT: frozenset({"publish"}),
    CouponState.SCHEDULED: frozenset({"pause", "end"}),
    CouponState.LIVE: frozenset({"pause", "end"}),
    CouponState.PAUSED: frozenset({"resume", "end"}),
    CouponState.ENDED: frozenset(),
}
STOCK_ACTIONS = frozenset({"top_up", "withdraw", "open_reserve"})


class StockDialogForm(BaseDialogForm):
    """How many, and why: it is kept in the stock's ledger."""

    quantity = forms.IntegerField(
        label=_("How many"), min_value=1, max_value=10**9, widget=UnfoldAdminIntegerFieldWidget
    )
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget)


class TopUpDialogForm(SuggestedQuantityMixin, StockDialogForm):
    """How many more, to begin with as many as the forecast suggests."""


def _dialog(title: Any, description: Any, submit: Any, form_class: type[BaseDialogForm] | None = None) -> Any:
    return {"title": title, "description": description, "form_submit_text": submit, "form_class": form_class}


class CouponActionsMixin:
    """Publishing, stock and cloning, for `CouponAdmin`."""

    actions = ("publish_selected", "pause_selected", "resume_selected", "end_selected")
    actions_detail = (
        "publish",
        "resume",
        "pause",
        "end",
        "top_up_suggested",
        {
            "title": _("More"),
            "icon": "more_horiz",
            "items": ["make_codes", "grant", "top_up", "withdraw", "open_reserve", "clone"],
        },
    )

    def has_clone_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may make new coupons; asked by the action with the coupon's id."""
        user: Any = request.user
        return user.has_perm("coupons.add_coupon")

    def has_codes_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may order codes in bulk."""
        user: Any = request.user
        return user.has_perm("coupons.add_codebatch")

    def has_grant_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may hand coupons to an audience."""
        user: Any = request.user
        return user.has_perm("campaigns.add_grant")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Returns the buttons that make sense in the coupon's present state."""
        allowed = super().get_actions_detail(request, object_id)  # type: ignore[misc]  # mixed into ModelAdmin
        coupon = Coupon.objects.filter(pk=object_id).first() if str(object_id).isdecimal() else None
        if coupon is None:
            return []
        names = set(ACTIONS_OF_STATE[coupon.state(database_now())])
        if Stock.objects.filter(coupon=coupon, is_unlimited=False).exists():
            names |= STOCK_ACTIONS
            if suggested_top_up(coupon_id=coupon.pk, now=database_now()):
                names.add("top_up_suggested")
        if takes_codes(coupon):
            names.add("make_codes")
        if can_be_granted(coupon):
            names.add("grant")
        # The coupon of a red packet is nothing without its shares.
        if coupon.handout != Handout.RED_PACKET:
            names.add("clone")
        return [item for item in allowed if item.action_name.removeprefix("coupons_coupon_") in names]

    @action(
        description=_("Publish"),
        icon="rocket_launch",
        variant=ActionVariant.SUCCESS,
        permissions=["change"],
        dialog=_dialog(
            _("Publish this coupon?"),
            _("Shoppers can claim it from the start of its claim window on."),
            _("Publish"),
        ),
    )
    def publish(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, coupon_publish, gettext("Published."))

    @action(
        description=_("Pause"),
        icon="pause",
        variant=ActionVariant.WARNING,
        permissions=["change"],
        dialog=_dialog(
            _("Pause this coupon?"),
            _("Nobody can claim it until you resume it. Claims already made stay usable."),
            _("Pause"),
        ),
    )
    def pause(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, coupon_pause, gettext("Paused."))

    @action(
        description=_("Resume"),
        icon="play_arrow",
        variant=ActionVariant.SUCCESS,
        permissions=["change"],
        dialog=_dialog(_("Resume this coupon?"), _("Shoppers can claim it again."), _("Resume")),
    )
    def resume(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, coupon_resume, gettext("Resumed."))

    @action(
        description=_("End"),
        icon="stop",
        variant=ActionVariant.DANGER,
        permissions=["change"],
        dialog=_dialog(
            _("End this coupon for good?"),
            _("It cannot be resumed; clone it to run it again. Claims already made stay usable."),
            _("End"),
        ),
    )
    def end(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, coupon_end, gettext("Ended."))

    @action(
        description=_("Top up stock"),
        icon="add",
        permissions=["change"],
        dialog=_dialog(_("Top up stock"), _("May be claimed at once."), _("Top up"), TopUpDialogForm),
    )
    def top_up(self, request: HttpRequest, form: StockDialogForm, object_id: str) -> HttpResponse:
        return self._change_stock(request, object_id, stock_top_up, form)

    @action(
        description=_("Top up as forecast"),
        icon="trending_up",
        permissions=["change"],
        dialog=_dialog(
            _("Top up as forecast"),
            _("So many more are expected to be wanted than there are. May be claimed at once."),
            _("Top up"),
            TopUpDialogForm,
        ),
    )
    def top_up_suggested(self, request: HttpRequest, form: StockDialogForm, object_id: str) -> HttpResponse:
        return self._change_stock(request, object_id, stock_top_up, form)

    @action(
        description=_("Withdraw stock"),
        icon="remove",
        permissions=["change"],
        dialog=_dialog(
            _("Withdraw stock"), _("Takes back stock that nobody has claimed yet."), _("Withdraw"), StockDialogForm
        ),
    )
    def withdraw(self, request: HttpRequest, form: StockDialogForm, object_id: str) -> HttpResponse:
        return self._change_stock(request, object_id, stock_withdraw, form)

    @action(
        description=_("Open reserve"),
        icon="lock_open",
        permissions=["change"],
        dialog=_dialog(
            _("Open reserve"),
            _("Moves stock out of the reserve, so that it may be claimed."),
            _("Open"),
            StockDialogForm,
        ),
    )
    def open_reserve(self, request: HttpRequest, form: StockDialogForm, object_id: str) -> HttpResponse:
        return self._change_stock(request, object_id, reserve_open, form)

    @action(
        description=_("Clone"),
        icon="content_copy",
        permissions=["clone"],
        dialog=_dialog(
            _("Clone this coupon?"),
            _("Makes a draft with the same terms, scope, stock and budgets. Codes and campaigns are not taken along."),
            _("Clone"),
        ),
    )
    def clone(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        coupon = self._coupon(object_id)
        made: list[Coupon] = []
        now, actor = database_now(), request.user
        try_service(
            request,
            lambda: made.append(coupon_clone(coupon=coupon, actor=actor, now=now)),  # type: ignore[arg-type]  # staff
            done=gettext("This is the clone: a draft. Look it over and publish it."),
        )
        return leave_dialog(self._path_of(made[0] if made else coupon))

    @action(description=_("Make or import codes"), icon="qr_code_2", permissions=["codes"])
    def make_codes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(f"{reverse('admin:coupons_codebatch_add')}?coupon={self._coupon(object_id).pk}")

    @action(description=_("Grant to an audience"), icon="forward_to_inbox", permissions=["grant"])
    def grant(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(f"{reverse('admin:campaigns_grant_add')}?coupon={self._coupon(object_id).pk}")

    @action(description=_("Publish"), permissions=["change"])
    def publish_selected(self, request: HttpRequest, queryset: QuerySet[Coupon]) -> None:
        self._decide_for_each(request, queryset, coupon_publish)

    @action(description=_("Pause"), permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Coupon]) -> None:
        self._decide_for_each(request, queryset, coupon_pause)

    @action(description=_("Resume"), permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Coupon]) -> None:
        self._decide_for_each(request, queryset, coupon_resume)

    @action(description=_("End for good"), permissions=["change"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Coupon]) -> None:
        self._decide_for_each(request, queryset, coupon_end)

    def _decide(self, request: HttpRequest, object_id: str, service: Any, done: str) -> HttpResponse:
        coupon, now = self._coupon(object_id), database_now()
        try_service(request, lambda: service(coupon=coupon, actor=request.user, now=now), done=done)
        return leave_dialog(self._path_of(coupon))

    def _change_stock(self, request: HttpRequest, object_id: str, service: Any, form: StockDialogForm) -> HttpResponse:
        coupon, now = self._coupon(object_id), database_now()
        try_service(
            request,
            lambda: service(coupon=coupon, actor=request.user, now=now, **_quantity_and_reason(form)),
            done=gettext("The stock has changed."),
        )
        return leave_dialog(self._path_of(coupon))

    def _decide_for_each(self, request: HttpRequest, coupons: QuerySet[Coupon], service: Any) -> None:
        now: datetime = database_now()
        try_service_for_each(
            request,
            coupons.order_by("pk"),
            lambda coupon: service(coupon=coupon, actor=request.user, now=now),
        )

    def _coupon(self, object_id: str) -> Coupon:
        coupon = Coupon.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if coupon is None:
            raise Http404
        return coupon

    def _path_of(self, coupon: Coupon) -> str:
        return reverse("admin:coupons_coupon_change", args=[coupon.pk])


def _quantity_and_reason(form: StockDialogForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("quantity", "reason")}
