"""A campaign's report: all its figures with their definitions and intervals on one page, to be read or printed."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from analytics.admin.figures import words
from analytics.admin.figures.pages import figures_page
from analytics.admin.figures.tables import funnel_table, reasons_table, stars_table
from analytics.charts import ColumnChart, Series
from analytics.errors import NeedsPostgreSQL
from analytics.selectors.metrics.cut import Cut
from analytics.selectors.metrics.expiry import ReasonCount, expiry_reasons
from analytics.selectors.metrics.funnel import funnel
from analytics.selectors.metrics.incremental import campaign_incremental_profit
from analytics.selectors.metrics.money import revenue
from analytics.selectors.metrics.repurchase import WITHIN, repurchase
from analytics.selectors.metrics.satisfaction import satisfaction
from analytics.selectors.metrics.totals import columns, coupon_rows, totals
from analytics.selectors.periods import Period, days_with_data
from campaigns.models import Campaign
from config.kernel.clock import database_now, end_of_shop_day, shop_date
from coupons.models import Claim

SHOWN_COUPONS = 100


@figures_page
def campaign_report(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """The whole report, from the campaign's first day until nobody can use its coupons, or to today."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    now = database_now()
    period = period_of(campaign, now=now)
    cut = Cut(period, campaign_id=campaign.pk)
    refused: NeedsPostgreSQL | None = None
    reasons: list[ReasonCount] = []
    try:
        reasons = expiry_reasons(cut, now=now)
    except NeedsPostgreSQL as error:
        refused = error
    rows = coupon_rows(cut)
    context = {
        **admin.site.each_context(request),
        "title": _("Report: %(campaign)s") % {"campaign": campaign},
        "campaign": campaign,
        "period_text": words.period(period.first, period.last),
        "time_zone": settings.TIME_ZONE,
        "made_at": now,
        "figures": _figures(campaign, cut, now),
        "chart": _claims_chart(cut),
        "funnel": funnel_table(funnel(cut)),
        "reasons": reasons_table(reasons, lambda _reason: "") if reasons else None,
        "reasons_refused": refused,
        "stars": stars_table(satisfaction(cut)),
        "rows": [
            (
                str(row.coupon),
                words.count(row.claims),
                words.percent(row.conversion),
                words.count(row.redemptions),
                words.money(row.discount),
            )
            for row in rows[:SHOWN_COUPONS]
        ],
        "rows_left_out": max(0, len(rows) - SHOWN_COUPONS),
    }
    return render(request, "analytics/figures/report.html", context)


def period_of(campaign: Campaign, *, now: datetime) -> Period:
    """Returns the shop days of a campaign, on to the end of its last claim, and up to today.

    What was claimed on the last day is used after it: a report that ended with the window would miss that.
    """
    claims = Claim.objects.filter(coupon__campaigns=campaign, claimed_at__gte=campaign.starts_at)
    last_end = claims.aggregate(last=Max("expires_at"))["last"] or campaign.ends_at
    first = shop_date(campaign.starts_at)
    # What ends at midnight ends with the day before.
    last = shop_date(max(campaign.ends_at, last_end) - timedelta(microseconds=1))
    return Period(first=first, last=max(first, min(last, shop_date(now))))


def _figures(campaign: Campaign, cut: Cut, now: datetime) -> list[tuple[str, str, str]]:
    """Returns name, value and definition of each figure."""
    total, money = totals(cut), revenue(cut)
    known_until = min(now, end_of_shop_day(days_with_data(now=now).last))
    ends = min(known_until, end_of_shop_day(cut.period.last))
    again = repurchase(cut, known_until=known_until)
    days = {"days": WITHIN.days}
    return [
        (_("Claims"), words.count(total.claims), _("Made in the period.")),
        (
            _("Claim → redeem conversion"),
            words.percent(total.conversion),
            _("Of a hundred claims of the period, how many are used now."),
        ),
        (
            _("Redemptions"),
            words.count(total.redemptions),
            _("Uses on paid orders placed in the period, whenever claimed; an order refunded in full does not count."),
        ),
        (
            _("Order value with coupon"),
            words.money(total.with_coupon.mean_value),
            _("Mean of goods after discounts, without shipping, on orders with one of these coupons."),
        ),
        (
            _("Order value without coupon"),
            words.money(total.without_coupon.mean_value),
            _("The same on orders of the period without any coupon. The difference is not what coupons earned."),
        ),
        (
            _("Revenue with coupon"),
            words.money(money.revenue),
            _("Goods after discounts on orders with one of these coupons, less refunds; no shipping, no added tax."),
        ),
        (
            _("Cost"),
            f"{words.money(money.cost)} · {words.percent(money.cost_share)}",
            _("What the coupons took off, less what refunds gave back; beside it, of a hundred of revenue."),
        ),
        (
            _("Bought again, with coupon"),
            words.share(again.with_coupon.rate),
            _("Of shoppers who used one of these coupons, who ordered again within %(days)d days; 95 %% interval.")
            % days,
        ),
        (
            _("Bought again, without coupon"),
            words.share(again.without_coupon.rate),
            _("Of shoppers who used no coupon in the period, who ordered again within %(days)d days.") % days,
        ),
        (
            _("Incremental profit"),
            words.profit(campaign_incremental_profit(campaign=campaign, until=ends)),
            _("Profit of shoppers who could get the coupons beside that of shoppers held out by lot."),
        ),
    ]


def _claims_chart(cut: Cut) -> ColumnChart:
    drawn = columns(cut)
    names = {"claims": _("Claims"), "redemptions": _("Redemptions")}
    return ColumnChart(
        title=_("Claims and redemptions"),
        description=cut.period.first.isoformat() + " – " + cut.period.last.isoformat(),
        labels=[f"{column.first:%m-%d}" for column in drawn],
        series=[
            Series(
                text,
                [getattr(column, name) for column in drawn],
                [words.count(getattr(column, name)) for column in drawn],
            )
            for name, text in names.items()
        ],
    )
