"""Allocation plans: a marketer's budget, floors and caps, what the last night made of them, and a dry run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm

from analytics.enums import RequestKind, RequestState, RunState
from analytics.jobs.allocation_decision import HISTORY, RESPONSE
from analytics.models import AllocationPlan, PlanRequest, Run, Segment
from analytics.services.plan_requests import plan_request_create
from config.kernel.admin_tools import ShopModelAdmin, leave_dialog, try_service
from config.kernel.clock import database_now
from config.kernel.money import exponent, format_money
from coupons.models import Coupon
from users.enums import SEGMENT_PREFIX
from users.models import User

# Of the currency's units: "one more ¥1,000 brings …".
MORE = 1_000
# A worker that is well takes a request up within seconds; the beat asks every quarter of a minute.
LATE = timedelta(minutes=1)
# One worker at a time does requests; after so long the one that took another up is gone rather than busy.
MAY_BE_BUSY_FOR = timedelta(hours=1)

HINTS = {
    "campaign": gettext_lazy("Its coupons for allocated shoppers are set aside; its other coupons stay as they are."),
    "budget": gettext_lazy("What the coupons may be expected to cost. Empty: what is left of the campaign's budget."),
    "margin_percent": gettext_lazy("What the shop keeps of a sale, before discounts. Empty: the shop's usual margin."),
    "floor_percent": gettext_lazy("So many of a hundred shoppers of every segment get something, whatever they bring."),
    "most_claims": gettext_lazy("Shoppers with so many claims in the last 30 days get nothing. Empty: no limit."),
}


class AllocationPlanForm(forms.ModelForm):
    class Meta:
        model = AllocationPlan
        fields = ("campaign", "is_active", "budget", "margin_percent", "floor_percent", "most_claims")
        help_texts = HINTS


@admin.register(AllocationPlan)
class AllocationPlanAdmin(ShopModelAdmin):
    form = AllocationPlanForm
    list_display = ("campaign", "is_active", "show_money", "show_allocated", "show_price", "last_run")
    list_select_related = ("campaign__budget", "last_run")
    autocomplete_fields = ("campaign",)
    readonly_fields = ("show_progress", "show_result")
    actions_detail = ("try_last_month", "run_now")

    def get_fieldsets(
        self, request: HttpRequest, obj: AllocationPlan | None = None
    ) -> list[tuple[Any, dict[str, Any]]]:
        return [
            (None, {"fields": ["campaign", "is_active"]}),
            (gettext_lazy("Limits"), {"fields": ["budget", "margin_percent", "floor_percent", "most_claims"]}),
            *([] if obj is None else [(gettext_lazy("Last decided"), {"fields": ["show_progress", "show_result"]})]),
        ]

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        return (
            ("<int:plan_id>/progress/", "analytics_allocationplan_progress", self.progress),
            ("<int:plan_id>/dry-run/", "analytics_allocationplan_dry_run", self.dry_run),
        )

    @display(description=gettext_lazy("asked for"))
    def show_progress(self, plan: AllocationPlan) -> str:
        return render_to_string("admin/analytics/allocation_plan/progress.html", progress_of(plan))

    @display(description=gettext_lazy("budget"))
    def show_money(self, plan: AllocationPlan) -> str:
        return "–" if plan.money is None else format_money(plan.money)

    @display(description=gettext_lazy("allocated"))
    def show_allocated(self, plan: AllocationPlan) -> str:
        return f"{_metrics(plan.last_run).get('allocated', '–'):,}" if _metrics(plan.last_run) else "–"

    @display(description=gettext_lazy("one more of money"))
    def show_price(self, plan: AllocationPlan) -> str:
        metrics = _metrics(plan.last_run)
        return price_sentence(metrics) if metrics else "–"

    @display(description=gettext_lazy("result"))
    def show_result(self, plan: AllocationPlan) -> str:
        run = plan.last_run
        metrics = _metrics(run)
        return render_to_string(
            "admin/analytics/allocation_plan/result.html",
            {
                "run": run,
                "address": None if run is None else reverse("admin:analytics_run_change", args=[run.pk]),
                "result": readable_result(metrics) if metrics else None,
            },
        )

    @action(
        description=gettext_lazy("Dry run against last month"),
        icon="science",
        permissions=["change"],
        dialog={
            "title": gettext_lazy("Try this plan on last month?"),
            "description": gettext_lazy("A worker decides as a month ago, and looks at what happened since."),
            "form_submit_text": gettext_lazy("Try"),
            "form_class": None,
        },
    )
    def try_last_month(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        """Asks for what would have been decided a month ago; sets nothing aside."""
        return self._ask(request, object_id, RequestKind.DRY_RUN)

    @action(
        description=gettext_lazy("Decide now"),
        icon="play_arrow",
        permissions=["change"],
        dialog={
            "title": gettext_lazy("Decide now?"),
            "description": gettext_lazy("The coupons are set aside anew; whoever has claimed one keeps it."),
            "form_submit_text": gettext_lazy("Decide now"),
            "form_class": None,
        },
    )
    def run_now(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        """Asks for the coupons to be set aside at once instead of next night."""
        return self._ask(request, object_id, RequestKind.DECIDE)

    def dry_run(self, request: HttpRequest, plan_id: int, model_admin: Any) -> HttpResponse:
        """Shows what the last dry run found."""
        plan = self._seen(request, plan_id)
        asked = PlanRequest.objects.filter(plan=plan, kind=RequestKind.DRY_RUN, state=RequestState.DONE)
        metrics = asked.order_by("-pk").values_list("result", flat=True).first()
        if metrics is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": _("Dry run against last month"),
            "plan": plan,
            "back": reverse("admin:analytics_allocationplan_change", args=[plan.pk]),
            "result": readable_result(metrics),
            "hindsight": readable_hindsight(metrics),
            "since": parse_datetime(metrics["as_of"]),
            "until": parse_datetime(metrics["until"]),
        }
        return TemplateResponse(request, "admin/analytics/allocation_plan/dry_run.html", context)

    def progress(self, request: HttpRequest, plan_id: int, model_admin: Any) -> HttpResponse:
        """Answers how far what was asked is; the page asks as long as something is open."""
        shown = progress_of(self._seen(request, plan_id))
        answer = render(request, "admin/analytics/allocation_plan/progress.html", shown)
        if not shown["is_open"]:
            # The page is loaded anew, so that it shows what has come of it.
            answer["HX-Refresh"] = "true"
        return answer

    def _ask(self, request: HttpRequest, object_id: str, kind: RequestKind) -> HttpResponse:
        plan, actor = _plan(object_id), cast(User, request.user)
        try_service(
            request,
            lambda: plan_request_create(plan=plan, kind=kind, actor=actor, now=database_now()),
            done=_("Asked for. You may leave this page."),
        )
        return leave_dialog(reverse("admin:analytics_allocationplan_change", args=[plan.pk]))

    def _seen(self, request: HttpRequest, plan_id: int) -> AllocationPlan:
        plan = _plan(str(plan_id))
        if not self.has_view_permission(request, plan):
            raise PermissionDenied
        return plan


def progress_of(plan: AllocationPlan) -> dict[str, Any]:
    """Returns the last request of each kind, in the words of the plan's page."""
    now = database_now()
    rows: list[dict[str, Any]] = []
    taken_up = PlanRequest.objects.filter(state=RequestState.RUNNING, started_at__gt=now - MAY_BE_BUSY_FOR)
    is_busy = taken_up.exists()
    for kind in RequestKind:
        asked = PlanRequest.objects.filter(plan=plan, kind=kind).select_related("asked_by").order_by("-pk").first()
        if asked is not None:
            is_late = asked.state == RequestState.WAITING and now - asked.asked_at > LATE and not is_busy
            rows.append({"asked": asked, "is_late": is_late, "has_figures": _has_figures(asked)})
    return {
        "rows": rows,
        "is_open": any(row["asked"].is_open for row in rows),
        "address": reverse("admin:analytics_allocationplan_progress", args=[plan.pk]),
        "figures": reverse("admin:analytics_allocationplan_dry_run", args=[plan.pk]),
    }


