"""One coupon's gate: what is asked of it, and what it is told."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from redis import Redis

from coupons.gate import connection, scripts

# A word of the database counts for so long; younger ones are renewed by one caller while the others rely on it.
FRESH_MILLISECONDS = 1_000
RENEWED_AFTER_MILLISECONDS = 300
# Longer than the database waits for a lock: after that whoever held the place has crashed.
PLACE_MILLISECONDS = 5_000
# A change of stock that has not ended after this long has crashed, or will be announced again when it commits.
CHANGE_MILLISECONDS = 10_000
KEPT_MILLISECONDS = 24 * 3600 * 1000
CHUNK = 1_000

EVERYBODY = "all"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What the database said of a coupon.

    Attributes:
        is_plain: whether nothing but opening, stock and limits can refuse a shopper; of others the gate knows too
            little to say why.
        is_sold_out: whether no unit was left, committed.
    """

    is_plain: bool
    opens_at: datetime
    is_sold_out: bool
    limit: int
    limit_on_day: int | None
    limit_per_day: int | None

    def fields(self) -> list[str | int]:
        """Returns names and values in turns, as the scripts keep them."""
        values: dict[str, str | int] = {
            "is_plain": int(self.is_plain),
            "opens_at": _microseconds(self.opens_at),
            "is_sold_out": int(self.is_sold_out),
            "limit": self.limit,
            "limit_on_day": "" if self.limit_on_day is None else self.limit_on_day,
            "limit_per_day": "" if self.limit_per_day is None else self.limit_per_day,
        }
        return [part for pair in values.items() for part in pair]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the gate answered.

    Attributes:
        outcome: `enter`, or why not: `not_started`, `sold_out`, `shopper`, `shopper_day`, `day`, `in_flight`.
        number: microseconds since 1970 of the opening, the limit that is reached, or milliseconds to wait.
        epoch: goes back with the word that the caller may bring.
        is_word_wanted: whether the caller should bring one.
        token: of the place that is held.
    """

    outcome: str
    number: int
    epoch: str
    is_word_wanted: bool
    token: str

    @property
    def opens_at(self) -> datetime:
        """When the coupon opens, for `not_started`."""
        return EPOCH + self.number * MICROSECOND


class Gate:
    """The gate of one coupon. Every method may raise `GateAway`."""

    def __init__(self, coupon: UUID) -> None:
        # One hash tag: all keys of a coupon lie on one node of a cluster. The public id is never used again, also
        # not by a database that was made anew beside the same Redis.
        base = f"quan:gate:{{{coupon.hex}}}:"
        self._word = base + "word"
        self._holders = base + "holders"
        self._full = base + "full"
        self._places = base + "places:"

    # Claiming

    def enter(self, *, shopper: int, now: datetime, day: date) -> Entry:
        """Asks to be let in; holds a place for whoever is.

        Args:
            shopper: primary key.
            now: the database's time.
            day: the shop's day.
        """
        token = secrets.token_hex(8)
        outcome, number, epoch, wanted = connection.run(
            scripts.ENTER,
            [self._word, self._holders, self._full, self._places_of(shopper)],
            [
                shopper,
                token,
                _microseconds(now),
                day.toordinal(),
                FRESH_MILLISECONDS,
                RENEWED_AFTER_MILLISECONDS,
                PLACE_MILLISECONDS,
            ],
        )
        return Entry(outcome, int(number), epoch, bool(wanted), token)

    def leave(self, *, shopper: int, token: str) -> None:
        """Gives a place back."""
        connection.ask(lambda redis: redis.zrem(self._places_of(shopper), token))

    def leave_with_claim(self, *, shopper: int, token: str, claimed: int) -> None:
        """Gives a place back and notes how many claims the shopper has made, committed, in one step."""
        connection.run(
            scripts.LEAVE_WITH_CLAIM,
            [self._holders, self._places_of(shopper)],
            [KEPT_MILLISECONDS, shopper, claimed, token],
        )

    def note_claimed(self, *, shopper: int, claimed: int) -> None:
        """Notes how many claims a shopper has made, committed."""
        self.raise_claims({shopper: claimed})

    def note_full(self, *, shopper: int | None, day: date, limit: int) -> None:
        """Notes that a day's limit is used up.

        Args:
            shopper: whose own limit; None for that of all shoppers together.
        """
        connection.run(scripts.NOTE_FULL, [self._full], [_field(shopper), day.toordinal(), limit, KEPT_MILLISECONDS])

    def confirm(self, word: Word, *, epoch: str) -> bool:
        """Notes a word of the database; tells whether it counts.

        Args:
            epoch: as `enter` gave it before the database was asked: a change of stock in between makes the word void.
        """
        return bool(connection.run(scripts.CONFIRM, [self._word], [epoch, KEPT_MILLISECONDS, *word.fields()]))

    # Changing the stock

    def stock_changes(self) -> None:
        """Says that a change of stock is about to be committed: until it is, no word is taken."""
        self._change(CHANGE_MILLISECONDS)

    def stock_changed(self) -> None:
        """Says that it is: words from now on count again."""
        self._change(0)

    # Reconciling

    def epoch(self) -> str:
        """Returns what belongs to a word that the database is asked for from now on."""
        return connection.ask(lambda redis: redis.hget(self._word, "epoch")) or ""

    def says_sold_out(self) -> bool:
        """Tells whether it refuses shoppers because nothing is left."""
        return bool(connection.run(scripts.SAYS_SOLD_OUT, [self._word], [FRESH_MILLISECONDS]))

    def holders(self) -> Iterator[dict[int, int]]:
        """Yields claims by shopper in pieces; a shopper may come twice."""
        for found in self._scan(self._holders):
            yield {int(shopper): int(claimed) for shopper, claimed in found.items()}

    def full_days(self) -> Iterator[dict[int | None, tuple[date, int]]]:
        """Yields used-up days and the limit reached by shopper, None for all, in pieces."""
        for found in self._scan(self._full):
            yield {None if field == EVERYBODY else int(field): _full_day(value) for field, value in found.items()}

    def known_claims(self, shoppers: Sequence[int]) -> dict[int, int]:
        """Returns how many claims the gate knows of each shopper."""
        if not shoppers:
            return {}
        known = connection.ask(lambda redis: redis.hmget(self._holders, [str(shopper) for shopper in shoppers]))
        return {shopper: int(claimed or 0) for shopper, claimed in zip(shoppers, known, strict=True)}

    def not_being_served(self, shoppers: Sequence[int]) -> list[int]:
        """Returns those of the shoppers who hold no place at this moment."""

        def question(redis: Redis) -> list[int]:
            pipeline = redis.pipeline(transaction=False)
            for shopper in shoppers:
                pipeline.exists(self._places_of(shopper))
            return pipeline.execute()

        served = connection.ask(question) if shoppers else []
        return [shopper for shopper, is_served in zip(shoppers, served, strict=True) if not is_served]

    def keep(self) -> None:
        """Keeps what is known for another day."""

        def question(redis: Redis) -> list[int]:
            pipeline = redis.pipeline(transaction=False)
            for key in (self._word, self._holders, self._full):
                pipeline.pexpire(key, KEPT_MILLISECONDS)
            return pipeline.execute()

        connection.ask(question)

    def raise_claims(self, claims: Mapping[int, int]) -> None:
        """Notes how many claims shoppers have made, committed."""
        pairs = [part for pair in claims.items() for part in pair]
        connection.run(scripts.RAISE, [self._holders], [KEPT_MILLISECONDS, *pairs])

    def lower_claims(self, *, shopper: int, seen: int, right: int) -> None:
        """Puts claims right of which the gate knows too many, unless they have changed since they were seen."""
        connection.run(scripts.REPAIR, [self._holders], [shopper, seen, right or ""])

    def forget_full(self, *, shopper: int | None, seen: tuple[date, int]) -> None:
        """Forgets that a day is used up."""
        connection.run(scripts.REPAIR, [self._full], [_field(shopper), f"{seen[0].toordinal()}:{seen[1]}", ""])

    def _places_of(self, shopper: int) -> str:
        return f"{self._places}{shopper}"

    def _change(self, milliseconds: int) -> None:
        connection.run(scripts.CHANGE, [self._word], [secrets.token_hex(8), milliseconds, KEPT_MILLISECONDS])

    def _scan(self, key: str) -> Iterator[Mapping[str, str]]:
        cursor = 0
        while True:
            cursor, found = connection.ask(lambda redis, cursor=cursor: redis.hscan(key, cursor, count=CHUNK))
            if found:
                yield found
            if not cursor:
                return


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _field(shopper: int | None) -> str:
    return EVERYBODY if shopper is None else str(shopper)


def _full_day(text: str) -> tuple[date, int]:
    day, limit = text.split(":")
    return date.fromordinal(int(day)), int(limit)
