"""How the gate reaches Redis: quickly or not at all."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import RedisError
from redis.retry import Retry

from config.kernel.breaker import CircuitBreaker, CircuitOpen

# A gate that takes longer than the claim behind it is none. Three of these in a row open the circuit.
SOCKET_SECONDS = 0.2

breaker = CircuitBreaker("gate")


class GateAway(Exception):
    """Redis is slow, gone, or left alone for a moment; nothing is known."""


def is_configured() -> bool:
    """Tells whether there is a Redis for the gate to stand in."""
    return bool(settings.REDIS_URL)


def run(text: str, keys: list[str], arguments: list[Any]) -> Any:
    """Runs a script by its hash, loading it where Redis does not know it (after a restart, on another node).

    Raises:
        GateAway: it was not run, or nobody knows whether it was.
    """
    return ask(lambda redis: _script(text)(keys=keys, args=arguments, client=redis))


def ask(question: Any) -> Any:
    """Lets a function of a connection ask Redis something, behind the circuit breaker.

    Raises:
        GateAway: there is no answer.
    """
    redis = _redis(settings.REDIS_URL)
    try:
        return breaker.call(lambda: question(redis), failing=(RedisError, OSError))
    except (CircuitOpen, RedisError, OSError) as error:
        raise GateAway from error


@cache
def _redis(url: str) -> Redis:
    # Without the client's own patience: it would try again for longer than a shopper waits.
    return Redis.from_url(
        url,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )


@cache
def _script(text: str) -> Script:
    # Which connection it goes through is said with each call.
    return Script(Redis(), text)
