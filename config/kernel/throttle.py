"""How often something may be tried: a counter that many processes share.

It lives in Redis, where one script reads, decides and counts in one step. When Redis is away, every process counts
for itself: the limit then holds in each process rather than over all of them, which is looser by the number of
processes and never open. The database takes no part: what is counted are refusals, and their transactions roll back.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock

from config.kernel.redis_scripts import RedisScripts, whole_seconds

PREFIX = "quan:throttle:"
# Refuses without counting, so that asking on does not prolong the wait.
HIT = """
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count >= tonumber(ARGV[1]) then
    local left = redis.call('PTTL', KEYS[1])
    if left < 0 then
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        left = tonumber(ARGV[2])
    end
    return math.max(left, 1)
end
if redis.call('INCR', KEYS[1]) == 1 then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
"""
GIVE_BACK = """
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then
    redis.call('DECR', KEYS[1])
end
return 0
"""
# Keys that one process counts while Redis is away; the oldest make room.
LOCAL_KEYS = 50_000


class LocalCounter:
    """The same counter in the memory of one process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def hit(self, key: str, limit: int, window: int) -> int | None:
        """Counts one try; returns the seconds to wait instead when there were too many."""
        now = time.monotonic()
        with self._lock:
            count, ends_at = self._counts.get(key, (0, 0.0))
            if now >= ends_at:
                count, ends_at = 0, now + window
                self._counts.pop(key, None)
            if count >= limit:
                return whole_seconds(1000 * (ends_at - now))
            self._counts[key] = (count + 1, ends_at)
            if len(self._counts) > LOCAL_KEYS:
                self._counts.popitem(last=False)
            return None

    def give_back(self, key: str) -> None:
        """Uncounts one try."""
        with self._lock:
            count, ends_at = self._counts.get(key, (0, 0.0))
            if count > 0:
                self._counts[key] = (count - 1, ends_at)


class Throttle:
    """Counts tries by key over windows that begin with the first of them."""

    def __init__(self) -> None:
        self._local = LocalCounter()
        self._scripts = RedisScripts("throttle")

    def hit(self, key: str, *, limit: int, window: int) -> int | None:
        """Counts one try of `key`.

        Args:
            limit: tries that a window allows.
            window: in seconds, from the first try on.

        Returns:
            None when it was counted; otherwise after how many seconds the next one may be, and nothing was counted.
        """
        answer = self._scripts.ask(HIT, [PREFIX + key], limit, 1000 * window)
        if answer is None:
            return self._local.hit(key, limit, window)
        return whole_seconds(answer) if answer else None

    def give_back(self, key: str) -> None:
        """Uncounts one try that turned out right."""
        if self._scripts.ask(GIVE_BACK, [PREFIX + key]) is None:
            self._local.give_back(key)


throttle = Throttle()
