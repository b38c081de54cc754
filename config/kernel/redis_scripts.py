"""Scripts in Redis that read, decide and write in one step, and when they are not asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django_redis import get_redis_connection
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from config.kernel.breaker import CircuitBreaker, CircuitOpen

Answer = TypeVar("Answer")

# After Redis failed it is left alone for so many seconds, so that a hanging one does not slow every try down.
REST_AFTER_FAILURE = 5.0
FAILURES = (RedisError, NotImplementedError, ImproperlyConfigured, OSError)


class RedisScripts:
    """Runs scripts over keys of one node; says None when the process has to decide for itself."""

    def __init__(self, purpose: str) -> None:
        self._breaker = CircuitBreaker(purpose, failures=1, rest=REST_AFTER_FAILURE)

    def ask(self, text: str, keys: Sequence[str], *arguments: int) -> int | None:
        """Returns what a script answered, a whole number; None while there is no Redis or it is away."""
        return self.reach(lambda redis: int(_script(text)(keys=list(keys), args=list(arguments), client=redis)))

    def reach(self, action: Callable[[Any], Answer]) -> Answer | None:
        """Returns what an action that is given the connection returns; None while there is no Redis or it is away."""
        if not settings.REDIS_URL:
            return None
        try:
            return self._breaker.call(lambda: action(get_redis_connection("default")), failing=FAILURES)
        except (CircuitOpen, *FAILURES):
            return None


def whole_seconds(milliseconds: float) -> int:
    """Returns a wait in whole seconds, rounded up, at least one."""
    return max(1, -(-int(milliseconds) // 1000))


@lru_cache
def _script(text: str) -> Script:
    # Its connection serves to name the encoding; every call brings its own.
    return Script(Redis(), text)
