"""One-time codes under a crowd: one use, five guesses, one account."""

from __future__ import annotations

from functools import partial
from threading import Barrier

import pytest

from tests.concurrency.crowd import rush, tally
from tests.factories import NOW
from tests.users.codes import send, stored, use, wrong
from users.models import OneTimeCode, User
from users.models.one_time_code import MAXIMUM_WRONG_TRIES

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_many_right_answers_at_once_one_is_taken() -> None:
    public_id, digits = send()
    results = rush([partial(use, public_id, digits)] * 20, threads=20)
    assert [type(each).__name__ for each in results].count("User") == 1
    assert [type(each).__name__ for each in results].count("OneTimeCodeOver") == 19
    assert User.objects.count() == 1


def test_of_fifty_guesses_at_once_five_are_compared() -> None:
    public_id, digits = send()
    results = rush([partial(use, public_id, wrong(digits))] * 50, threads=25)
    assert tally(results) == {"OneTimeCodeWrong": MAXIMUM_WRONG_TRIES, "OneTimeCodeOver": 50 - MAXIMUM_WRONG_TRIES}
    assert tally(rush([partial(use, public_id, digits)])) == {"OneTimeCodeOver": 1}


def test_control_looking_without_a_lock_takes_a_code_twice() -> None:
    public_id, _digits = send()
    both_have_looked = Barrier(2, timeout=60)

    def use_without_a_lock() -> bool:
        code = OneTimeCode.objects.get(public_id=public_id)
        is_open = code.is_open_at(NOW)
        both_have_looked.wait()
        code.used_at = NOW
        code.save(update_fields=["used_at"])
        return is_open

    assert rush([use_without_a_lock] * 2, threads=2) == [True, True]
    assert stored().used_at == NOW


def test_two_codes_of_one_new_shopper_open_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("users.services.one_time_codes.PAUSE", 0)
    codes = [send() for _code in range(5)]
    users = rush([partial(use, public_id, digits) for public_id, digits in codes], threads=5)
    assert {user.pk for user in users} == {User.objects.get().pk}
