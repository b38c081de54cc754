"""The admin's first page: how coupons are claimed and used, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES

from analytics.charts import ColumnChart, Series
from analytics.selectors.metrics.cut import Cut
from analytics.selectors.metrics.totals import Column, CouponRow, Totals, columns, coupon_rows, totals
from analytics.selectors.periods import DEFAULT_DAYS, Period, days_with_data, last_days, years_with_claims
from campaigns.models import Campaign
from config.kernel.clock import database_now
from config.kernel.money import format_money, to_decimal

PERMISSION = "coupons.view_redemption"
PRESET_DAYS = (7, 30, 90, 365)
SHOWN_COUPONS = 50
# Ten years: longer is a mistyped year.
LONGEST_PERIOD_DAYS = 3660


def _date_input() -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": " ".join(INPUT_CLASSES)})


class PeriodForm(forms.Form):
    """Which days and which campaign the figures are about; empty fields mean the default."""

    first = forms.DateField(label=gettext_lazy("From"), required=False, widget=_date_input())
    last = forms.DateField(label=gettext_lazy("Until"), required=False, widget=_date_input())
    campaign = forms.ModelChoiceField(
        label=gettext_lazy("Campaign"),
        required=False,
        queryset=Campaign.objects.order_by("-starts_at"),
        empty_label=gettext_lazy("All coupons"),
        widget=forms.Select(attrs={"class": " ".join(SELECT_CLASSES)}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            raise forms.ValidationError(_("The last day is before the first."))
        if first and last and (last - first).days > LONGEST_PERIOD_DAYS:
            raise forms.ValidationError(_("Choose at most ten years."))
        return cleaned


def dashboard_callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds the figures to the admin's first page, for those who may see redemptions."""
    user: Any = request.user
    if user.has_perm(PERMISSION):
        context["dashboard"] = _dashboard(request)
    return context


def _dashboard(request: HttpRequest) -> dict[str, Any]:
    now = database_now()
    known = days_with_data(now=now)
    default = last_days(known.last, DEFAULT_DAYS)
    # A bare page shows the default in its fields; what was asked for and is wrong stays, with its error.
    asked = {name: request.GET[name] for name in ("first", "last", "campaign") if request.GET.get(name)}
    form = PeriodForm({"first": default.first, "last": default.last, **asked})
    campaign = None
    period = default
    if form.is_valid():
        campaign = form.cleaned_data["campaign"]
        period = Period(first=form.cleaned_data["first"], last=form.cleaned_data["last"])
    campaign_id = campaign.pk if campaign else None
    cut = Cut(period, campaign_id=campaign_id)
    figures = totals(cut)
    rows = coupon_rows(cut)
    drawn = columns(cut)
    return {
        "form": form,
        "campaign": campaign,
        "period_text": _("%(first)s to %(last)s") % {"first": _day(period.first), "last": _day(period.last)},
        "presets": _presets(known, period, campaign_id),
        # An import may lie years before the newest claim: nobody should have to guess where.
        "years": [_preset(str(year.first.year), year, period, campaign_id) for year in years_with_claims(now=now)],
        "cards": _cards(figures),
        "charts": _charts(drawn, period),
        "rows": [_table_row(row) for row in rows[:SHOWN_COUPONS]],
        "rows_left_out": max(0, len(rows) - SHOWN_COUPONS),
    }


def _presets(known: Period, shown: Period, campaign_id: int | None) -> list[dict[str, Any]]:
    periods = [(_("%(days)d days") % {"days": days}, last_days(known.last, days)) for days in PRESET_DAYS]
    longest = last_days(known.last, min(known.days, LONGEST_PERIOD_DAYS))
    periods.append((_("Everything"), longest))
    return [_preset(text, period, shown, campaign_id) for text, period in periods]


def _preset(text: str, period: Period, shown: Period, campaign_id: int | None) -> dict[str, Any]:
    query: dict[str, Any] = {"first": period.first.isoformat(), "last": period.last.isoformat()}
    if campaign_id is not None:
        query["campaign"] = campaign_id
    return {"text": text, "link": f"?{urlencode(query)}", "is_shown": period == shown}


def _cards(figures: Totals) -> list[dict[str, str]]:
    return [
        {"title": _("Claims"), "figure": f"{figures.claims:,}", "note": _("made in the period")},
        {
            "title": _("Claim → redeem conversion"),
            "figure": _percent(figures.conversion),
            "note": _("%(count)s of these claims are used") % {"count": f"{figures.redeemed:,}"},
        },
        {
            "title": _("Redemptions"),
            "figure": f"{figures.redemptions:,}",
            "note": _("on orders of the period, whenever claimed"),
        },
        {"title": _("Discount given"), "figure": format_money(figures.discount), "note": _("by these redemptions")},
        {
            "title": _("Order value with coupon"),
            "figure": _money(figures.with_coupon.mean_value),
            "note": _("mean of %(count)s orders") % {"count": f"{figures.with_coupon.count:,}"},
        },
        {
            "title": _("Order value without coupon"),
            "figure": _money(figures.without_coupon.mean_value),
            "note": _("mean of %(count)s orders") % {"count": f"{figures.without_coupon.count:,}"},
        },
    ]


def _charts(drawn: Sequence[Column], period: Period) -> dict[str, ColumnChart]:
    # Three drawings rather than one: a drop hands out thousands of claims on the day on which a few are used.
    claims = [column.claims for column in drawn]
    redemptions = [column.redemptions for column in drawn]
    discounts = [column.discount for column in drawn]
    in_decimals = [float(to_decimal(amount)) for amount in discounts]
    return {
        "claims-chart": _chart(_("Claims"), drawn, period, claims, claims, _count),
        "redemptions-chart": _chart(_("Redemptions"), drawn, period, redemptions, redemptions, _count),
        "discount-chart": _chart(_("Discount given"), drawn, period, in_decimals, discounts, format_money),
    }


def _chart(
    title: str,
    drawn: Sequence[Column],
    period: Period,
    numbers: Sequence[float],
    figures: Sequence[int],
    write: Callable[[int], str],
) -> ColumnChart:
    total = {"total": write(sum(figures)), "each": _each(period)}
    return ColumnChart(
        title=title,
        description=_("%(total)s in all, %(each)s.") % total,
        labels=[_label(column.first, period) for column in drawn],
        series=[Series(title, numbers, [write(figure) for figure in figures])],
    )


def _table_row(row: CouponRow) -> dict[str, str]:
    return {
        "title": str(row.coupon),
        "link": reverse("admin:coupons_coupon_change", args=[row.coupon.pk]),
        "claims": f"{row.claims:,}",
        "conversion": _percent(row.conversion),
        "redemptions": f"{row.redemptions:,}",
        "discount": format_money(row.discount),
        "orders": f"{row.orders.count:,}",
        "value": _money(row.orders.mean_value),
    }


def _each(period: Period) -> str:
    return {1: _("day by day"), 7: _("week by week"), 28: _("in steps of four weeks")}[period.days_a_column]


def _label(day: date, period: Period) -> str:
    # Where a chart is longer than a year, a day without its year says nothing.
    return date_format(day, "SHORT_DATE_FORMAT") if period.days > 365 else date_format(day, "m-d")


def _day(day: date) -> str:
    return date_format(day, "DATE_FORMAT")


def _count(number: int) -> str:
    return f"{number:,}"


def _percent(number: float | None) -> str:
    return "–" if number is None else f"{number:.1f}%"


def _money(minor: int | None) -> str:
    return "–" if minor is None else format_money(minor)
