"""How fast somebody may ask: token buckets that many processes share.

A bucket holds a minute's worth of tokens and fills evenly: whoever was quiet may ask in a burst, and nobody gets more
than the rate in the long run. One script in Redis looks, decides and takes in one step. While Redis is away every
process keeps buckets of its own: looser by the number of processes, and never open.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock
from typing import Literal

from django.conf import settings

from config.kernel.counters import count, throttled
from config.kernel.errors import Throttled
from config.kernel.redis_scripts import RedisScripts, whole_seconds

Who = Literal["key", "shopper", "address"]

PREFIX = "quan:rate:"
MINUTE = 60_000_000
# What is kept of a bucket is the moment at which it is full again; a token taken moves it on by one interval. Times
# are in microseconds.
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + interval
local wait = full_at - now - interval * capacity
if wait > 0 then
    return wait
end
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
return 0
"""
# Buckets that one process keeps while Redis is away; the oldest make room.
LOCAL_BUCKETS = 50_000


class LocalBuckets:
    """The same buckets in the memory of one process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, interval: int, capacity: int) -> float:
        """Takes a token, or returns the microseconds to wait for one."""
        now = time.monotonic() * 1_000_000
        with self._lock:
            full_at = max(self._full_at.get(key, 0.0), now) + interval
            wait = full_at - now - interval * capacity
            if wait > 0:
                return wait
            self._full_at[key] = full_at
            self._full_at.move_to_end(key)
            if len(self._full_at) > LOCAL_BUCKETS:
                self._full_at.popitem(last=False)
            return 0


class Buckets:
    """Token buckets by key."""

    def __init__(self) -> None:
        self._local = LocalBuckets()
        self._scripts = RedisScripts("rate limit")

    def take(self, key: str, *, per_minute: int) -> int | None:
        """Takes one token from the bucket of `key`.

        Args:
            per_minute: tokens that a full bucket holds and that a minute brings.

        Returns:
            None when there was one; otherwise after how many seconds there is, and nothing was taken.
        """
        interval = max(1, MINUTE // per_minute)
        wait: float | None = self._scripts.ask(TAKE, PREFIX + key, interval, per_minute)
        if wait is None:
            wait = self._local.take(key, interval, per_minute)
        return whole_seconds(wait / 1000) if wait else None


buckets = Buckets()


def keep_rate(rate: str, who: dict[Who, object]) -> None:
    """Counts one request, by each of those whom it comes from, in this order.

    Args:
        rate: a name in `settings.RATE_LIMITS`.
        who: the shopper, the network or the API key; whoever asks too fast is refused before the next is counted, so
            that a hasty shopper leaves the neighbours behind the same address their share.

    Raises:
        Throttled: with `retry_after`.
    """
    for kind, name in who.items():
        retry_after = buckets.take(f"{rate}:{kind}:{name}", per_minute=settings.RATE_LIMITS[rate][kind])
        if retry_after is not None:
            count(throttled, rate, kind)
            raise Throttled(retry_after=retry_after)
