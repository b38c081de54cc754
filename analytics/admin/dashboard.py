"""The admin's first page: how coupons are seen, claimed and used, what they bring and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from analytics.admin.figures import words
from analytics.admin.figures.asked import PERMISSION, Asked, read_asked
from analytics.admin.figures.tables import funnel_table, stars_table
from analytics.charts import ColumnChart, Series
from analytics.selectors.metrics.cut import Cut
from analytics.selectors.metrics.funnel import funnel
from analytics.selectors.metrics.money import Revenue, revenue
from analytics.selectors.metrics.repurchase import WITHIN, Repurchase, repurchase
from analytics.selectors.metrics.satisfaction import satisfaction
from analytics.selectors.metrics.totals import Column, CouponRow, Totals, columns, coupon_rows, totals
from analytics.selectors.periods import Period
from config.kernel.clock import database_now, end_of_shop_day
from config.kernel.money import format_money, to_decimal
from coupons.enums import OrderState

SHOWN_COUPONS = 50
EXPORTS = ("coupons", "days", "funnel")


def dashboard_callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds the figures to the admin's first page, for those who may see redemptions."""
    user: Any = request.user
    if user.has_perm(PERMISSION):
        context["dashboard"] = _dashboard(request)
    return context


def _dashboard(request: HttpRequest) -> dict[str, Any]:
    now = database_now()
    asked = read_asked(request, now=now)
    cut, period = asked.cut, asked.cut.period
    rows = coupon_rows(cut)
    drawn = columns(cut)
    again = repurchase(cut, known_until=min(now, end_of_shop_day(asked.known.last)))
    return {
        "filter": asked.context(),
        "names": asked.names,
        "period_text": words.period(period.first, period.last),
        "cards": [*_cards(totals(cut)), *_money_cards(revenue(cut), again)],
        "funnel": funnel_table(funnel(cut)),
        "stars": stars_table(satisfaction(cut)),
        "charts": _charts(drawn, cut),
        "rows": [_table_row(row, asked) for row in rows[:SHOWN_COUPONS]],
        "rows_left_out": max(0, len(rows) - SHOWN_COUPONS),
        "links": [
            (_("Why coupons expired"), f"{reverse('figures:expiry')}?{asked.query()}"),
            (_("Fairness"), f"{reverse('figures:fairness')}?{asked.query()}"),
            *_report_links(cut),
        ],
        "exports": [(name, f"{reverse('figures:export', args=[name])}?{asked.query()}") for name in EXPORTS],
    }


def _report_links(cut: Cut) -> list[tuple[str, str]]:
    if cut.campaign_id is None:
        return []
    return [(_("Report of the campaign"), reverse("figures:report", args=[cut.campaign_id]))]


def _money_cards(money: Revenue, again: Repurchase) -> list[dict[str, str]]:
    days = {"days": WITHIN.days}
    return [
        {
            "title": _("Revenue with coupon"),
            "figure": words.money(money.revenue),
            "note": _("goods on these orders, less refunds; coupons cost %(share)s of it")
            % {"share": words.percent(money.cost_share)},
        },
        {
            "title": _("Bought again, with coupon"),
            "figure": _rate(again.with_coupon.rate),
            "note": _("of %(count)s shoppers, within %(days)d days")
            % {"count": words.count(again.with_coupon.shoppers), **days},
        },
        {
            "title": _("Bought again, without coupon"),
            "figure": _rate(again.without_coupon.rate),
            "note": _("of %(count)s shoppers, within %(days)d days")
            % {"count": words.count(again.without_coupon.shoppers), **days},
        },
    ]


def _rate(interval: Any) -> str:
    return words.UNKNOWN if interval is None else words.percent(100 * interval.estimate)


