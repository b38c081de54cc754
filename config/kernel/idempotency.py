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
from config.kernel.locks import busy_when_locked, try_transaction_lock
from config.kernel.models import IdempotencyRecord

KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write answered: an HTTP status and a JSON-ready body."""

    status: int
    body: Any
    replayed: bool = False


def fingerprint(*parts: Any) -> str:
    """Returns a hash that is equal exactly when two requests ask for the same thing."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), cls=DjangoJSONEncoder)
    return hashlib.sha256(text.encode()).hexdigest()


def run_once(*, caller: str, key: str | None, request_fingerprint: str, action: Callable[[], Answer]) -> Answer:
    """Runs a write at most once per caller and key, in one transaction with the record of its answer.

    A refusal (any exception) rolls everything back and leaves the key unused, so that a corrected or
    later attempt may use it again.

    Args:
        caller: who asks, such as `user:12` or `client:abc`; keys of different callers are independent.
        key: the caller's key, 1 to 255 visible ASCII characters.
        request_fingerprint: see `fingerprint`.
        action: does the write and returns its answer; runs inside the transaction.

    Raises:
        IdempotencyKeyMissing: no key, or not one.
        IdempotencyKeyReused: the key was used with another request.
        IdempotencyInFlight: the same key is being worked on right now.
        Busy: the database cannot take it now.
    """
    if not key or not KEY_PATTERN.fullmatch(key):
        raise IdempotencyKeyMissing
    with busy_when_locked(), transaction.atomic():
        # The lock dies with its transaction: a crashed attempt never blocks its own retry.
        if not try_transaction_lock(f"idempotency {caller} {key}"):
            count(idempotency, "in_flight")
            raise IdempotencyInFlight
        recorded = _recorded(caller, key)
        if recorded is not None:
            known_fingerprint, answer = recorded
            if known_fingerprint != request_fingerprint:
                count(idempotency, "reused")
                raise IdempotencyKeyReused
            count(idempotency, "replayed")
            return answer
        answer = action()
        IdempotencyRecord.objects.create(
            caller=caller,
            key=key,
            fingerprint=request_fingerprint,
            status=answer.status,
            body=json.loads(json.dumps(answer.body, cls=DjangoJSONEncoder)),
        )
        return answer


def _recorded(caller: str, key: str) -> tuple[str, Answer] | None:
    # Every write passes here, and nearly always in vain: composing this query by the ORM would cost more than
    # asking it.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT fingerprint, status, body FROM kernel_idempotencyrecord WHERE caller = %s AND key = %s",
            [caller, key],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    known_fingerprint, status, body = row
    return known_fingerprint, Answer(status, json.loads(body), replayed=True)


def delete_old_records(*, now: datetime) -> int:
    """Deletes answers that nobody retries any more; returns how many."""
    return IdempotencyRecord.objects.filter(created_at__lt=now - KEPT_FOR).delete()[0]
