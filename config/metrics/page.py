"""The page itself: `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from importlib import import_module

import structlog
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from config.kernel.clock import database_now
from config.kernel.gauges import redis_gauges
from config.metrics.access import may_read_metrics
from config.metrics.files import reading, shared_folder

logger = structlog.get_logger(__name__)

# Each has a `gauges.py` with DATABASE_GAUGES: functions of the time that ask the database what it says right now.
PACKAGES = ("config.kernel", "coupons", "campaigns")
# A page that cannot be read when the database is slow is of no use.
STATEMENT_MILLISECONDS = 2_000


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answers with all metrics in the format that Prometheus asks for."""
    if not may_read_metrics(request):
        return HttpResponse("Set METRICS_TOKEN or METRICS_NETWORKS; see docs/operator.md.\n", "text/plain", 403)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(_Everything()), content_type=content_type)


class _Everything(CollectorRegistry):
    """What this group of processes counted, and what can be asked."""

    def collect(self) -> Iterator[Metric]:
        yield from _counted()
        yield from _asked()


def _counted() -> Iterable[Metric]:
    folder = shared_folder()
    if folder is None:
        return list(REGISTRY.collect())
    with reading(folder):
        return list(MultiProcessCollector(None, path=str(folder)).collect())


def _asked() -> Iterator[Metric]:
    failed = GaugeMetricFamily("quan_scrape_failed", "Parts of this page that could not be asked.", labels=["part"])
    seconds = GaugeMetricFamily("quan_scrape_seconds", "Time that parts of this page took.", labels=["part"])
    now = _now_if_up()
    yield GaugeMetricFamily("quan_database_up", "Whether the database answers.", value=int(now is not None))
    yield from _part("redis", redis_gauges, failed, seconds)
    if now is not None:
        for package in PACKAGES:
            for gauges in import_module(f"{package}.gauges").DATABASE_GAUGES:
                yield from _part(gauges.__name__, _from_database(gauges, now), failed, seconds)
    yield failed
    yield seconds


def _now_if_up() -> datetime | None:
    try:
        return database_now()
    # Whatever the driver raises: it does not answer.
    except Exception:
        return None


def _part(
    name: str,
    ask: Callable[[], Iterable[Metric]],
    failed: GaugeMetricFamily,
    seconds: GaugeMetricFamily,
) -> list[Metric]:
    started = time.perf_counter()
    found: list[Metric] = []
    has_failed = False
    try:
        # What it said before it failed counts.
        for metric in ask():
            found.append(metric)  # noqa: PERF402
    # One part that cannot be asked must not hide the others.
    except Exception as error:
        has_failed = True
        logger.warning("metrics_incomplete", part=name, error=type(error).__name__)
    failed.add_metric([name], int(has_failed))
    seconds.add_metric([name], time.perf_counter() - started)
    return found


def _from_database(gauges: Callable[[datetime], Iterable[Metric]], now: datetime) -> Callable[[], Iterable[Metric]]:
    def ask() -> list[Metric]:
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}")
            return list(gauges(now))

    return ask
