"""Guessing codes: so many a minute, under any rush, and nothing to learn from the answers."""

from __future__ import annotations

from functools import partial
from statistics import median
from time import perf_counter
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from coupons.enums import ClaimChannel
from coupons.errors import CodeInvalid
from coupons.models import Claim
from coupons.services.claims import claim_create_by_code
from coupons.services.code_guard import few_wrong_codes
from tests import factories
from tests.api.calls import assert_problem, post
from tests.concurrency.crowd import rush, standing_crowd, tally
from tests.factories import NOW
from tests.figures import Figures
from tests.forms import rounds
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def guess(shopper: User, text: str, address: str | None = None) -> Claim:
    with few_wrong_codes(shopper=shopper, address=address):
        return claim_create_by_code(shopper=shopper, text=text, channel=ClaimChannel.CODE, now=NOW)


@pytest.mark.reliability(50)
def test_of_fifty_wrong_codes_at_once_exactly_five_pass(figures: Figures) -> None:
    times = rounds(short=1, long=20)
    with standing_crowd(50) as rush_again:
        for _round in range(times):
            shopper = factories.make_shopper()
            results = rush_again([partial(guess, shopper, f"WRONG{number}") for number in range(50)])
            assert tally(results) == {"CodeInvalid": 5, "TooManyWrongCodes": 45}
    figures.note(50, "50 wrong codes at once, 5 a minute", rounds=times, beside="5 pass each time")


@pytest.mark.reliability(50)
def test_an_address_has_five_for_all_its_accounts() -> None:
    crowd = [factories.make_shopper() for _number in range(30)]
    results = rush([partial(guess, each, "WRONG", "203.0.113.7") for each in crowd], threads=30)
    assert tally(results) == {"CodeInvalid": 5, "TooManyWrongCodes": 25}
    assert tally([*rush([partial(guess, crowd[0], "WRONG", "203.0.113.8")])]) in (
        {"CodeInvalid": 1},
        # One of the five was this shopper's.
        {"TooManyWrongCodes": 1},
    )


def test_who_is_told_to_wait_does_not_get_in_with_the_right_code_either(shopper: User) -> None:
    factories.make_code(text="RIGHT2026")
    rush([partial(guess, shopper, "WRONG")] * 5)
    assert tally(rush([partial(guess, shopper, "RIGHT2026")])) == {"TooManyWrongCodes": 1}
    assert not Claim.objects.exists()


def test_right_codes_are_never_throttled(shopper: User) -> None:
    factories.make_code(coupon=factories.make_coupon(handout="code", limit_per_shopper=20), text="RIGHT2026")
    for _number in range(20):
        guess(shopper, "RIGHT2026", "203.0.113.7")
    # Neither does a limit that is reached count as a guess.
    results = [*rush([partial(guess, shopper, "RIGHT2026")] * 8, threads=1)]
    assert tally(results) == {"LimitReached": 8}


@pytest.mark.reliability(50)
def test_the_api_answers_429_and_when(shopper_client: APIClient) -> None:
    for _number in range(5):
        assert_problem(post(shopper_client, "claims", {"code": "WRONG"}), 404, "code_invalid")
    answer = post(shopper_client, "claims", {"code": "WRONG"})
    problem = assert_problem(answer, 429, "too_many_wrong_codes")
    assert 0 < int(answer["Retry-After"]) == problem["retry_after"] <= 60


def test_the_backend_counts_by_shopper_and_not_by_its_own_address(shop_client: APIClient) -> None:
    for _number in range(12):
        shopper = factories.make_shopper()
        answer = post(shop_client, "claims", {"code": "WRONG", "shopper": str(shopper.public_id)})
        assert_problem(answer, 404, "code_invalid")


def test_the_page_says_when_and_says_429(client: Client, shopper: User) -> None:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    answers = [
        client.post(reverse("coupons:claim_code"), {"code": "WRONG", "key": str(uuid4())}) for _number in range(6)
    ]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert "Too many wrong codes" in answers[-1].content.decode()
    assert int(answers[-1]["Retry-After"]) > 0


@pytest.mark.reliability(52)
def test_a_foreign_a_used_and_an_unknown_code_read_and_cost_the_same(shopper: User) -> None:
    foreign = factories.make_code(text="FOREIGN2026", kind="unique", maximum_uses=1)
    claim_create_by_code(shopper=factories.make_shopper(), text="FOREIGN2026", channel=ClaimChannel.CODE, now=NOW)
    factories.make_code(coupon=factories.make_coupon(state="draft", handout="code"), text="DRAFT2026")
    seen, times = set(), {}
    for text in (foreign.text, "DRAFT2026", "UNKNOWN2026"):
        with CaptureQueriesContext(connection) as queries, pytest.raises(CodeInvalid) as refused:
            claim_create_by_code(shopper=shopper, text=text, channel=ClaimChannel.CODE, now=NOW)
        seen.add((len(queries), refused.value.code, refused.value.sentence, str(refused.value.data)))
        times[text] = median(_seconds(shopper, text) for _number in range(21))
    # The same one query is what keeps the times together; the times are asked too, generously.
    assert len(seen) == 1
    assert max(times.values()) - min(times.values()) < 0.005


def _seconds(shopper: User, text: str) -> float:
    began = perf_counter()
    with pytest.raises(CodeInvalid):
        claim_create_by_code(shopper=shopper, text=text, channel=ClaimChannel.CODE, now=NOW)
    return perf_counter() - began
