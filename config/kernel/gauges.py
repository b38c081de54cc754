"""What the database and Redis say of the machinery, asked when the page of metrics is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from urllib.parse import urlsplit

from celery import current_app
from django.conf import settings
from django.db import connection
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from config.kernel.models import JobReport

SOCKET_SECONDS = 0.5
# Where Celery keeps its default queue in Redis.
CELERY_QUEUE = "celery"

ACTIVITY = """
    SELECT
        COUNT(*) FILTER (WHERE state = 'active'),
        COUNT(*) FILTER (WHERE state LIKE 'idle in transaction%%'),
        COUNT(*),
        COUNT(*) FILTER (WHERE wait_event_type = 'Lock'),
        COALESCE(EXTRACT(EPOCH FROM MAX(clock_timestamp() - xact_start) FILTER (WHERE pid <> pg_backend_pid())), 0),
        current_setting('max_connections')::int,
        (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database())
    FROM pg_stat_activity WHERE datname = current_database()
"""


def database_gauges(now: datetime) -> Iterator[Metric]:
    """Connections, waits for locks, the oldest transaction; only PostgreSQL tells."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(ACTIVITY, [])
        active, idle_in_transaction, every, waiting, oldest, maximum, deadlocks = cursor.fetchone()
    connections = GaugeMetricFamily(
        "quan_database_connections", "Connections to this database, by what they do.", labels=["state"]
    )
    for state, number in (
        ("active", active),
        ("idle_in_transaction", idle_in_transaction),
        ("other", every - active - idle_in_transaction),
    ):
        connections.add_metric([state], number)
    yield connections
    yield GaugeMetricFamily("quan_database_connections_maximum", "Connections that it takes at most.", value=maximum)
    yield GaugeMetricFamily("quan_database_lock_waiters", "Connections that wait for a lock.", value=waiting)
    yield GaugeMetricFamily(
        "quan_database_oldest_transaction_seconds", "Age of the oldest open transaction.", value=float(oldest)
    )
    yield CounterMetricFamily("quan_database_deadlocks", "Deadlocks that PostgreSQL has resolved.", value=deadlocks)


def job_gauges(now: datetime) -> Iterator[Metric]:
    """When each job of beat last ended well, and how often it should."""
    success = GaugeMetricFamily(
        "quan_job_last_success_timestamp_seconds", "When the job last ended well; 0: never.", labels=["job"]
    )
    interval = GaugeMetricFamily("quan_job_interval_seconds", "How often the job should run.", labels=["job"])
    runs = CounterMetricFamily("quan_job_runs", "Runs that ended well.", labels=["job"])
    failures = CounterMetricFamily("quan_job_failures", "Runs that failed.", labels=["job"])
    done = CounterMetricFamily("quan_job_done", "What the job has done in all: claims, messages, …", labels=["job"])
    reports = {report.job: report for report in JobReport.objects.all()}
    for job, entry in sorted(current_app.conf.beat_schedule.items()):
        report = reports.get(job) or JobReport(job=job)
        seconds = entry["schedule"] if isinstance(entry["schedule"], float) else 0.0
        # A nightly job that has not run yet, on the first day, is not late.
        if report.succeeded_at is not None or seconds:
            success.add_metric([job], report.succeeded_at.timestamp() if report.succeeded_at else 0.0)
            interval.add_metric([job], seconds or 24 * 3600)
        runs.add_metric([job], report.runs)
        failures.add_metric([job], report.failures)
        done.add_metric([job], report.done)
    yield from (success, interval, runs, failures, done)


def redis_gauges() -> Iterator[Metric]:
    """Whether Redis answers, and how many tasks wait in it where it is Celery's broker."""
    if settings.REDIS_URL:
        try:
            is_up = bool(_redis(settings.REDIS_URL).ping())
        except (RedisError, OSError):
            is_up = False
        yield GaugeMetricFamily("quan_redis_up", "Whether Redis answers.", value=int(is_up))
    broker = settings.CELERY_BROKER_URL
    if urlsplit(broker).scheme in ("redis", "rediss"):
        yield GaugeMetricFamily(
            "quan_celery_queue_length", "Tasks that no worker has taken yet.", value=_redis(broker).llen(CELERY_QUEUE)
        )


@cache
def _redis(url: str) -> Redis:
    return Redis.from_url(
        url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS, retry=Retry(NoBackoff(), 0)
    )


DATABASE_GAUGES = (database_gauges, job_gauges)
