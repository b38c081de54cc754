"""One coupon's queue: how a place is taken, looked at, and served."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from redis import Redis
from redis.exceptions import ResponseError

from coupons.gate import connection
from coupons.gate.gate import EPOCH, FRESH_MILLISECONDS, MICROSECOND
from coupons.queue import scripts

GROUP = "granters"
REGISTER = "quan:queue:coupons"
# More than a granter serves within half a minute: whoever comes then is asked to come back.
MOST_PLACES = 200_000
KEPT_MILLISECONDS = 24 * 3600 * 1000
ANSWERED_KEPT_MILLISECONDS = 3600 * 1000
# A queue that nobody announced for so long, and that is empty, is no longer looked after.
FORGOTTEN_SECONDS = 60
LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """What the queue said.

    Attributes:
        outcome: `accepted`, `first` (of a queue that is to be announced), `known` (the same request came before),
            `waiting` (the shopper has a place already, and may have no other), or why there is none: `closed`,
            `not_started`, `sold_out`, `shopper`, `shopper_day`, `day`, `full`.
        state: of the ticket: `waiting`, `granted` or `refused`.
        position: the place in the queue, from 1.
        code: of a refusal; `data`, as JSON, belongs to it.
        number: microseconds since 1970 of the opening, or the limit that is reached.
        claimed: how many claims the gate knows of the shopper.
    """

    outcome: str
    ticket: UUID | None
    state: str
    position: int
    code: str = ""
    data: str = ""
    number: int = 0
    claimed: int = 0

    @property
    def opens_at(self) -> datetime:
        """When the coupon opens, for `not_started`."""
        return EPOCH + self.number * MICROSECOND


@dataclass(frozen=True, slots=True)
class Entry:
    """A place that is being served."""

    id: str
    ticket: UUID
    shopper: int
    arrival: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a place; `state` is `granted`, `refused`, or `lost` for one that cannot be served."""

    entry: Entry
    state: str
    code: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How a queue stands.

    Attributes:
        length: places that have not been served.
        oldest_seconds: for how long the first of them has been waiting, by the clock of Redis.
        taken: how many of them a granter has taken and not answered.
    """

    length: int
    oldest_seconds: float
    taken: int


class Queue:
    """The queue of one coupon. Every method may raise `coupons.gate.GateAway`."""

    def __init__(self, coupon: UUID) -> None:
        # The gate's hash tag, so that one script reaches both.
        gate, base = f"quan:gate:{{{coupon.hex}}}:", f"quan:queue:{{{coupon.hex}}}:"
        self._coupon = coupon
        self._gate = [gate + "word", gate + "holders", gate + "full"]
        self._stream = base + "stream"
        self._numbers = base + "numbers"
        self._tickets = base + "ticket:"
        self._waiting = base + "waiting:"

    # Shoppers

    def announce(self) -> None:
        """Lets granters know that places may be taken from now on; to be said again each minute, and after `first`."""
        connection.ask(lambda redis: redis.zadd(REGISTER, {self._coupon.hex: time.time()}))

    def accept(self, *, ticket: UUID, shopper: int, is_open: bool, limit: int, now: datetime, day: date) -> Place:
        """Takes a place at the end, unless there is one already or the gate knows that it would be in vain.

        Args:
            shopper: primary key.
            is_open: whether the coupon can be claimed; only a place that was taken before counts otherwise.
            limit: how many claims one shopper may make.
            now: the database's time.
            day: the shop's day.
        """
        outcome, known, state, position, code, data, number, claimed = connection.run(
            scripts.ACCEPT,
            [*self._gate, self._stream, self._numbers, self._tickets + ticket.hex, f"{self._waiting}{shopper}"],
            [
                shopper,
                (now - EPOCH) // MICROSECOND,
                day.toordinal(),
                FRESH_MILLISECONDS,
                ticket.hex,
                int(is_open),
                limit,
                MOST_PLACES,
                KEPT_MILLISECONDS,
            ],
        )
        return Place(outcome, UUID(known) if known else None, state, position, code, data, number, claimed)

    def look(self, ticket: UUID, *, shopper: int | None) -> Place | None:
        """Returns how a ticket stands; None for one that is not known here, or is somebody else's.

        Args:
            shopper: whose it has to be; None for anybody's.
        """

        def question(redis: Redis) -> list[Any]:
            pipeline = redis.pipeline(transaction=False)
            pipeline.hmget(self._tickets + ticket.hex, ["shopper", "state", "arrival", "code", "data"])
            pipeline.hget(self._numbers, "done")
            return pipeline.execute()

        (owner, state, arrival, code, data), done = connection.ask(question)
        if owner is None or shopper not in (None, int(owner)):
            return None
        return Place("known", ticket, state, max(1, int(arrival) - int(done or 0)), code or "", data or "")

    def waiting_of(self, shopper: int) -> Place | None:
        """Returns the last place of a shopper that has not been served."""

        def question(redis: Redis) -> list[Any]:
            pipeline = redis.pipeline(transaction=False)
            pipeline.zrevrange(f"{self._waiting}{shopper}", 0, 0, withscores=True)
            pipeline.hget(self._numbers, "done")
            return pipeline.execute()

        last, done = connection.ask(question)
        if not last:
            return None
        ticket, arrival = last[0]
        return Place("waiting", UUID(ticket), "waiting", max(1, int(arrival) - int(done or 0)))

    # Granters

    def length(self) -> int:
        """Returns how many places have not been served."""
        return connection.ask(lambda redis: redis.xlen(self._stream))

    def backlog(self) -> Backlog:
        """Returns how the queue stands, for whoever watches over it."""

        def question(redis: Redis) -> list[Any]:
            pipeline = redis.pipeline(transaction=False)
            pipeline.time()
            pipeline.xlen(self._stream)
            pipeline.xrange(self._stream, count=1)
            pipeline.xpending(self._stream, GROUP)
            return pipeline.execute(raise_on_error=False)

        (seconds, microseconds), length, oldest, pending = connection.ask(question)
        waits = 0.0
        if oldest:
            # An entry's id begins with the milliseconds of its coming.
            waits = max(0.0, seconds + microseconds / 1_000_000 - int(oldest[0][0].partition("-")[0]) / 1000)
        # A queue that nobody has served yet has no group.
        taken = 0 if isinstance(pending, ResponseError) else pending["pending"]
        return Backlog(length, waits, taken)

    def wait(self, milliseconds: int) -> bool:
        """Returns as soon as there is a place to serve, at the latest after so long; tells whether there is one."""
        asked = {self._stream: "0-0"}
        return bool(connection.ask(lambda redis: redis.xread(asked, count=1, block=milliseconds)))

    def take(self, consumer: str, count: int) -> tuple[list[Entry], list[str]]:
        """Returns the next places in order of arrival, and ids of entries that nobody can read.

        What somebody took before and did not answer comes first. The caller makes sure that it is the only one who
        serves this coupon: whoever else had taken an entry is gone, or has committed.
        """

        def question(redis: Any) -> list[tuple[str, dict[str, str]]]:
            _next, left, *_deleted = redis.xautoclaim(self._stream, GROUP, consumer, 0, "0-0", count=count)
            found = [(number, fields) for number, fields in left if fields]
            if len(found) < count:
                new = redis.xreadgroup(GROUP, consumer, {self._stream: ">"}, count=count - len(found))
                found += [each for _stream, entries in new for each in entries]
            return found

        entries, unreadable = [], []
        for number, fields in connection.ask(self._with_group(question)):
            entry = _entry(number, fields)
            if entry is None:
                unreadable.append(number)
            else:
                entries.append(entry)
        return entries, unreadable

    def answer(self, answers: Sequence[Answer]) -> None:
        """Writes down answers that were committed, and takes their places off the queue."""
        if not answers:
            return
        keys, arguments = [self._stream, self._numbers], [GROUP, ANSWERED_KEPT_MILLISECONDS]
        for answer in answers:
            entry = answer.entry
            keys += [self._tickets + entry.ticket.hex, f"{self._waiting}{entry.shopper}"]
            arguments += [entry.id, entry.ticket.hex, entry.arrival, answer.state, answer.code, answer.data]
        connection.run(scripts.ANSWER, keys, arguments)

    def drop(self, entries: Sequence[str]) -> None:
        """Takes entries off the queue that nobody can read."""

        def question(redis: Redis) -> list[Any]:
            pipeline = redis.pipeline(transaction=False)
            pipeline.xack(self._stream, GROUP, *entries)
            pipeline.xdel(self._stream, *entries)
            return pipeline.execute()

        if entries:
            connection.ask(question)

    def leave(self, consumer: str) -> None:
        """Takes a consumer that has nothing left to answer off the list of those who serve."""

        def question(redis: Redis) -> None:
            if redis.exists(self._stream) and not redis.xpending_range(self._stream, GROUP, "-", "+", 1, consumer):
                redis.xgroup_delconsumer(self._stream, GROUP, consumer)

        connection.ask(self._with_group(question))

    def _with_group(self, question: Callable[[Redis], Any]) -> Callable[[Redis], Any]:
        """Asks once more after making the group: a new queue, and one that a lost Redis took along, has none."""

        def asked(redis: Redis) -> Any:
            try:
                return question(redis)
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
            try:
                redis.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                # Another granter was quicker.
                if not str(error).startswith("BUSYGROUP"):
                    raise
            return question(redis)

        return asked


def key_take(*, caller: str, key: str, fingerprint: str) -> str | None:
    """Notes that a key stands for a request; returns the fingerprint of the one that it stood for before.

    Raises:
        GateAway: Redis does not answer.
    """
    name = _key_name(caller, key)
    return connection.ask(lambda redis: redis.set(name, fingerprint, nx=True, get=True, px=KEPT_MILLISECONDS))


def key_give_back(*, caller: str, key: str) -> None:
    """Forgets a key, so that a request that was refused may be corrected under it.

    Raises:
        GateAway: Redis does not answer.
    """
    name = _key_name(caller, key)
    connection.ask(lambda redis: redis.delete(name))


def coupons_with_queues() -> list[UUID]:
    """Returns the public ids of coupons whose queues may have places; forgets those that are over.

    Raises:
        GateAway: Redis does not answer.
    """

    coupons, forgotten_before = [], time.time() - FORGOTTEN_SECONDS
    for name, announced_at in connection.ask(lambda redis: redis.zrange(REGISTER, 0, -1, withscores=True)):
        coupon = UUID(name)
        if announced_at < forgotten_before and not Queue(coupon).length():
            connection.ask(lambda redis, name=name: redis.zrem(REGISTER, name))
        else:
            coupons.append(coupon)
    return coupons


def _key_name(caller: str, key: str) -> str:
    # A key may be used for any coupon, so that it does not lie beside one.
    return "quan:queue:key:" + hashlib.blake2b(f"{caller}\0{key}".encode(), digest_size=16).hexdigest()


def _entry(number: str, fields: dict[str, str]) -> Entry | None:
    try:
        entry = Entry(number, UUID(fields["ticket"]), int(fields["shopper"]), int(fields["arrival"]))
    except (KeyError, ValueError):
        return None
    return entry if 0 < entry.shopper <= LARGEST_KEY and 0 < entry.arrival <= LARGEST_KEY else None
