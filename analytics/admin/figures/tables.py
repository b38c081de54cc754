"""The tables with bars that several pages show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils.translation import gettext as _

from analytics.admin.figures import words
from analytics.charts import ShareRow, ShareTable
from analytics.enums import Dimension, ExpiryReason, FairnessRate
from analytics.learners.intervals import Interval, share_interval
from analytics.selectors.metrics.expiry import ReasonCount
from analytics.selectors.metrics.fairness import GroupRates
from analytics.selectors.metrics.funnel import Funnel
from analytics.selectors.metrics.satisfaction import Satisfaction
from coupons.models.rating import LOWEST


def funnel_table(found: Funnel) -> ShareTable:
    """Shoppers on each step; the bar is the share of the step's own base."""
    return ShareTable(
        title=_("Funnel, in shoppers"),
        note=_(
            "Looks are known of signed-in shoppers and of what your systems send. Coupons also come by grant, code or "
            "gift, without a look: the last two rows count every claim."
        ),
        headers=[_("Step"), _("Shoppers"), _("Of the base, 95 % interval")],
        rows=[
            _row(_("Saw a coupon"), found.viewed, None),
            _row(_("… then claimed it"), found.viewed_claimed, found.view_to_claim),
            _row(_("… and used it"), found.viewed_used, share_interval(found.viewed_used, found.viewed_claimed)),
            _row(_("Claimed, seen or not"), found.claimed, None),
            _row(_("… and used one"), found.used, found.claim_to_use),
        ],
    )


def reasons_table(found: Sequence[ReasonCount], link: Callable[[ExpiryReason], str]) -> ShareTable:
    """Expired claims by reason; each row leads to its claims."""
    total = sum(row.claims for row in found)
    return ShareTable(
        title=_("Why claims expired"),
        note=_("%(total)s claims ended unused. Each counts once, under the first reason that holds.")
        % {"total": words.count(total)},
        headers=[_("Reason"), _("Claims"), _("Of all")],
        rows=[
            ShareRow(
                label=str(row.reason.label),
                cells=[words.count(row.claims), words.percent(100 * row.claims / total)],
                share=row.claims / total,
                link=link(row.reason),
            )
            for row in found
        ],
    )


def stars_table(found: Satisfaction) -> ShareTable:
    """How many gave how many stars."""
    answers = found.answers
    return ShareTable(
        title=_("How was this coupon?"),
        note=_(
            "%(answers)s answers; %(asked)s uses on orders of the period. Mean: %(mean)s, 95 %% interval in brackets."
        )
        % {
            "answers": words.count(answers),
            "asked": words.count(found.asked),
            "mean": words.stars(found.interval, found.mean),
        },
        headers=[_("Stars"), _("Answers")],
        rows=[
            ShareRow("★" * score, [words.count(number)], number / answers if answers else None)
            for score, number in reversed(list(enumerate(found.by_score, start=LOWEST)))
        ],
    )


def groups_table(
    found: Sequence[GroupRates], dimension: Dimension, rate: FairnessRate, name: Callable[[str], str]
) -> ShareTable:
    """One rate of every group of a dimension."""
    rows = []
    for group in found:
        interval = group.share(rate)
        hits, base = group.parts(rate)
        rows.append(
            _interval_row(
                name(group.name) if group.name else _("not known"),
                [words.count(base), words.count(hits), words.share(interval)],
                interval,
            )
        )
    headers = {
        FairnessRate.CLAIM: [_("Active shoppers"), _("Claimed"), _("Rate, 95 % interval")],
        FairnessRate.USE: [_("Claimed"), _("Used one"), _("Rate, 95 % interval")],
    }[rate]
    return ShareTable(f"{dimension.label}: {rate.label}", "", [str(dimension.label), *headers], rows)


def _row(label: str, shoppers: int, share: Interval | None) -> ShareRow:
    return _interval_row(label, [words.count(shoppers), words.share(share)], share)


def _interval_row(label: str, cells: Sequence[str], share: Interval | None) -> ShareRow:
    if share is None:
        return ShareRow(label, cells)
    return ShareRow(label, cells, share.estimate, share.low, share.high)
