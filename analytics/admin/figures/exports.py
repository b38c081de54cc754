"""The tables of the dashboards as CSV: the same figures, in plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _

from analytics.admin.figures.asked import Asked, read_asked
from analytics.admin.figures.demand import demand_table
from analytics.admin.figures.pages import figures_page
from analytics.enums import Dimension, FairnessRate
from analytics.errors import NeedsPostgreSQL
from analytics.selectors.metrics.expiry import expiry_reasons
from analytics.selectors.metrics.fairness import groups
from analytics.selectors.metrics.funnel import funnel
from analytics.selectors.metrics.totals import columns, coupon_rows
from config.kernel.clock import database_now
from config.kernel.money import to_decimal
from config.kernel.spreadsheets import CSV_TYPE, Cell, csv_stream

Rows = Iterator[Sequence[Cell]]


def coupons_table(asked: Asked) -> Rows:
    """Coupon by coupon."""
    yield [
        _("Coupon"),
        _("Claims"),
        _("Used"),
        _("Redemptions"),
        _("Discount given"),
        _("Orders"),
        _("Goods after discounts"),
    ]
    for row in coupon_rows(asked.cut):
        yield [
            str(row.coupon),
            row.claims,
            row.redeemed,
            row.redemptions,
            str(to_decimal(row.discount)),
            row.orders.count,
            str(to_decimal(row.orders.value)),
        ]


def days_table(asked: Asked) -> Rows:
    """Over the period, in the steps of the charts."""
    yield [_("From"), _("Claims"), _("Redemptions"), _("Discount given")]
    for column in columns(asked.cut):
        yield [column.first.isoformat(), column.claims, column.redemptions, str(to_decimal(column.discount))]


def funnel_steps(asked: Asked) -> Rows:
    """The steps of the funnel, in shoppers."""
    found = funnel(asked.cut)
    yield [_("Step"), _("Shoppers")]
    yield [_("Saw a coupon"), found.viewed]
    yield [_("… then claimed it"), found.viewed_claimed]
    yield [_("… and used it"), found.viewed_used]
    yield [_("Claimed, seen or not"), found.claimed]
    yield [_("… and used one"), found.used]


def expiry_table(asked: Asked) -> Rows:
    """Why claims expired."""
    yield [_("Reason"), _("Claims")]
    for row in expiry_reasons(asked.cut, now=asked.now):
        yield [str(row.reason.label), row.claims]


def fairness_table(asked: Asked) -> Rows:
    """Every group of every dimension."""
    yield [_("Group by"), _("Group"), _("Active shoppers"), _("Claimed"), _("Used one"), _("Discount given")]
    for dimension in Dimension:
        for group in groups(asked.cut, dimension):
            (claimers, shoppers), (users, _claimers) = group.parts(FairnessRate.CLAIM), group.parts(FairnessRate.USE)
            yield [
                str(dimension.label),
                group.name,
                shoppers,
                claimers,
                users,
                str(to_decimal(group.money)),
            ]


TABLES: dict[str, Callable[[Asked], Rows]] = {
    "coupons": coupons_table,
    "days": days_table,
    "funnel": funnel_steps,
    "expiry": expiry_table,
    "fairness": fairness_table,
    # Of last night, whatever days are asked for.
    "demand": lambda _asked: demand_table(),
}


@figures_page
def export(request: HttpRequest, name: str) -> HttpResponseBase:
    """Sends one table; spreadsheet programs take no cell of it for a formula."""
    if name not in TABLES:
        raise Http404
    asked = read_asked(request, now=database_now())
    # Read before the answer begins: an error is a page then, and words are in the language of the request.
    try:
        rows = list(TABLES[name](asked))
    except NeedsPostgreSQL as refused:
        return HttpResponse(str(refused.message), status=refused.status, content_type="text/plain; charset=utf-8")
    file_name = f"{name}-{asked.cut.period.first}-{asked.cut.period.last}.csv"
    return StreamingHttpResponse(
        csv_stream(rows),
        content_type=CSV_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{file_name}"', "X-Content-Type-Options": "nosniff"},
    )
