"""The counter that all processes share, and what it does while Redis is away."""

from __future__ import annotations

from functools import partial

import pytest
from django.conf import settings as project_settings
from django_redis import get_redis_connection
from pytest_django import Settings

from config.kernel.throttle import PREFIX, LocalCounter, Throttle
from tests.concurrency.crowd import rush

needs_redis = pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis")


@pytest.fixture(params=["with Redis", "without Redis"])
def throttle(request: pytest.FixtureRequest, settings: Settings) -> Throttle:
    if request.param == "without Redis":
        settings.REDIS_URL = ""
    elif not settings.REDIS_URL:
        pytest.skip("needs Redis")
    return Throttle()


def test_so_many_pass_and_the_next_is_told_when(throttle: Throttle) -> None:
    assert [throttle.hit("a", limit=3, window=60) for _try in range(3)] == [None, None, None]
    retry_after = throttle.hit("a", limit=3, window=60)
    assert retry_after is not None
    assert 58 <= retry_after <= 60
    assert throttle.hit("b", limit=3, window=60) is None


def test_what_turned_out_right_does_not_count(throttle: Throttle) -> None:
    for _try in range(10):
        assert throttle.hit("a", limit=1, window=60) is None
        throttle.give_back("a")
    throttle.give_back("a")
    assert throttle.hit("a", limit=1, window=60) is None
    assert throttle.hit("a", limit=1, window=60) is not None


@pytest.mark.django_db(transaction=True)
def test_of_fifty_at_once_exactly_the_limit_passes(throttle: Throttle) -> None:
    answers = rush([partial(throttle.hit, "crowd", limit=5, window=60)] * 50, threads=50)
    assert answers.count(None) == 5


@needs_redis
def test_a_window_begins_anew_when_it_is_over() -> None:
    throttle = Throttle()
    throttle.hit("a", limit=1, window=60)
    redis = get_redis_connection("default")
    assert 0 < redis.pttl(f"{PREFIX}a") <= 60_000
    redis.delete(f"{PREFIX}a")
    assert throttle.hit("a", limit=1, window=60) is None


@needs_redis
def test_a_counter_that_lost_its_end_gets_one() -> None:
    redis = get_redis_connection("default")
    redis.set(f"{PREFIX}a", 7)
    assert Throttle().hit("a", limit=5, window=60) == 60
    assert redis.pttl(f"{PREFIX}a") > 0


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
    throttle = Throttle()
    answers = [throttle.hit("a", limit=5, window=60) for _try in range(8)]
    assert answers[:5] == [None] * 5
    assert all(answers[5:])


def test_the_memory_of_a_process_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.kernel.throttle.LOCAL_KEYS", 3)
    counter = LocalCounter()
    for key in "abcd":
        counter.hit(key, 1, 60)
    assert counter.hit("a", 1, 60) is None
    assert counter.hit("d", 1, 60) is not None
