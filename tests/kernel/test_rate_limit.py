"""Token buckets: so many at once, evenly more as time goes by, and exactly so many under a crowd."""

from __future__ import annotations

from functools import partial
from threading import Barrier
from uuid import uuid4

import pytest
from django.conf import settings as project_settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django_redis import get_redis_connection
from pytest_django import Settings
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from config.kernel.rate_limit import PREFIX, Buckets, LocalBuckets, buckets
from coupons.models import Claim, Coupon
from tests import factories
from tests.api.calls import assert_problem, get, post
from tests.concurrency.crowd import rush
from users.models import User

HTMX = {"HX-Request": "true"}

needs_redis = pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis")


@pytest.fixture(params=["with Redis", "without Redis"])
def some_buckets(request: pytest.FixtureRequest, settings: Settings) -> Buckets:
    if request.param == "without Redis":
        settings.REDIS_URL = ""
    elif not settings.REDIS_URL:
        pytest.skip("needs Redis")
    return Buckets()


def rates(**changes: int) -> dict[str, dict[str, int]]:
    """The rates of the shop, with some of the claims' changed."""
    return {**project_settings.RATE_LIMITS, "claims": {**project_settings.RATE_LIMITS["claims"], **changes}}


def test_a_full_bucket_gives_a_burst_and_then_says_when_the_next_token_is_there(some_buckets: Buckets) -> None:
    assert [some_buckets.take({"a": 3}) for _try in range(3)] == [None] * 3
    # A token comes every twenty seconds.
    retry_after = some_buckets.take({"a": 3})
    assert retry_after is not None
    assert 18 <= retry_after <= 20
    assert some_buckets.take({"b": 3}) is None


def test_who_is_refused_does_not_wait_longer_for_asking_on(some_buckets: Buckets) -> None:
    some_buckets.take({"a": 1})
    waits = [some_buckets.take({"a": 1}) or 0 for _try in range(20)]
    assert all(57 <= wait <= 60 for wait in waits)


@pytest.mark.django_db(transaction=True)
def test_of_fifty_at_once_exactly_so_many_pass(some_buckets: Buckets) -> None:
    answers = rush([partial(some_buckets.take, {"crowd": 5})] * 50, threads=50)
    assert answers.count(None) == 5


@pytest.mark.django_db(transaction=True)
def test_control_a_throttle_that_reads_and_then_writes_lets_everybody_through() -> None:
    everybody_has_read = Barrier(50, timeout=60)

    class ReadTogether:
        def get(self, key: str, default: list[float]) -> list[float]:
            history: list[float] = cache.get(key, default)
            everybody_has_read.wait()
            return history

        def set(self, key: str, history: list[float], duration: int) -> None:
            cache.set(key, history, duration)

    class ReadThenWrite(SimpleRateThrottle):
        rate = "5/min"
        cache = ReadTogether()

        def get_cache_key(self, request: object, view: object) -> str:
            return "control"

    request = APIRequestFactory().get("/")
    passed = rush([lambda: ReadThenWrite().allow_request(request, APIView())] * 50, threads=50)
    assert passed.count(True) == 50


@needs_redis
def test_tokens_come_back_one_by_one() -> None:
    assert [buckets.take({"a": 2}) for _try in range(3)][:2] == [None, None]
    redis = get_redis_connection("default")
    # Half a minute later.
    redis.set(f"{PREFIX}a", int(redis.get(f"{PREFIX}a")) - 30_000_000, keepttl=True)
    assert buckets.take({"a": 2}) is None
    assert buckets.take({"a": 2}) is not None


@needs_redis
def test_a_bucket_that_is_full_again_is_forgotten() -> None:
    buckets.take({"a": 60})
    assert 0 < get_redis_connection("default").pttl(f"{PREFIX}a") <= 1_000


def test_while_redis_is_away_each_process_counts_for_itself(settings: Settings) -> None:
    # Nobody listens on this port.
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 1},
        }
    }
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    mine = Buckets()
    answers = [mine.take({"a": 5}) for _try in range(8)]
    assert answers[:5] == [None] * 5
    assert all(answers[5:])


