"""Challenges: solved by trying, good once, for one purpose, for a while, and safe to read from anybody."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.conf import settings as project_settings
from django_redis import get_redis_connection
from pytest_django import Settings

from config.kernel import proof_of_work
from config.kernel.proof_of_work import (
    LASTS,
    PREFIX,
    Challenge,
    LocalProofs,
    Verdict,
    challenge_make,
    count_lately,
    proof_use,
)
from config.kernel.redis_scripts import RedisScripts
from tests.concurrency.crowd import rush
from tests.factories import NOW
from tests.proofs import sealed, solution, solve

SECOND = timedelta(seconds=1)

needs_redis = pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis")


def make(bound_to: str = "this", maxnumber: int = 500) -> Challenge:
    return challenge_make(bound_to=bound_to, maxnumber=maxnumber, now=NOW)


def judge(proof: str, bound_to: str = "this", after: timedelta = SECOND) -> Verdict:
    return proof_use(proof, bound_to=bound_to, now=NOW + after)


@pytest.fixture(params=["with Redis", "without Redis", "with Redis gone"])
def wherever(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where it is noted what was used."""
    monkeypatch.setattr(proof_of_work, "_local", LocalProofs())
    monkeypatch.setattr(proof_of_work, "_scripts", RedisScripts("proof of work"))
    if request.param == "with Redis":
        if not settings.REDIS_URL:
            pytest.skip("needs Redis")
    elif request.param == "without Redis":
        settings.REDIS_URL = ""
    else:
        # Nobody listens on this port.
        nowhere = "redis://127.0.0.1:1/0"
        options = {"SOCKET_CONNECT_TIMEOUT": 1}
        settings.CACHES = {
            "default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": nowhere, "OPTIONS": options}
        }
        settings.REDIS_URL = nowhere
    return str(request.param)


def test_a_solution_counts_once(wherever: str) -> None:
    proof = solve(make())
    assert [judge(proof) for _try in range(3)] == [Verdict.GOOD, Verdict.USED, Verdict.USED]


@pytest.mark.django_db(transaction=True)
def test_of_fifty_uses_at_once_exactly_one_passes(wherever: str) -> None:
    proof = solve(make())
    verdicts = rush([partial(judge, proof)] * 50, threads=50)
    assert (verdicts.count(Verdict.GOOD), verdicts.count(Verdict.USED)) == (1, 49)


@pytest.mark.django_db(transaction=True)
def test_control_what_is_looked_up_and_then_noted_lets_everybody_through() -> None:
    everybody_has_looked, used = Barrier(50, timeout=60), set[str]()

    def look_then_note(signature: str) -> bool:
        is_new = signature not in used
        everybody_has_looked.wait()
        used.add(signature)
        return is_new

    assert rush([partial(look_then_note, "signature")] * 50, threads=50).count(True) == 50


def test_a_challenge_holds_for_ten_minutes_and_not_a_second_longer() -> None:
    assert judge(solve(make()), after=LASTS - SECOND) is Verdict.GOOD
    assert judge(solve(make()), after=LASTS) is Verdict.EXPIRED


def test_it_counts_for_what_it_was_made_for() -> None:
    proof = solve(make("coupon 1, Mei"))
    assert judge(proof, "coupon 2, Mei") is Verdict.WRONG
    assert judge(proof, "coupon 1, outsider") is Verdict.WRONG
    assert judge(proof, "coupon 1, Mei") is Verdict.GOOD


def test_two_challenges_are_never_the_same() -> None:
    assert len({make(maxnumber=1)["salt"] for _number in range(100)}) == 100


def test_a_challenge_that_was_not_solved_does_not_count() -> None:
    challenge = make()
    right = solution(challenge)["number"]
    for number in (right + 1, right - 1, -right - 1, 0 if right else 1):
        assert judge(solve(challenge, number=number)) is Verdict.WRONG
    assert judge(solve(challenge)) is Verdict.GOOD


