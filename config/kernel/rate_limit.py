"""How fast somebody may ask: token buckets that many processes share.

A bucket holds a minute's worth of tokens and fills evenly: whoever was quiet may ask in a burst, and nobody gets more
than the rate in the long run. One script in Redis looks, decides and takes in one step. While Redis is away every
process keeps buckets of its own: looser by the number of processes, and never open.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Literal

from django.conf import settings

from config.kernel.counters import count, throttled
from config.kernel.errors import Throttled
from config.kernel.redis_scripts import RedisScripts, whole_seconds

Who = Literal["key", "shopper", "address"]

# One hash tag: the buckets of one request are asked together, so a cluster has to keep them on one node.
PREFIX = "quan:{rate}:"
MINUTE = 60_000_000
# What is kept of a bucket is the moment at which it is full again; a token taken moves it on by one interval. Takes
# from one bucket after the other, until one is empty. Times are in microseconds.
# KEYS: buckets; ARGV: interval and capacity of each; returns the wait for the bucket that was empty and, in one number
# with it, which one that was; or 0
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for number, key in ipairs(KEYS) do
    local interval, capacity = tonumber(ARGV[2 * number - 1]), tonumber(ARGV[2 * number])
    local full_at = math.max(tonumber(redis.call('GET', key) or '0'), now) + interval
    local wait = full_at - now - interval * capacity
    if wait > 0 then
        return wait * #KEYS + number - 1
    end
    redis.call('SET', key, string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
end
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

    def take(self, wanted: Mapping[str, int]) -> int | None:
        """Takes one token from each bucket, in their order, until one is empty.

        Args:
            wanted: by bucket, how many tokens it holds when it is full and gets in a minute.

        Returns:
            None when all had one; otherwise after how many seconds the empty one has.
        """
        empty = self.first_empty(wanted)
        return None if empty is None else empty[1]

    def first_empty(self, wanted: Mapping[str, int]) -> tuple[str, int] | None:
        """Takes as `take` does; returns which bucket was empty, too."""
        intervals = {key: max(1, MINUTE // per_minute) for key, per_minute in wanted.items()}
        pairs = [part for key, per_minute in wanted.items() for part in (intervals[key], per_minute)]
        answer = self._scripts.ask(TAKE, [PREFIX + key for key in wanted], *pairs)
        if answer is None:
            for key, per_minute in wanted.items():
                if wait := self._local.take(key, intervals[key], per_minute):
                    return key, whole_seconds(wait / 1000)
            return None
        if not answer:
            return None
        microseconds, number = divmod(answer, len(wanted))
        return list(wanted)[number], whole_seconds(microseconds / 1000)


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
    rates = settings.RATE_LIMITS[rate]
    kinds = {f"{rate}:{kind}:{name}": kind for kind, name in who.items()}
    empty = buckets.first_empty({key: rates[kind] for key, kind in kinds.items()})
    if empty is not None:
        key, retry_after = empty
        count(throttled, rate, kinds[key])
        raise Throttled(retry_after=retry_after)
