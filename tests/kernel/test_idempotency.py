"""A write under a key: one effect, one answer, whatever the caller repeats."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from config.kernel.errors import IdempotencyKeyMissing, IdempotencyKeyReused, NotFound
from config.kernel.idempotency import Answer, Attempt, answer_known, delete_old_records, fingerprint, run_once
from config.kernel.models import IdempotencyRecord
from users.models import User

pytestmark = pytest.mark.django_db


def create_shopper(name: str):
    def action() -> Answer:
        shopper = User.objects.create_user(username=name)
        return Answer(201, {"id": str(shopper.public_id)})

    return action


def ask(name: str = "a", *, caller: str = "client:1", key: str | None = "k", body: str = "body") -> Answer:
    attempt = Attempt.of(caller=caller, key=key, fingerprint=fingerprint(body))
    return run_once(attempt=attempt, action=create_shopper(name))


def test_a_repeated_request_gets_the_first_answer_and_has_no_second_effect() -> None:
    first = ask("a")
    second = ask("b")
    assert (second.status, second.body) == (first.status, first.body)
    assert (first.replayed, second.replayed) == (False, True)
    assert User.objects.count() == 1


@pytest.mark.reliability(14)
def test_the_same_key_with_another_request_is_refused() -> None:
    ask("a")
    with pytest.raises(IdempotencyKeyReused):
        ask("b", body="other body")
    assert User.objects.count() == 1


@pytest.mark.reliability(15)
def test_callers_do_not_share_keys() -> None:
    assert ask("a", caller="client:1").body != ask("b", caller="client:2").body


@pytest.mark.reliability(16)
def test_a_refused_request_does_not_burn_its_key() -> None:
    def refuse() -> Answer:
        User.objects.create_user(username="half done")
        raise NotFound

    with pytest.raises(NotFound), transaction.atomic():
        run_once(attempt=Attempt("client:1", "k", fingerprint("body")), action=refuse)
    assert not User.objects.exists()
    assert ask("a").status == 201


def test_an_answer_can_be_asked_for_without_running_anything() -> None:
    attempt = Attempt("client:1", "k", fingerprint("body"))
    assert answer_known(attempt) is None
    first = ask("a")
    assert answer_known(attempt) == Answer(first.status, first.body, replayed=True)
    with pytest.raises(IdempotencyKeyReused):
        answer_known(Attempt("client:1", "k", fingerprint("other body")))


@pytest.mark.parametrize("key", [None, "", "a b", "ключ", "x" * 256, "a\n", "a\0"])
def test_a_key_must_be_one(key: str | None) -> None:
    with pytest.raises(IdempotencyKeyMissing):
        ask(key=key)


def test_equal_requests_have_equal_fingerprints_whatever_the_order_of_their_fields() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})


def test_old_answers_are_forgotten() -> None:
    ask("a")
    now = timezone.now()
    assert delete_old_records(now=now + timedelta(days=13)) == 0
    assert delete_old_records(now=now + timedelta(days=15)) == 1
    assert not IdempotencyRecord.objects.exists()
