"""Which coupons shoppers looked at: noted in Redis by the page, written down in batches by a job.

A page that is only read must not write: a crowd before a drop would become a crowd of inserts, and a database that is
slow or takes no writes would take the page with it. While Redis is away nothing is noted: a little inexact is fine.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from config.kernel.clock import shop_date
from config.kernel.redis_scripts import RedisScripts
from users.enums import BehaviourKind
from users.models import BehaviourEvent, User
from users.services.events import OWN_SENDER

# One hash tag: a cluster keeps all of it on one node.
PREFIX = "quan:{views}:"
PENDING = f"{PREFIX}pending"
# Longer than any day, so that one view of a day is one event.
REMEMBERED = int(timedelta(hours=26).total_seconds())
# If nobody writes them down, the oldest stay and Redis does not fill up.
MOST_PENDING = 500_000
BATCH = 1_000

# KEYS: the view, the pending ones; ARGV: shopper, microseconds, seconds to remember it, the most that may be pending
NOTE = """
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[3]) then return 0 end
if redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
return redis.call('SADD', KEYS[2], KEYS[1] .. ' ' .. ARGV[1] .. ' ' .. ARGV[2])
"""

scripts = RedisScripts("views")


def coupon_view_note(*, shopper: User, coupon: UUID, now: datetime) -> None:
    """Notes that a shopper looked at a coupon, once a shop day; never waits for the database, and never fails."""
    key = f"{PREFIX}{coupon.hex}:{shopper.pk}:{shop_date(now):%y%m%d}"
    scripts.ask(NOTE, [key, PENDING], shopper.pk, int(now.timestamp() * 1_000_000), REMEMBERED, MOST_PENDING)


def coupon_views_write(*, now: datetime) -> int:
    """Writes down what was noted, and forgets it once that is committed; returns how many views are new.

    A view that is written down twice, by two at once or after a crash, is one event: its id says what it is. While
    Redis is away none is new; what it still holds when it comes back is written down then.
    """
    return scripts.reach(lambda redis: _write(redis, now)) or 0


def _write(redis: Any, now: datetime) -> int:
    written = 0
    for members in _batches(redis):
        events = {event.event_id: event for event in map(_event_of, members, [now] * len(members))}
        known = set(
            BehaviourEvent.objects.filter(sender=OWN_SENDER, event_id__in=events).values_list("event_id", flat=True)
        )
        shoppers = set(
            User.objects.filter(pk__in={event.shopper_id for event in events.values()}).values_list("pk", flat=True)
        )
        # In the order of their ids, so that two who write the same cannot wait for each other.
        new = [
            events[event_id] for event_id in sorted(events.keys() - known) if events[event_id].shopper_id in shoppers
        ]
        BehaviourEvent.objects.bulk_create(new, ignore_conflicts=True)
        redis.srem(PENDING, *members)
        written += len(new)
    return written


def _batches(redis: Any) -> Iterator[list[bytes]]:
    # No more than are there now: what comes while this works is for the next time.
    for _batch in range(-(-int(redis.scard(PENDING)) // BATCH)):
        members = redis.srandmember(PENDING, BATCH)
        if members:
            yield members


def _event_of(member: bytes, now: datetime) -> BehaviourEvent:
    key, shopper_id, microseconds = member.decode().split(" ")
    view = key.removeprefix(PREFIX)
    return BehaviourEvent(
        sender=OWN_SENDER,
        event_id=f"view:{view}",
        shopper_id=int(shopper_id),
        kind=BehaviourKind.VIEW,
        coupon_public_id=UUID(hex=view.partition(":")[0]),
        occurred_at=datetime.fromtimestamp(int(microseconds) / 1_000_000, UTC),
        received_at=now,
    )
