"""What is counted, and what the log says of it."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from config.kernel import counters
from config.kernel.breaker import CircuitBreaker
from config.kernel.errors import Busy
from config.kernel.locks import busy_when_locked
from config.metrics.middleware import _metrics_of
from coupons.enums import ClaimChannel
from coupons.errors import SoldOut
from coupons.gate import connection as gate_connection
from coupons.gate import gate as gate_module
from coupons.models import Coupon
from coupons.services.claims import claim_create
from tests import factories
from tests.api.calls import post
from tests.factories import NOW
from tests.metrics.scraping import Scrape, scrape
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


class Since:
    """How far series have moved since this was made."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        self._before: Scrape = scrape(settings)

    def moved(self, name: str, **labels: str) -> float:
        return scrape(self._settings).value(name, **labels) - self._before.value(name, **labels)


@pytest.fixture
def since(settings: Any) -> Since:
    return Since(settings)


@pytest.fixture(autouse=True)
def _gate_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "FRESH_MILLISECONDS", 600_000)
    monkeypatch.setattr(gate_module, "RENEWED_AFTER_MILLISECONDS", 600_000)
    monkeypatch.setattr(gate_connection, "breaker", CircuitBreaker("gate"))


def body_of(coupon: Coupon, shopper: User) -> dict[str, str]:
    return {"coupon": str(coupon.public_id), "shopper": str(shopper.public_id)}


