"""Why coupons expired, and whom discounts reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from analytics.admin.figures import words
from analytics.admin.figures.asked import PERMISSION, Asked, read_asked
from analytics.admin.figures.tables import groups_table, reasons_table
from analytics.charts import ColumnChart, Series
from analytics.enums import Dimension, ExpiryReason, FairnessRate
from analytics.errors import NeedsPostgreSQL
from analytics.models import FairnessSnapshot, Segment
from analytics.selectors.metrics.expiry import claims_expired_for, expiry_reasons
from analytics.selectors.metrics.fairness import Spread, groups, spread
from analytics.services.fairness import GINI, fairness_alarms
from config.kernel.clock import database_now

PAGE_SIZE = 50
LAST_PAGE = 200
SHOWN_NIGHTS = 30


def figures_page(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Makes a view a page of the admin for those who may see redemptions."""

    @wraps(view)
    def allowed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user: Any = request.user
        if not user.has_perm(PERMISSION):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return cast(Callable[..., HttpResponseBase], require_safe(admin.site.admin_view(never_cache(allowed))))


@figures_page
def expiry(request: HttpRequest) -> HttpResponse:
    """Why claims expired; with a reason, the claims behind its number."""
    now = database_now()
    asked = read_asked(request, now=now)
    try:
        found = expiry_reasons(asked.cut, now=now)
    except NeedsPostgreSQL as refused:
        return _page(request, asked, "analytics/figures/expiry.html", _("Why coupons expired"), {"refused": refused})
    table = reasons_table(found, lambda reason: f"?{asked.query(reason=reason.value)}#claims")
    context: dict[str, Any] = {"table": table if found else None, "export": _export("expiry", asked)}
    user: Any = request.user
    chosen = request.GET.get("reason", "")
    if chosen in ExpiryReason.values and user.has_perm("coupons.view_claim"):
        context.update(_claims_behind(asked, ExpiryReason(chosen), request.GET.get("page", "")))
    return _page(request, asked, "analytics/figures/expiry.html", _("Why coupons expired"), context)


@figures_page
def fairness(request: HttpRequest) -> HttpResponse:
    """How evenly discount money is spread, how groups fare, and what the nights before found."""
    asked = read_asked(request, now=database_now())
    cut = asked.cut
    names = {segment.tag_name: str(segment) for segment in Segment.objects.all()}
    tables = []
    for dimension in Dimension:
        found = groups(cut, dimension)
        if any(group.name for group in found):
            tables += [
                groups_table(found, dimension, rate, lambda name: names.get(name, name)) for rate in FairnessRate
            ]
    alarms, _shoppers, _gini = fairness_alarms(cut)
    money = spread(cut)
    nights = list(FairnessSnapshot.objects.all()[:SHOWN_NIGHTS])
    context = {
        "spread": money,
        "gini": words.UNKNOWN if money.gini is None else f"{money.gini:.3f}",
        "money": words.money(money.money),
        "shoppers": words.count(money.shoppers),
        "tenths": _tenths_chart(money),
        "tables": tables,
        "alarms": [alarm_in_words(alarm, names) for alarm in alarms],
        "nights": _nights_chart(nights[::-1]),
        "night_rows": [
            (words.day(night.day), [alarm_in_words(alarm, names) for alarm in night.alarms]) for night in nights
        ],
        "export": _export("fairness", asked),
    }
    return _page(request, asked, "analytics/figures/fairness.html", _("Fairness"), context)


def alarm_in_words(alarm: dict[str, Any], names: dict[str, str]) -> str:
    """Writes one alarm as a sentence."""
    if alarm["dimension"] == GINI:
        return _("Discount money is spread very unevenly: Gini's coefficient is %(gini)s.") % {"gini": alarm["ratio"]}
    return _("%(dimension)s, %(rate)s: %(lowest)s reaches %(percent)s of what %(highest)s reaches.") % {
        "dimension": Dimension(alarm["dimension"]).label,
        "rate": FairnessRate(alarm["rate"]).label,
        "lowest": names.get(alarm["lowest"], alarm["lowest"]),
        "highest": names.get(alarm["highest"], alarm["highest"]),
        "percent": words.percent(100 * alarm["ratio"]),
    }


def _claims_behind(asked: Asked, reason: ExpiryReason, page_text: str) -> dict[str, Any]:
    page = (
        min(max(int(page_text), 1), LAST_PAGE)
        if page_text.isascii() and page_text.isdigit() and len(page_text) < 5
        else 1
    )
    claims = claims_expired_for(asked.cut, reason, now=asked.now, offset=(page - 1) * PAGE_SIZE, limit=PAGE_SIZE + 1)
    has_more = len(claims) > PAGE_SIZE and page < LAST_PAGE
    return {
        "reason": reason,
        "claims": claims[:PAGE_SIZE],
        "earlier": f"?{asked.query(reason=reason.value, page=page - 1)}#claims" if page > 1 else "",
        "later": f"?{asked.query(reason=reason.value, page=page + 1)}#claims" if has_more else "",
    }


def _tenths_chart(money: Spread) -> ColumnChart:
    return ColumnChart(
        title=_("Discount money by tenth of the shoppers"),
        description=_("Of a hundred of the money, what each tenth got; those who got least come first."),
        labels=[str(number) for number in range(1, len(money.tenths) + 1)],
        series=[Series(_("Of the money"), money.tenths, [words.percent(part) for part in money.tenths])],
    )


def _nights_chart(nights: Sequence[FairnessSnapshot]) -> ColumnChart:
    values = [100 * (night.gini or 0) for night in nights]
    return ColumnChart(
        title=_("Gini's coefficient, night by night"),
        description=_("In hundredths, over the thirty days before each night."),
        labels=[date_format(night.day, "m-d") for night in nights],
        series=[Series("Gini × 100", values, [f"{value:.1f}" for value in values])],
    )


def _export(name: str, asked: Asked) -> str:
    return f"{reverse('figures:export', args=[name])}?{asked.query()}"


def _page(request: HttpRequest, asked: Asked, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
    cut = asked.cut
    return render(
        request,
        template,
        {
            **admin.site.each_context(request),
            "title": title,
            "filter": asked.context(),
            "period_text": words.period(cut.period.first, cut.period.last),
            "names": asked.names,
            **context,
        },
    )
