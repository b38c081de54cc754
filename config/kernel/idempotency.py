"""Writes that can be retried: one effect, one answer, whatever happens between the two."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from config.kernel.counters import count, idempotency
from config.kernel.errors import IdempotencyInFlight, IdempotencyKeyMissing, IdempotencyKeyReused
from config.kernel.locks import busy_when_locked, lock_number
from config.kernel.models import IdempotencyRecord

KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write answered: an HTTP status and a JSON-ready body."""

    status: int
    body: Any
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a write under a key of the caller's own.

    Attributes:
        caller: who asks, such as `user:12` or `client:abc`; keys of different callers are independent.
        key: 1 to 255 visible ASCII characters.
        fingerprint: tells a retry from another request; see `fingerprint`.
    """

    caller: str
    key: str
    fingerprint: str

    @classmethod
    def of(cls, *, caller: str, key: str | None, fingerprint: str) -> Attempt:
        """Returns the attempt.

        Raises:
            IdempotencyKeyMissing: no key, or not one.
        """
        if not key or not KEY_PATTERN.fullmatch(key):
            raise IdempotencyKeyMissing
        return cls(caller, key, fingerprint)

    @property
    def lock_name(self) -> str:
        """Of the lock that one attempt at a time holds."""
        return f"idempotency {self.caller} {self.key}"


def fingerprint(*parts: Any) -> str:
    """Returns a hash that is equal exactly when two requests ask for the same thing."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), cls=DjangoJSONEncoder)
    return hashlib.sha256(text.encode()).hexdigest()


def run_once(*, attempt: Attempt, action: Callable[[], Answer]) -> Answer:
    """Runs a write at most once per caller and key, in one transaction with the record of its answer.

    A refusal (any exception) rolls everything back and leaves the key unused, so that a corrected or
    later attempt may use it again.

    Args:
        action: does the write and returns its answer; runs inside the transaction.

    Raises:
        IdempotencyKeyReused: the key was used with another request.
        IdempotencyInFlight: the same key is being worked on right now.
        Busy: the database cannot take it now.
    """
    with busy_when_locked(), transaction.atomic():
        known = _lock_and_look(attempt)
        if known is not None:
            return known
        answer = action()
        IdempotencyRecord.objects.create(
            caller=attempt.caller,
            key=attempt.key,
            fingerprint=attempt.fingerprint,
            status=answer.status,
            body=json.loads(as_json(answer.body)),
        )
        return answer


def answer_known(attempt: Attempt) -> Answer | None:
    """Returns what an attempt was answered before, for those who would refuse it without running it.

    Raises:
        IdempotencyKeyReused, IdempotencyInFlight, Busy: as `run_once`.
    """
    with busy_when_locked():
        return _lock_and_look(attempt)


def as_json(body: Any) -> str:
    """Writes an answer's body as its record keeps it."""
    return json.dumps(body, cls=DjangoJSONEncoder)


# Two statements in one round trip, in this order: the second one sees what whoever held the lock before has committed.
LOCK_AND_LOOK = """
    SELECT set_config('quan.is_mine', pg_try_advisory_xact_lock(%(lock)s)::text, true);
    SELECT current_setting('quan.is_mine') = 'true', fingerprint, status, body
    FROM (SELECT) AS always LEFT JOIN kernel_idempotencyrecord ON caller = %(caller)s AND key = %(key)s
"""
# An open IMMEDIATE transaction of SQLite is the only writer already.
LOOK = "SELECT 1, fingerprint, status, body FROM kernel_idempotencyrecord WHERE caller = %(caller)s AND key = %(key)s"


def _lock_and_look(attempt: Attempt) -> Answer | None:
    # Every write passes here, and nearly always in vain: composing this query by the ORM would cost more than
    # asking it. The lock dies with its transaction: a crashed attempt never blocks its own retry.
    sql = LOCK_AND_LOOK if connection.vendor == "postgresql" else LOOK
    with connection.cursor() as cursor:
        cursor.execute(sql, {"lock": lock_number(attempt.lock_name), "caller": attempt.caller, "key": attempt.key})
        row: tuple[Any, ...] = cursor.fetchone() or (True, None, None, None)
    is_mine, known_fingerprint, status, body = row
    if not is_mine:
        count(idempotency, "in_flight")
        raise IdempotencyInFlight
    if known_fingerprint is None:
        return None
    if known_fingerprint != attempt.fingerprint:
        count(idempotency, "reused")
        raise IdempotencyKeyReused
    count(idempotency, "replayed")
    return Answer(status, json.loads(body), replayed=True)


def delete_old_records(*, now: datetime) -> int:
    """Deletes answers that nobody retries any more; returns how many."""
    return IdempotencyRecord.objects.filter(created_at__lt=now - KEPT_FOR).delete()[0]