def test_the_memory_of_a_process_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.kernel.rate_limit.LOCAL_BUCKETS", 3)
    local = LocalBuckets()
    for key in "abcd":
        local.take(key, 1_000_000, 1)
    assert local.take("a", 1_000_000, 1) == 0
    assert local.take("d", 1_000_000, 1) > 0


@pytest.mark.django_db
class TestTheApi:
    def test_answers_429_and_when(self, shop_client: APIClient, settings: Settings) -> None:
        settings.RATE_LIMITS = {"calls": {"key": 2, "shopper": 2, "address": 2}}
        assert [get(shop_client, "coupons").status_code for _call in range(2)] == [200, 200]
        answer = get(shop_client, "coupons")
        problem = assert_problem(answer, 429, "throttled")
        assert 0 < int(answer["Retry-After"]) == problem["retry_after"] <= 30

    def test_counts_each_application_and_each_shopper_apart(
        self, shop_client: APIClient, shopper_client: APIClient, settings: Settings
    ) -> None:
        settings.RATE_LIMITS = {"calls": {"key": 1, "shopper": 1, "address": 100}}
        others = [factories.integrator_client(), factories.api_client_for(factories.make_shopper())]
        for client in (shop_client, shopper_client, *others):
            assert [get(client, "coupons").status_code for _call in range(2)] == [200, 429]

    def test_many_shoppers_of_one_address_share_it(self, settings: Settings) -> None:
        settings.RATE_LIMITS = {"calls": {"key": 1, "shopper": 10, "address": 3}}
        crowd = [factories.api_client_for(factories.make_shopper()) for _number in range(4)]
        assert [get(each, "coupons").status_code for each in crowd] == [200, 200, 200, 429]

    def test_claims_have_a_rate_of_their_own(
        self, shopper_client: APIClient, coupon: Coupon, settings: Settings
    ) -> None:
        settings.RATE_LIMITS = rates(shopper=1)
        body = {"coupon": str(coupon.public_id)}
        assert post(shopper_client, "claims", body).status_code == 201
        assert_problem(post(shopper_client, "claims", body), 429, "throttled")
        assert get(shopper_client, "claims").status_code == 200

    def test_a_hasty_shopper_leaves_the_neighbours_their_share(self, settings: Settings) -> None:
        settings.RATE_LIMITS = {"calls": {"key": 1, "shopper": 1, "address": 2}}
        hasty, neighbour = (factories.api_client_for(factories.make_shopper()) for _each in range(2))
        assert [get(hasty, "coupons").status_code for _call in range(5)] == [200, 429, 429, 429, 429]
        assert get(neighbour, "coupons").status_code == 200


@pytest.mark.django_db
class TestThePages:
    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_say_429_and_when(
        self, client: Client, shopper: User, coupon: Coupon, settings: Settings, headers: dict[str, str]
    ) -> None:
        settings.RATE_LIMITS = rates(shopper=1)
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        other = factories.make_coupon()
        answers = [
            client.post(reverse("coupons:claim", args=[each.public_id]), {"key": str(uuid4())}, headers=headers)
            for each in (coupon, other)
        ]
        assert answers[1].status_code == 429
        assert 0 < int(answers[1]["Retry-After"]) <= 60
        assert "Too many requests." in answers[1].content.decode()
        assert Claim.objects.count() == 1

    def test_share_the_bucket_with_the_api(
        self, client: Client, shopper: User, shopper_client: APIClient, coupon: Coupon, settings: Settings
    ) -> None:
        settings.RATE_LIMITS = rates(shopper=1)
        assert post(shopper_client, "claims", {"coupon": str(coupon.public_id)}).status_code == 201
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        page = client.post(reverse("coupons:claim_code"), {"code": "ANY", "key": str(uuid4())})
        assert page.status_code == 429

    def test_count_a_red_packet_too(self, client: Client, shopper: User, settings: Settings) -> None:
        settings.RATE_LIMITS = rates(address=1)
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        packets = [factories.make_red_packet(title_en=title) for title in ("One", "Two")]
        answers = [
            client.post(reverse("coupons:open_red_packet", args=[each.public_id]), {"key": str(uuid4())}).status_code
            for each in packets
        ]
        assert answers == [302, 429]
