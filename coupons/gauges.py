"""What the database says of coupons, asked when the page of metrics is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from django.db.models import Q
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from config.kernel.models import JobReport
from coupons.enums import WaitingState
from coupons.gate import is_configured
from coupons.models import Coupon, WaitingEntry
from coupons.queue import Queue, coupons_with_queues
from coupons.selectors.queued import queued_coupons_live
from coupons.selectors.showcase import remaining_stock
from coupons.services import gate_reconciling, granting
from coupons.services.gate_reconciling import Drift

# Series that one page holds at most, whatever a shop publishes.
COUPONS = 50
# Rows that are counted at most: that it is many is all that matters then.
MANY = 100_000
# What becomes of places in queues, known from the start.
QUEUE_OUTCOMES = ("granted", "sold_out", "limit_reached", "lost")


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
    report = JobReport.objects.filter(job=gate_reconciling.JOB, figures_at__isnull=False).first()
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


def granter_gauges(now: datetime) -> Iterator[Metric]:
    """What granters have reported: their processes have no page."""
    report = JobReport.objects.filter(job=granting.JOB).first()
    told = dict.fromkeys(QUEUE_OUTCOMES, 0) | ({} if report is None else report.figures)
    failed = told.pop(granting.BATCHES_FAILED, 0)
    answers = CounterMetricFamily(
        "quan_queue_answers",
        "Places in queues that were answered, by outcome: granted, the code of the refusal, or lost.",
        labels=["outcome"],
    )
    for outcome, number in sorted(told.items()):
        answers.add_metric([outcome], number)
    yield answers
    yield CounterMetricFamily("quan_queue_batches_failed", "Batches of places that could not be served.", value=failed)


def queue_gauges(now: datetime) -> Iterator[Metric]:
    """How the queues of coupons in queued mode stand; nothing without Redis, which knows it."""
    labels = ["coupon", "title"]
    length = GaugeMetricFamily(
        "quan_queue_length",
        f"Places in the queue of a coupon that wait for an answer, of at most {COUPONS} coupons.",
        labels=labels,
    )
    oldest = GaugeMetricFamily(
        "quan_queue_oldest_seconds", "For how long the first place of a queue has been waiting.", labels=labels
    )
    taken = GaugeMetricFamily(
        "quan_queue_taken", "Places of a queue that a granter has taken and not answered yet.", labels=labels
    )
    if is_configured():
        # The latest first; whoever has places stands among the announced, whether it is still live or not.
        found = chain(reversed(coupons_with_queues()), reversed(queued_coupons_live(now=now)))
        coupons = list(dict.fromkeys(found))[:COUPONS]
        titles = dict(Coupon.objects.filter(public_id__in=coupons).values_list("public_id", "title_en"))
        for coupon in coupons:
            backlog, values = Queue(coupon).backlog(), [str(coupon), titles.get(coupon, "")]
            length.add_metric(values, backlog.length)
            oldest.add_metric(values, backlog.oldest_seconds)
            taken.add_metric(values, backlog.taken)
    yield from (length, oldest, taken)


DATABASE_GAUGES = (stock_gauges, gate_gauges, granter_gauges, queue_gauges)
