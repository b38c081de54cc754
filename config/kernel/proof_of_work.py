"""Challenges that cost a browser a moment and a crowd of bots a good deal more, in the format of ALTCHA v1.

Somewhere between 0 and `maxnumber` lies the number that, written behind the salt, has the SHA-256 hash `challenge`; the
only way to find it is to try. Nothing of it is stored: the signature says that the challenge is ours, and whom and what
it is for. It is written here rather than taken from the `altcha` package, because a proof has to be bound to somebody
without telling whom, to be judged by the database's clock, and to be read from strangers without a stack trace.

What was solved is noted in Redis until it expires, so that it counts once. While Redis is away every process keeps
notes of its own: the same solution then counts once in each. A row in the database would be exact, and would cost a
write for every hostile try, which is what a challenge is there to spare; the limits of a coupon hold without it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from threading import Lock
from typing import TypedDict

from django.utils.crypto import constant_time_compare, salted_hmac

from config.kernel.redis_scripts import RedisScripts

ALGORITHM = "SHA-256"
PREFIX = "quan:proof:"
LASTS = timedelta(minutes=10)
# A proof has some 400 characters.
LONGEST_PROOF = 1024
LARGEST_NUMBER = 2**53
# Ends in a separator: without one, digits could wander from the number into the moment of expiry.
SALT = re.compile(r"[0-9a-f]{24}\?expires=([0-9]{1,12})&")
DIGEST = re.compile(r"[0-9a-f]{64}")
USE = """
return redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) and 1 or 0
"""
COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return count
"""
# Solutions that one process remembers while Redis is away; the oldest make room.
LOCAL_PROOFS = 50_000


class Challenge(TypedDict):
    """What a client gets; all of it but `maxnumber` comes back with the `number` found."""

    algorithm: str
    challenge: str
    maxnumber: int
    salt: str
    signature: str


class Verdict(Enum):
    """What is to be said of a proof."""

    GOOD = "good"
    MISSING = "missing"
    # Not solved, altered, or made for somebody or something else.
    WRONG = "wrong"
    EXPIRED = "expired"
    USED = "used"


@dataclass(frozen=True, slots=True)
class _Solved:
    number: int
    challenge: str
    salt: str
    signature: str
    expires: int


class LocalProofs:
    """Which solutions were used, in the memory of one process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._used: OrderedDict[str, None] = OrderedDict()

    def use(self, signature: str) -> bool:
        """Notes a solution; tells whether it was new."""
        with self._lock:
            if signature in self._used:
                return False
            self._used[signature] = None
            if len(self._used) > LOCAL_PROOFS:
                self._used.popitem(last=False)
            return True


_local = LocalProofs()
_scripts = RedisScripts("proof of work")


def challenge_make(*, bound_to: str, maxnumber: int, now: datetime) -> Challenge:
    """Makes a challenge for one purpose of one person.

    Args:
        bound_to: what and whom it is for; a proof counts for nothing else. It is not told to the client.
        maxnumber: the most that a client has to try; on average it is half of that.
        now: the database's time; the challenge holds for `LASTS`.
    """
    salt = f"{secrets.token_hex(12)}?expires={int((now + LASTS).timestamp())}&"
    challenge = _hash(salt, secrets.randbelow(maxnumber + 1))
    signature = _signature(challenge, bound_to)
    return Challenge(algorithm=ALGORITHM, challenge=challenge, maxnumber=maxnumber, salt=salt, signature=signature)


def proof_use(proof: str, *, bound_to: str, now: datetime) -> Verdict:
    """Judges a proof and, if it is good, uses it up: of any number of simultaneous uses one is told `GOOD`.

    Costs two hashes, and one round trip to Redis for a proof that is right.

    Args:
        proof: base64 of a JSON object with the challenge's `algorithm`, `challenge`, `salt` and `signature` and the
            `number` found; anything a stranger may send instead.
        bound_to: see `challenge_make`.
        now: the database's time.
    """
    if not proof:
        return Verdict.MISSING
    solved = _read(proof)
    if solved is None:
        return Verdict.WRONG
    expected = _hash(solved.salt, solved.number)
    is_ours = constant_time_compare(solved.signature, _signature(expected, bound_to))
    if not is_ours or solved.challenge != expected:
        return Verdict.WRONG
    left = solved.expires - now.timestamp()
    if left <= 0:
        return Verdict.EXPIRED
    # Remembered for a second longer than it counts.
    is_new = _scripts.ask(USE, [PREFIX + solved.signature], int(1000 * (left + 1)))
    return Verdict.GOOD if (_local.use(solved.signature) if is_new is None else is_new) else Verdict.USED


def count_lately(key: str, *, window: int) -> int:
    """Counts one more of `key`; returns how many there were since its window began. 0 while Redis is away.

    Args:
        window: in seconds, from the first one on.
    """
    return _scripts.ask(COUNT, [f"{PREFIX}count:{key}"], 1000 * window) or 0


def _read(proof: str) -> _Solved | None:
    """Returns what a proof says; None for anything that is no proof."""
    if len(proof) > LONGEST_PROOF or not proof.isascii():
        return None
    try:
        members = json.loads(base64.b64decode(proof, validate=True))
    # Not base64, not UTF-8, not JSON, or nested without end.
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict) or members.get("algorithm") != ALGORITHM:
        return None
    number, challenge, salt, signature = (members.get(name) for name in ("number", "challenge", "salt", "signature"))
    # A JSON `true` is an int in Python.
    if type(number) is not int or not 0 <= number <= LARGEST_NUMBER:
        return None
    if not (isinstance(challenge, str) and isinstance(salt, str) and isinstance(signature, str)):
        return None
    parts = SALT.fullmatch(salt)
    if parts is None or not DIGEST.fullmatch(challenge) or not DIGEST.fullmatch(signature):
        return None
    return _Solved(number, challenge, salt, signature, int(parts[1]))


def _hash(salt: str, number: int) -> str:
    return hashlib.sha256(f"{salt}{number}".encode()).hexdigest()


def _signature(challenge: str, bound_to: str) -> str:
    return salted_hmac("config.kernel.proof_of_work", f"{challenge} {bound_to}", algorithm="sha256").hexdigest()
