"""What the page asks the database and Redis for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import shared_task
from django.core.cache import cache
from django.db import connection
from django_redis import get_redis_connection
from prometheus_client.core import Metric

from campaigns.enums import MessageChannel, MessageTopic
from campaigns.services.outbox import MessageDraft, messages_write
from config.kernel.clock import database_now
from config.kernel.job_reports import note_failure
from config.kernel.models import JobReport
from config.metrics import page
from coupons import gauges
from coupons.gate import Gate
from coupons.models import Claim, StockPolicy
from coupons.services.gate_reconciling import reconcile_gates
from coupons.tasks import expire_claims
from tests import factories
from tests.metrics.scraping import scrape
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

# Whatever a label may be called. A new one is thought over here: who chooses its values, and how many can there be?
LABELS = {
    *("view", "method", "status", "le", "rate", "by", "cause", "outcome", "circuit", "channel", "part", "state", "job"),
    *("kind", "coupon", "title"),
    # prometheus_client's own, of the process.
    *("implementation", "major", "minor", "patchlevel", "version", "generation"),
}


def open_now(**fields: Any) -> Any:
    now = database_now()
    window = {"claim_starts_at": now - timedelta(hours=1), "claim_ends_at": now + timedelta(hours=1)}
    return factories.make_coupon(**{**window, **fields})


class TestStock:
    def test_what_is_left_of_hot_and_watched_coupons(self, settings: Any) -> None:
        hot, watched, cold = open_now(bucket_count=4, stock=7), open_now(stock=3), open_now(stock=5)
        StockPolicy.objects.create(coupon=watched, low_below=10, is_low=True)
        seen = scrape(settings)
        assert seen.value("quan_coupon_stock_remaining", coupon=str(hot.public_id)) == 7
        assert seen.value("quan_coupon_stock_remaining", coupon=str(watched.public_id)) == 3
        assert seen.series("quan_coupon_stock_remaining", coupon=str(cold.public_id)) == []
        assert seen.value("quan_coupons_live") == 3
        assert seen.value("quan_coupons_low") == 1

    def test_however_many_a_shop_publishes_the_page_stays_small(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gauges, "COUPONS", 2)
        for _coupon in range(3):
            open_now(bucket_count=2)
        hottest = open_now(bucket_count=8)
        seen = scrape(settings)
        assert len(list(seen.series("quan_coupon_stock_remaining"))) == 2
        assert seen.series("quan_coupon_stock_remaining", coupon=str(hottest.public_id))

    def test_a_coupon_that_is_over_is_no_series(self, settings: Any) -> None:
        now = database_now()
        over = open_now(bucket_count=4, claim_starts_at=now - timedelta(hours=2), claim_ends_at=now)
        assert scrape(settings).series("quan_coupon_stock_remaining", coupon=str(over.public_id)) == []


class TestGates:
    def test_drift_is_what_the_last_comparison_found(self, settings: Any, shopper: User) -> None:
        if not settings.REDIS_URL:
            pytest.skip("needs Redis")
        assert scrape(settings).series("quan_gate_drift") == []
        coupon, now = open_now(bucket_count=4), database_now()
        Gate(coupon.public_id).note_claimed(shopper=shopper.pk, claimed=1)
        reconcile_gates(now=now)
        seen = scrape(settings)
        assert seen.value("quan_gate_drift", kind="too_many") == 1
        assert seen.value("quan_gate_drift") == 1
        assert seen.value("quan_gate_reconciled_timestamp_seconds") == pytest.approx(now.timestamp())
        # Control: it was repaired, so the next one finds nothing.
        reconcile_gates(now=now)
        assert scrape(settings).value("quan_gate_drift") == 0

    def test_a_gate_that_was_not_reached_shows(self, settings: Any) -> None:
        open_now(bucket_count=4)
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        reconcile_gates(now=database_now())
        assert scrape(settings).value("quan_gate_unreconciled") == 1


class TestJobs:
    def test_a_run_that_ended_well(self, settings: Any) -> None:
        job = {"job": "expire claims"}
        assert scrape(settings).series("quan_job_last_success_timestamp_seconds", **job) == [0.0]
        claim, now = factories.make_claim(), database_now()
        Claim.objects.filter(pk=claim.pk).update(
            usable_from=now - timedelta(days=2), expires_at=now - timedelta(days=1)
        )
        expire_claims.apply()
        expire_claims.apply()
        seen = scrape(settings)
        assert seen.value("quan_job_last_success_timestamp_seconds", **job) == pytest.approx(
            database_now().timestamp(), abs=60
        )
        assert seen.value("quan_job_interval_seconds", **job) == 300
        assert seen.value("quan_job_runs_total", **job) == 2
        assert seen.value("quan_job_done_total", **job) == 1

    def test_a_run_that_failed(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(**arguments: object) -> int:
            raise ZeroDivisionError

        monkeypatch.setattr("coupons.services.expiry.expire_claims", broken)
        assert expire_claims.apply().failed()
        seen = scrape(settings)
        assert seen.value("quan_job_failures_total", job="expire claims") == 1
        assert seen.value("quan_job_runs_total", job="expire claims") == 0

    def test_a_nightly_job_that_has_not_run_yet_is_not_late(self, settings: Any) -> None:
        assert scrape(settings).series("quan_job_last_success_timestamp_seconds", job="segment shoppers") == []

    def test_other_tasks_are_no_series(self, settings: Any) -> None:
        @shared_task
        def once() -> int:
            return 1

        once.apply()
        assert not JobReport.objects.exists()

    def test_a_report_that_cannot_be_written_is_lost_and_nothing_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        note_failure(job="x" * 81, now=factories.NOW)
        assert connection.is_usable()

    def test_tasks_that_wait(self, settings: Any) -> None:
        if not settings.CELERY_BROKER_URL.startswith("redis"):
            pytest.skip("needs Redis as broker")
        get_redis_connection("default").rpush("celery", "a task", "another")
        try:
            assert scrape(settings).value("quan_celery_queue_length") == 2
        finally:
            get_redis_connection("default").delete("celery")
        assert scrape(settings).value("quan_celery_queue_length") == 0


class TestOutbox:
    def test_how_long_the_oldest_has_been_due(self, settings: Any, shopper: User) -> None:
        assert scrape(settings).value("quan_outbox_oldest_due_seconds") == 0
        for number, minutes in enumerate((5, 2)):
            draft = MessageDraft(f"m{number}", shopper.pk, MessageChannel.EMAIL, MessageTopic.EXPIRY_REMINDER)
            messages_write(drafts=[draft], now=database_now() - timedelta(minutes=minutes))
        seen = scrape(settings)
        assert seen.value("quan_outbox_due_messages") == 2
        assert seen.value("quan_outbox_oldest_due_seconds") == pytest.approx(300, abs=30)


class TestPage:
    def test_a_part_that_cannot_be_asked_hides_no_other(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(now: datetime) -> Iterator[Metric]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT no_such_column")
            yield from ()

        monkeypatch.setattr(gauges, "DATABASE_GAUGES", (broken, gauges.stock_gauges))
        seen = scrape(settings)
        assert seen.value("quan_scrape_failed", part="broken") == 1
        assert seen.value("quan_scrape_failed") == 1
        assert seen.series("quan_coupons_live") == [0.0]
        assert seen.series("quan_outbox_due_messages") == [0.0]

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL")
    def test_a_slow_database_does_not_hold_the_page_up(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def slow(now: datetime) -> Iterator[Metric]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(60)")
            yield from ()

        monkeypatch.setattr(page, "STATEMENT_MILLISECONDS", 20)
        monkeypatch.setattr(gauges, "DATABASE_GAUGES", (slow,))
        assert scrape(settings).value("quan_scrape_failed", part="slow") == 1
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)

    def test_labels_are_few_and_nobody_stands_in_them(self, settings: Any, shopper: User) -> None:
        cache.clear()
        open_now(bucket_count=4)
        seen = scrape(settings)
        samples = [sample for family in seen.families for sample in family.samples]
        assert {label for sample in samples for label in sample.labels} <= LABELS
        values = {value for sample in samples for value in sample.labels.values()}
        assert str(shopper.public_id) not in values
        assert not {value for value in values if "@" in value or "127.0.0.1" in value}