def test_no_part_of_it_can_be_changed() -> None:
    solved = solution(make())
    salt, another = solved["salt"], solution(make())
    random, expires = salt.split("?expires=")
    moment = int(expires.rstrip("&"))
    changes: list[dict[str, Any]] = [
        {"salt": f"{random}?expires={moment + 600}&"},
        # Digits that wander between the moment and the number.
        {"salt": f"{random}?expires={moment}{solved['number']}&", "number": 0},
        {"salt": f"{random}?expires={moment}", "number": solved["number"]},
        {"salt": f"{random}?expires={moment}&expires={moment + 600}&"},
        {"salt": f"{random}?expires={moment}&more=1&"},
        {"salt": f"{random}?expires={moment}&\n"},
        {"salt": salt.upper()},
        {"salt": another["salt"]},
        {"challenge": another["challenge"]},
        {"challenge": solved["challenge"].upper()},
        {"signature": another["signature"]},
        {"signature": solved["signature"].upper()},
        {"signature": solved["signature"][:-1]},
        {"algorithm": "SHA-1"},
        {"algorithm": "SHA-512"},
        {"algorithm": None},
    ]
    for change in changes:
        assert judge(sealed({**solved, **change})) is Verdict.WRONG, change
    assert judge(sealed(solved)) is Verdict.GOOD


def test_a_solution_written_in_another_way_is_the_same_solution() -> None:
    solved = solution(make())
    assert judge(sealed(solved)) is Verdict.GOOD
    rewritten = json.dumps({**solved, "took": 12, "salt": solved["salt"]}, indent=2)
    assert judge(base64.b64encode(rewritten.encode()).decode()) is Verdict.USED


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "?" * 400,
        "é",
        "\ud800",
        "\x00",
        "A" * 10_000_000,
        sealed(None),
        sealed([]),
        sealed("text"),
        sealed(1e308),
        sealed({}),
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 700).decode(),
        base64.b64encode(b'{"algorithm":"SHA-256","number":' + b"9" * 600 + b"}").decode(),
        base64.b64encode(b'{"algorithm":"SHA-256","number":NaN}').decode(),
    ],
    ids=range(15),
)
def test_whatever_a_stranger_sends_is_wrong_and_nothing_worse(text: str) -> None:
    assert judge(text) is Verdict.WRONG


@pytest.mark.parametrize("name", ["number", "challenge", "salt", "signature", "algorithm"])
@pytest.mark.parametrize("value", [None, True, 1.5, -1, 2**53 + 1, 2**200, "", "\ud800", "1", [], {}], ids=repr)
def test_a_member_of_another_kind_is_wrong(name: str, value: Any) -> None:
    assert judge(sealed({**solution(make()), name: value})) is Verdict.WRONG


def test_nothing_sent_is_another_matter_than_something_wrong() -> None:
    assert judge("") is Verdict.MISSING


@needs_redis
def test_what_was_used_is_forgotten_when_it_no_longer_counts() -> None:
    proof = solve(make())
    judge(proof, after=LASTS - 5 * SECOND)
    signature = json.loads(base64.b64decode(proof))["signature"]
    assert 4_000 < get_redis_connection("default").pttl(PREFIX + signature) <= 6_000


def test_the_memory_of_a_process_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_of_work, "LOCAL_PROOFS", 3)
    local = LocalProofs()
    assert [local.use(each) for each in "abcd"] == [True] * 4
    assert [local.use(each) for each in "da"] == [False, True]


@needs_redis
def test_counts_from_the_first_on() -> None:
    assert [count_lately("a", window=10) for _time in range(3)] == [1, 2, 3]
    assert count_lately("b", window=10) == 1
    assert 9_000 < get_redis_connection("default").pttl(f"{PREFIX}count:a") <= 10_000


def test_nothing_is_counted_without_redis(settings: Settings) -> None:
    settings.REDIS_URL = ""
    assert count_lately("a", window=10) == 0
