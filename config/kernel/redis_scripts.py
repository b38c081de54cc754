"""Scripts in Redis that read, decide and write in one step, and when they are not asked."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django_redis import get_redis_connection
from redis.exceptions import NoScriptError, RedisError

# After Redis failed it is left alone for so many seconds, so that a hanging one does not slow every try down.
REST_AFTER_FAILURE = 5.0

logger = structlog.get_logger(__name__)


class RedisScripts:
    """Runs scripts over one key each; says None when the process has to decide for itself."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._rests_until = 0.0

    def ask(self, script: str, key: str, *arguments: int) -> int | None:
        """Returns what a script answered, a whole number; None while there is no Redis or it is away."""
        if not settings.REDIS_URL or time.monotonic() < self._rests_until:
            return None
        try:
            redis: Any = get_redis_connection("default")
            try:
                return int(redis.evalsha(_checksum(script), 1, key, *arguments))
            except NoScriptError:
                return int(redis.eval(script, 1, key, *arguments))
        except (RedisError, NotImplementedError, ImproperlyConfigured, OSError) as error:
            self._rests_until = time.monotonic() + REST_AFTER_FAILURE
            logger.warning("counting_without_redis", purpose=self._purpose, reason=type(error).__name__)
            return None


def whole_seconds(milliseconds: float) -> int:
    """Returns a wait in whole seconds, rounded up, at least one."""
    return max(1, -(-int(milliseconds) // 1000))


def _checksum(script: str) -> str:
    # The name that Redis itself gives a script; nothing is protected by it.
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