def _cards(figures: Totals) -> list[dict[str, str]]:
    return [
        {"title": _("Claims"), "figure": f"{figures.claims:,}", "note": _("made in the period")},
        {
            "title": _("Claim → redeem conversion"),
            "figure": words.percent(figures.conversion),
            "note": _("%(count)s of these claims are used") % {"count": f"{figures.redeemed:,}"},
        },
        {
            "title": _("Redemptions"),
            "figure": f"{figures.redemptions:,}",
            "note": _("on orders of the period, whenever claimed"),
        },
        {
            "title": _("Discount given"),
            "figure": format_money(figures.discount),
            "note": _("by these redemptions"),
        },
        {
            "title": _("Order value with coupon"),
            "figure": words.money(figures.with_coupon.mean_value),
            "note": _("mean of %(count)s orders") % {"count": f"{figures.with_coupon.count:,}"},
        },
        {
            "title": _("Order value without coupon"),
            "figure": words.money(figures.without_coupon.mean_value),
            "note": _("mean of %(count)s orders") % {"count": f"{figures.without_coupon.count:,}"},
        },
    ]


def _charts(drawn: Sequence[Column], cut: Cut) -> dict[str, ColumnChart]:
    period, uses = cut.period, _redemption_list(drawn, cut)
    # Three drawings rather than one: a drop hands out thousands of claims on the day on which a few are used.
    claims = [column.claims for column in drawn]
    redemptions = [column.redemptions for column in drawn]
    discounts = [column.discount for column in drawn]
    in_decimals = [float(to_decimal(amount)) for amount in discounts]
    return {
        "claims-chart": _chart(_("Claims"), drawn, period, claims, claims, words.count, _claim_list(drawn, cut)),
        "redemptions-chart": _chart(_("Redemptions"), drawn, period, redemptions, redemptions, words.count, uses),
        "discount-chart": _chart(_("Discount given"), drawn, period, in_decimals, discounts, format_money, uses),
    }


def _chart(
    title: str,
    drawn: Sequence[Column],
    period: Period,
    numbers: Sequence[float],
    figures: Sequence[int],
    write: Callable[[int], str],
    links: Sequence[str],
) -> ColumnChart:
    total = {"total": write(sum(figures)), "each": _each(period)}
    return ColumnChart(
        title=title,
        description=_("%(total)s in all, %(each)s.") % total,
        labels=[_label(column.first, period) for column in drawn],
        series=[Series(title, numbers, [write(figure) for figure in figures])],
        links=links,
    )


def _claim_list(drawn: Sequence[Column], cut: Cut) -> list[str]:
    return _lists("admin:coupons_claim_changelist", drawn, cut, moment="claimed_at", coupon="coupon")


def _redemption_list(drawn: Sequence[Column], cut: Cut) -> list[str]:
    more = {"order__state__exact": OrderState.REDEEMED.value}
    return _lists("admin:coupons_redemption_changelist", drawn, cut, moment="order__placed_at", coupon="coupon", **more)


def _lists(url_name: str, drawn: Sequence[Column], cut: Cut, *, moment: str, coupon: str, **more: str) -> list[str]:
    """Returns for each column the list behind it; nothing where a list cannot show just that."""
    if cut.campaign_id is not None or cut.tag:
        return []
    if cut.coupon_id is not None:
        more[f"{coupon}__id__exact"] = str(cut.coupon_id)
    lists = []
    for column in drawn:
        last = min(column.first + timedelta(days=cut.period.days_a_column - 1), cut.period.last)
        days = {f"{moment}_from": column.first.isoformat(), f"{moment}_to": last.isoformat()}
        lists.append(f"{reverse(url_name)}?{urlencode({**days, **more})}")
    return lists


def _table_row(row: CouponRow, asked: Asked) -> dict[str, str]:
    return {
        "title": str(row.coupon),
        "link": f"?{asked.query(coupon=row.coupon.pk)}",
        "page": reverse("admin:coupons_coupon_change", args=[row.coupon.pk]),
        "claims": f"{row.claims:,}",
        "conversion": words.percent(row.conversion),
        "redemptions": f"{row.redemptions:,}",
        "discount": format_money(row.discount),
        "orders": f"{row.orders.count:,}",
        "value": words.money(row.orders.mean_value),
    }


def _each(period: Period) -> str:
    return {1: _("day by day"), 7: _("week by week"), 28: _("in steps of four weeks")}[period.days_a_column]


def _label(day: date, period: Period) -> str:
    # Where a chart is longer than a year, a day without its year says nothing.
    return date_format(day, "SHORT_DATE_FORMAT") if period.days > 365 else date_format(day, "m-d")
