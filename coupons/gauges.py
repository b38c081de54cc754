"""What the database says of coupons, asked when the page of metrics is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q
from prometheus_client.core import GaugeMetricFamily, Metric

from config.kernel.models import JobReport
from coupons.enums import WaitingState
from coupons.models import Coupon, WaitingEntry
from coupons.selectors.showcase import remaining_stock
from coupons.services.gate_reconciling import JOB, Drift

# Series that one page holds at most, whatever a shop publishes.
COUPONS = 50
# Rows that are counted at most: that it is many is all that matters then.
MANY = 100_000


def stock_gauges(now: datetime) -> Iterator[Metric]:
    """What is left of the live coupons that are hot or watched by a policy; the hottest and newest come first."""
    left = GaugeMetricFamily(
        "quan_coupon_stock_remaining",
        f"Claims that may still be handed out, of live coupons that are hot or watched, at most {COUPONS}.",
        labels=["coupon", "title"],
    )
    watched = Q(stock__bucket_count__gt=1) | Q(stock_policy__isnull=False)
    coupons = Coupon.objects.live(now).filter(watched, stock__is_unlimited=False)
    for coupon in coupons.annotate(left=remaining_stock()).order_by("-stock__bucket_count", "-pk")[:COUPONS]:
        left.add_metric([str(coupon.public_id), coupon.title_en], vars(coupon)["left"] or 0)
    yield left
    yield GaugeMetricFamily("quan_coupons_live", "Coupons open for claiming.", value=Coupon.objects.live(now).count())
    yield GaugeMetricFamily(
        "quan_coupons_low",
        "Live coupons whose stock lies below the limit of their policy.",
        value=Coupon.objects.live(now).filter(stock_policy__is_low=True).count(),
    )
    waiting = WaitingEntry.objects.filter(state=WaitingState.WAITING)[:MANY].count()
    yield GaugeMetricFamily("quan_waiting_shoppers", "Shoppers on waiting lists.", value=waiting)


def gate_gauges(now: datetime) -> Iterator[Metric]:
    """What the last comparison of gates and database found, and when that was; nothing before the first."""
    report = JobReport.objects.filter(job=JOB, figures_at__isnull=False).first()
    if report is None or report.figures_at is None:
        return
    drift = GaugeMetricFamily(
        "quan_gate_drift", "Differences between gates and database that the last comparison repaired.", labels=["kind"]
    )
    for kind in Drift.__dataclass_fields__:
        drift.add_metric([kind], report.figures.get(kind, 0))
    yield drift
    yield GaugeMetricFamily(
        "quan_gate_unreconciled",
        "Gates that the last comparison did not reach.",
        value=report.figures.get("away", 0),
    )
    yield GaugeMetricFamily(
        "quan_gate_reconciled_timestamp_seconds",
        "When gates and database were last compared.",
        value=report.figures_at.timestamp(),
    )


DATABASE_GAUGES = (stock_gauges, gate_gauges)