class TestClaims:
    def test_granted_once_and_replayed_after(
        self, since: Since, shop_client: APIClient, coupon: Coupon, shopper: User
    ) -> None:
        for _time in range(3):
            assert post(shop_client, "claims", body_of(coupon, shopper), key="same").status_code == 201
        assert since.moved("quan_claims_total", channel="api", outcome="granted") == 1
        assert since.moved("quan_claims_total", channel="api", outcome="replayed") == 2
        assert since.moved("quan_idempotency_total", outcome="replayed") == 2
        assert post(shop_client, "claims", {**body_of(coupon, factories.make_shopper())}, key="same").status_code == 422
        assert since.moved("quan_idempotency_total", outcome="reused") == 1
        assert since.moved("quan_claims_total", channel="api") == 4

    def test_refused_by_code(self, since: Since, shop_client: APIClient, shopper: User) -> None:
        coupon = factories.make_coupon(stock=0)
        assert post(shop_client, "claims", body_of(coupon, shopper)).status_code == 409
        assert since.moved("quan_claims_total", channel="api", outcome="sold_out") == 1
        assert since.moved("quan_claims_total", outcome="granted") == 0

    def test_by_the_page_and_by_a_code(
        self, since: Since, client: Client, coupon: Coupon, shopper: User, shopper_client: APIClient
    ) -> None:
        client.force_login(shopper)
        client.post(reverse("coupons:claim", args=[coupon.public_id]), {"key": "click"})
        client.post(reverse("coupons:claim", args=[coupon.public_id]), {"key": "click"})
        post(shopper_client, "claims", {"code": "WRONGWRONG"})
        assert since.moved("quan_claims_total", channel="web", outcome="granted") == 1
        assert since.moved("quan_claims_total", channel="web", outcome="replayed") == 1
        assert since.moved("quan_claims_total", channel="code", outcome="code_invalid") == 1

    def test_queued_is_not_granted(
        self, since: Since, settings: Any, client: Client, shop_client: APIClient, shopper: User
    ) -> None:
        if not settings.REDIS_URL:
            pytest.skip("needs Redis")
        coupon = factories.make_coupon(is_queued=True)
        for _time in range(2):
            assert post(shop_client, "claims", body_of(coupon, shopper), key="same").status_code == 202
        assert since.moved("quan_claims_total", channel="api", outcome="queued") == 1
        assert since.moved("quan_claims_total", channel="api", outcome="replayed") == 1
        client.force_login(factories.make_shopper())
        for _time in range(2):
            client.post(reverse("coupons:claim", args=[coupon.public_id]), {"key": "click"})
        assert since.moved("quan_claims_total", channel="web", outcome="queued") == 1
        assert since.moved("quan_claims_total", channel="web", outcome="replayed") == 1
        assert since.moved("quan_idempotency_total", outcome="replayed") == 2
        other = body_of(coupon, factories.make_shopper())
        assert post(shop_client, "claims", other, key="same").status_code == 422
        assert since.moved("quan_idempotency_total", outcome="reused") == 1
        assert since.moved("quan_claims_total", outcome="granted") == 0

    def test_a_full_queue_is_busy(
        self, since: Since, settings: Any, shop_client: APIClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not settings.REDIS_URL:
            pytest.skip("needs Redis")
        monkeypatch.setattr("coupons.queue.queue.MOST_PLACES", 1)
        coupon = factories.make_coupon(is_queued=True)
        statuses = [
            post(shop_client, "claims", body_of(coupon, factories.make_shopper())).status_code for _time in range(2)
        ]
        assert statuses == [202, 503]
        assert since.moved("quan_claims_total", channel="api", outcome="busy") == 1
        assert since.moved("quan_busy_total", cause="queue_full") == 1
        assert since.moved("quan_busy_total") == 1

    def test_the_line_of_the_request_says_what_came_of_it_and_no_more_lines_do(
        self, shop_client: APIClient, shopper: User
    ) -> None:
        coupon = factories.make_coupon(stock=0)
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            answer = post(shop_client, "claims", body_of(coupon, shopper))
        about = [line for line in lines if line.get("claim")]
        assert [line["event"] for line in about] == ["request_finished"]
        assert about[0]["claim"] == "sold_out"
        assert about[0]["coupon"] == str(coupon.public_id)
        assert about[0]["request_id"] == answer["X-Request-ID"]
        # The next request on this thread is not said to be about it.
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            shop_client.get("/api/v1/coupons")
        assert not [line for line in lines if "claim" in line]


@pytest.mark.usefixtures("shopper")
class TestGate:
    def test_its_answers(self, since: Since, settings: Any) -> None:
        if not settings.REDIS_URL:
            pytest.skip("needs Redis")
        coupon = factories.make_coupon(bucket_count=4, stock=1)
        claim_create(shopper=factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
        for _time in range(2):
            with pytest.raises(SoldOut):
                claim_create(shopper=factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
        assert since.moved("quan_gate_answers_total", outcome="enter") == 2
        assert since.moved("quan_gate_answers_total", outcome="sold_out") == 1

    def test_while_it_is_away(self, since: Since, settings: Any) -> None:
        coupon = factories.make_coupon(bucket_count=4)
        settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
        for _time in range(4):
            claim_create(shopper=factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
        assert since.moved("quan_gate_answers_total", outcome="away") == 4
        assert since.moved("quan_circuit_opened_total", circuit="gate") == 1
        assert scrape(settings).value("quan_circuit_open", circuit="gate") == 1
        assert scrape(settings).value("quan_redis_up") == 0
        assert scrape(settings).value("quan_scrape_failed", part="redis") == 1

    def test_a_cold_coupon_has_none(self, since: Since) -> None:
        claim_create(
            shopper=factories.make_shopper(), coupon=factories.make_coupon(), channel=ClaimChannel.WEB, now=NOW
        )
        assert since.moved("quan_gate_answers_total") == 0


class TestBreaker:
    def test_opening_and_closing_are_counted_and_logged_once(self, since: Since, settings: Any) -> None:
        time = 0.0
        breaker = CircuitBreaker("part", failures=2, clock=lambda: time)

        def fail() -> None:
            raise ConnectionError

        with capture_logs() as lines:
            for _time in range(2):
                with pytest.raises(ConnectionError):
                    breaker.call(fail, failing=(ConnectionError,))
            assert scrape(settings).value("quan_circuit_open", circuit="part") == 1
            time = 1.0
            breaker.call(lambda: None, failing=(ConnectionError,))
        about = [(line["event"], line["circuit"]) for line in lines if "circuit" in line]
        assert about == [("circuit_opened", "part"), ("circuit_closed", "part")]
        assert since.moved("quan_circuit_opened_total", circuit="part") == 1
        assert scrape(settings).value("quan_circuit_open", circuit="part") == 0


class TestRefusals:
    @pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL")
    def test_busy_by_cause(self, since: Since) -> None:
        def ask_for_too_long() -> None:
            with busy_when_locked(), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = 1")
                cursor.execute("SELECT pg_sleep(1)")

        with pytest.raises(Busy):
            ask_for_too_long()
        assert since.moved("quan_busy_total", cause="statement_timeout") == 1
        assert since.moved("quan_busy_total") == 1

    def test_too_fast_by_whom(self, settings: Any, shop_client: APIClient, since: Since) -> None:
        settings.RATE_LIMITS = {**settings.RATE_LIMITS, "calls": {"key": 1, "shopper": 1, "address": 1}}
        statuses = [shop_client.get("/api/v1/coupons").status_code for _time in range(3)]
        assert statuses == [200, 429, 429]
        assert since.moved("quan_throttled_total", rate="calls", by="key") == 2

    def test_too_fast_by_the_second_of_those_who_are_counted(
        self, settings: Any, shopper: User, coupon: Coupon, since: Since
    ) -> None:
        settings.RATE_LIMITS = {**settings.RATE_LIMITS, "claims": {"key": 1, "shopper": 60, "address": 1}}
        client = Client(REMOTE_ADDR="203.0.113.77")
        client.force_login(shopper)
        for key in ("one", "two"):
            client.post(reverse("coupons:claim", args=[coupon.public_id]), {"key": key})
        assert since.moved("quan_throttled_total", rate="claims", by="address") == 1
        assert since.moved("quan_throttled_total") == 1
        assert since.moved("quan_claims_total", channel="web", outcome="throttled") == 1

    def test_wrong_codes(self, settings: Any, shopper_client: APIClient, since: Since) -> None:
        settings.WRONG_CODES_PER_SHOPPER = 1
        for _time in range(2):
            post(shopper_client, "claims", {"code": "WRONGWRONG"})
        assert since.moved("quan_throttled_total", rate="wrong_codes", by="shopper") == 1


class TestRequests:
    def test_by_view_method_and_status(self, client: Client, since: Since) -> None:
        client.get("/healthz")
        client.get("/no-such-page-of-mine")
        client.generic("BREW", "/healthz")
        assert since.moved("quan_http_requests_total", view="healthz", method="GET", status="200") == 1
        assert since.moved("quan_http_request_seconds_count", view="healthz", method="GET") == 1
        assert since.moved("quan_http_requests_total", view="healthz", method="other", status="405") == 1
        # What a visitor makes up is no label.
        assert since.moved("quan_http_requests_total", view="none", method="GET", status="404") == 1

    def test_an_error_that_nobody_foresaw_counts_as_500(
        self, since: Since, monkeypatch: pytest.MonkeyPatch, shop_client: APIClient
    ) -> None:
        def broken(*arguments: object, **options: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("coupons.api.views.claims.database_now", broken)
        shop_client.raise_request_exception = False
        assert shop_client.get("/api/v1/claims").status_code == 500
        assert since.moved("quan_http_requests_total", view="api:claims", method="GET", status="500") == 1

    def test_counting_that_fails_fails_no_request_and_is_logged_once(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, shop_client: APIClient, coupon: Coupon, shopper: User
    ) -> None:
        class Broken:
            def labels(self, *labels: str) -> None:
                raise OSError(28, "No space left on device")

        _metrics_of.cache_clear()
        monkeypatch.setattr(counters, "_has_failed", False)
        for name in ("requests", "request_seconds", "idempotency", "circuits_open"):
            monkeypatch.setattr(counters, name, Broken())
        monkeypatch.setattr("coupons.counters.claims", Broken())
        with capture_logs() as lines:
            assert client.get("/healthz").status_code == 200
            assert post(shop_client, "claims", body_of(coupon, shopper)).status_code == 201
            CircuitBreaker("part")
        assert [line["event"] for line in lines].count("counting_failed") == 1
        _metrics_of.cache_clear()