def _has_figures(asked: PlanRequest) -> bool:
    return asked.kind == RequestKind.DRY_RUN and asked.state == RequestState.DONE


def readable_result(metrics: dict[str, Any]) -> dict[str, Any]:
    """Returns a decision's figures under titles."""
    titles = {str(coupon.pk): coupon.title for coupon in Coupon.objects.filter(pk__in=list(metrics["coupons"]))}
    segments = {segment.tag_name: str(segment) for segment in Segment.objects.all()}
    return {
        "basis": _basis(metrics),
        # Runs of before scores were used have no such figure.
        "scored": f"{metrics.get('scored', 0):.0%}",
        "shown": metrics["shown"].get("campaign"),
        "price": price_sentence(metrics),
        "figures": [
            (_("Shoppers with a purchase"), f"{metrics['shoppers']:,}"),
            (_("Get a coupon"), f"{metrics['allocated']:,}"),
            (_("Chosen too, but held out to measure what it earns"), f"{metrics['held_out']:,}"),
            (_("Left out: they had enough"), f"{metrics['excluded']:,}"),
            (_("Expected discounts"), format_money(metrics["spend"])),
            (_("Expected margin on what they buy with it"), format_money(metrics["value"])),
            (_("Below the best possible by at most"), f"{metrics['gap']:.4%}"),
        ],
        "coupons": [(titles.get(key, key), f"{count:,}") for key, count in metrics["coupons"].items()],
        "segments": [
            (segments.get(name, name.removeprefix(SEGMENT_PREFIX)), f"{share:.0%}")
            for name, share in metrics["segments"].items()
        ],
    }


def readable_hindsight(metrics: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns what happened in the month after a dry run's decision."""
    return [
        (_("Bought within the month, of all"), f"{metrics['bought']:.1%}"),
        (_("As expected then"), f"{metrics['expected_to_buy']:.1%}"),
        (_("Bought within the month, of those chosen"), f"{metrics['chosen_bought']:.1%}"),
        (_("As expected then of those chosen"), f"{metrics['chosen_expected_to_buy']:.1%}"),
    ]


def price_sentence(metrics: dict[str, Any]) -> str:
    """Returns the shadow price as a sentence."""
    price = metrics["shadow_price"]
    more = MORE * 10 ** exponent()
    if not price:
        return _("The budget is enough for everybody for whom a coupon is worth it: more brings nothing.")
    return _("One more %(more)s brings %(value)s.") % {
        "more": format_money(more),
        "value": format_money(round(price * more)),
    }


def _basis(metrics: dict[str, Any]) -> str:
    """Returns what values rest on; where nothing had scored a pair, "response" once meant history."""
    basis: str = metrics["basis"]
    return HISTORY if basis == RESPONSE and not metrics.get("scored") else basis


def _metrics(run: Run | None) -> dict[str, Any]:
    return run.metrics if run is not None and run.state == RunState.PUBLISHED else {}


def _plan(object_id: str) -> AllocationPlan:
    plan = AllocationPlan.objects.filter(pk=object_id).first() if str(object_id).isdecimal() else None
    if plan is None:
        raise Http404
    return plan
