"""What the page asks the database and Redis for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from celery import shared_task
from django.core.cache import cache
from django.db import DatabaseError, connection
from django_redis import get_redis_connection
from prometheus_client.core import Metric

from campaigns.enums import MessageChannel, MessageTopic
from campaigns.services.outbox import MessageDraft, messages_write
from config.kernel.clock import database_now
from config.kernel.job_reports import note_failure
from config.kernel.models import JobReport
from config.metrics import page
from coupons import gauges
from coupons.enums import ClaimChannel
from coupons.gate import Gate
from coupons.models import Claim, Coupon, StockPolicy
from coupons.queue import Queue
from coupons.services import granting
from coupons.services.gate_reconciling import reconcile_gates
from coupons.services.granting import Granter
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


class TestQueues:
    @pytest.fixture(autouse=True)
    def _with_redis(self, settings: Any) -> None:
        if not settings.REDIS_URL:
            pytest.skip("needs Redis")

    def queue_up(self, coupon: Coupon, shoppers: int) -> None:
        for _shopper in range(shoppers):
            Queue(coupon.public_id).accept(
                ticket=uuid4(),
                shopper=factories.make_shopper().pk,
                is_open=True,
                limit=1,
                now=database_now(),
                day=factories.NOW.date(),
            )
        Queue(coupon.public_id).announce()

    def test_what_waits_and_what_is_taken(self, settings: Any) -> None:
        coupon, empty, cold = open_now(is_queued=True), open_now(is_queued=True), open_now()
        self.queue_up(coupon, 3)
        names = {"coupon": str(coupon.public_id), "title": coupon.title_en}
        seen = scrape(settings)
        assert seen.value("quan_queue_length", **names) == 3
        assert 0 < seen.value("quan_queue_oldest_seconds", **names) < 60
        assert seen.value("quan_queue_taken", **names) == 0
        assert seen.series("quan_queue_length", coupon=str(empty.public_id)) == [0.0]
        assert seen.series("quan_queue_oldest_seconds", coupon=str(empty.public_id)) == [0.0]
        assert seen.series("quan_queue_length", coupon=str(cold.public_id)) == []
        assert seen.value("quan_scrape_failed") == 0
        # A granter that died has taken two.
        Queue(coupon.public_id).take("gone", 2)
        seen = scrape(settings)
        assert seen.value("quan_queue_taken", **names) == 2
        assert seen.value("quan_queue_length", **names) == 3

    def test_a_queue_that_is_over_shows_until_it_is_served(self, settings: Any) -> None:
        now = database_now()
        over = open_now(is_queued=True, claim_starts_at=now - timedelta(hours=2), claim_ends_at=now)
        self.queue_up(over, 1)
        assert scrape(settings).value("quan_queue_length", coupon=str(over.public_id)) == 1

    def test_however_many_queues_there_are_the_page_stays_small(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gauges, "COUPONS", 2)
        crowded = open_now(is_queued=True)
        for _coupon in range(3):
            open_now(is_queued=True)
        self.queue_up(crowded, 1)
        seen = scrape(settings)
        assert len(list(seen.series("quan_queue_length"))) == 2
        assert seen.series("quan_queue_length", coupon=str(crowded.public_id)) == [1.0]

    def test_without_redis_there_are_none(self, settings: Any) -> None:
        open_now(is_queued=True)
        settings.REDIS_URL = ""
        seen = scrape(settings)
        assert seen.series("quan_queue_length") == []
        assert seen.value("quan_scrape_failed", part="queue_gauges") == 0

    def test_granters_report_what_they_answered(self, settings: Any) -> None:
        assert scrape(settings).series("quan_queue_answers_total", outcome="granted") == [0.0]
        coupon = open_now(is_queued=True, stock=2)
        self.queue_up(coupon, 3)
        Granter(consumer="one", stop=Event(), batch=2).drain()
        Queue(coupon.public_id).accept(
            ticket=uuid4(),
            shopper=2**40,
            is_open=True,
            limit=1,
            now=database_now(),
            day=factories.NOW.date(),
        )
        Granter(consumer="another", stop=Event()).drain()
        seen = scrape(settings)
        assert seen.value("quan_queue_answers_total", outcome="granted") == 2
        assert seen.value("quan_queue_answers_total", outcome="sold_out") == 1
        assert seen.value("quan_queue_answers_total", outcome="lost") == 1
        assert seen.value("quan_queue_answers_total") == 4
        assert seen.value("quan_queue_batches_failed_total") == 0
        assert Claim.objects.filter(channel=ClaimChannel.QUEUE).count() == 2

    def test_a_batch_that_failed(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        coupon = open_now(is_queued=True)
        self.queue_up(coupon, 1)

        def broken(**arguments: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(granting, "batch_answer", broken)
        Granter(consumer="one", stop=Event(), batch=2).drain()
        seen = scrape(settings)
        assert seen.value("quan_queue_batches_failed_total") == 1
        # The one place was dropped after that.
        assert seen.value("quan_queue_answers_total", outcome="lost") == 1

    def test_what_could_not_be_reported_is_reported_later(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        coupon = open_now(is_queued=True)
        granter = Granter(consumer="one", stop=Event())

        def broken(**arguments: object) -> None:
            raise DatabaseError

        self.queue_up(coupon, 2)
        with monkeypatch.context() as patched:
            patched.setattr(granting, "note_more", broken)
            assert granter.drain() == 2
        assert scrape(settings).value("quan_queue_answers_total") == 0
        self.queue_up(coupon, 1)
        granter.drain()
        assert scrape(settings).value("quan_queue_answers_total", outcome="granted") == 3


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
