"""Scripts in Redis that read, decide and write in one step, and when they are not asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django_redis import get_redis_connection
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from config.kernel.breaker import CircuitBreaker, CircuitOpen

# After Redis failed it is left alone for so many seconds, so that a hanging one does not slow every try down.
REST_AFTER_FAILURE = 5.0
FAILURES = (RedisError, NotImplementedError, ImproperlyConfigured, OSError)


class RedisScripts:
    """Runs scripts over keys of one node; says None when the process has to decide for itself."""

    def __init__(self, purpose: str) -> None:
        self._breaker = CircuitBreaker(purpose, failures=1, rest=REST_AFTER_FAILURE)

    def ask(self, text: str, keys: Sequence[str], *arguments: int) -> int | None:
        """Returns what a script answered, a whole number; None while there is no Redis or it is away."""
        if not settings.REDIS_URL:
            return None

        def run() -> int:
            redis: Any = get_redis_connection("default")
            return int(_script(text)(keys=list(keys), args=list(arguments), client=redis))

        try:
            return self._breaker.call(run, failing=FAILURES)
        except (CircuitOpen, *FAILURES):
            return None


def whole_seconds(milliseconds: float) -> int:
    """Returns a wait in whole seconds, rounded up, at least one."""
    return max(1, -(-int(milliseconds) // 1000))


@lru_cache
def _script(text: str) -> Script:
    # Its connection serves to name the encoding; every call brings its own.
    return Script(Redis(), text)
