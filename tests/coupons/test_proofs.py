"""Coupons that a browser works for: who is asked, what counts, and what a retry gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as project_settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from django_redis import get_redis_connection
from pytest_django import Settings
from rest_framework.test import APIClient

from config.kernel import proof_of_work
from config.kernel.breaker import CircuitBreaker
from config.kernel.idempotency import Attempt
from config.kernel.rate_limit import buckets
from config.kernel.redis_scripts import RedisScripts
from coupons.errors import ChallengeFailed, ChallengeRequired
from coupons.gate import connection as gate_connection
from coupons.models import Claim, ClaimTicket, Coupon
from coupons.queue import Queue
from coupons.selectors.shelf import shelf
from coupons.services.gate import Passage
from coupons.services.granting import batch_grant
from coupons.services.proofs import challenge_for, proof_demand, shopper_holding
from coupons.services.queueing import queued_coupon, ticket_take
from tests import factories
from tests.api.calls import assert_problem, get, new_key, post
from tests.concurrency.crowd import rush
from tests.factories import NOW
from tests.proofs import sealed, solution, solve
from tests.users.codes import MEI, last_digits
from users.models import User

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _easy(settings: Settings) -> None:
    settings.PROOF_OF_WORK_NUMBERS = 200


@pytest.fixture
def hot(db: None) -> Coupon:
    """A coupon that asks for work, and may be claimed again and again."""
    return factories.make_coupon(needs_proof_of_work=True, limit_per_shopper=50)


def body_of(coupon: Coupon, **more: Any) -> dict[str, Any]:
    return {"coupon": str(coupon.public_id), **more}


def switch(coupon: Coupon, *, is_on: bool) -> None:
    """Turns the switch of a coupon, and lets the second pass in which processes may not have seen it."""
    Coupon.objects.filter(pk=coupon.pk).update(needs_proof_of_work=is_on)
    shelf.forget(coupon.public_id)


def worked(client: APIClient, coupon: Coupon, **query: str) -> str:
    """What a client works out for a coupon."""
    return solve(get(client, f"coupons/{coupon.public_id}/challenge", **query).json())


class TestTheApi:
    def test_a_session_works_and_claims(self, shopper_client: APIClient, hot: Coupon) -> None:
        assert get(shopper_client, f"coupons/{hot.public_id}").json()["needs_proof_of_work"] is True
        proof = worked(shopper_client, hot)
        assert post(shopper_client, "claims", body_of(hot, proof=proof)).status_code == 201

    def test_a_challenge_is_never_kept_by_a_cache(self, shopper_client: APIClient, hot: Coupon) -> None:
        assert get(shopper_client, f"coupons/{hot.public_id}/challenge")["Cache-Control"] == "no-store"

    def test_without_work_it_is_told_what_to_solve(self, shopper_client: APIClient, hot: Coupon) -> None:
        key = new_key()
        problem = assert_problem(post(shopper_client, "claims", body_of(hot), key=key), 403, "challenge_required")
        assert not Claim.objects.exists()
        answer = post(shopper_client, "claims", body_of(hot, proof=solve(problem["challenge"])), key=key)
        assert answer.status_code == 201
        assert "Idempotency-Replayed" not in answer

    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            (lambda solved: {**solved, "number": solved["number"] + 1}, "wrong"),
            (lambda solved: {**solved, "salt": "x"}, "wrong"),
            (lambda solved: "x" * 600, "wrong"),
        ],
    )
    def test_what_is_wrong_gets_a_fresh_challenge(
        self, shopper_client: APIClient, hot: Coupon, spoil: Callable[[dict[str, Any]], Any], reason: str
    ) -> None:
        challenge = get(shopper_client, f"coupons/{hot.public_id}/challenge").json()
        spoiled = sealed(spoil(solution(challenge)))
        problem = assert_problem(post(shopper_client, "claims", body_of(hot, proof=spoiled)), 403, "challenge_failed")
        assert problem["reason"] == reason
        assert problem["challenge"]["salt"] != challenge["salt"]
        again = post(shopper_client, "claims", body_of(hot, proof=solve(problem["challenge"])))
        assert again.status_code == 201

    def test_a_solution_counts_once_and_for_one_claim(self, shopper_client: APIClient, hot: Coupon) -> None:
        proof = worked(shopper_client, hot)
        assert post(shopper_client, "claims", body_of(hot, proof=proof)).status_code == 201
        problem = assert_problem(post(shopper_client, "claims", body_of(hot, proof=proof)), 403, "challenge_failed")
        assert problem["reason"] == "used"
        assert Claim.objects.count() == 1

    def test_a_solution_counts_for_nobody_and_nothing_else(
        self, shopper_client: APIClient, outsider: User, hot: Coupon
    ) -> None:
        proof, other = worked(shopper_client, hot), factories.make_coupon(needs_proof_of_work=True)
        strangers = factories.api_client_for(outsider)
        for client, coupon in ((strangers, hot), (shopper_client, other)):
            answer = post(client, "claims", body_of(coupon, proof=proof))
            assert assert_problem(answer, 403, "challenge_failed")["reason"] == "wrong"
        assert post(shopper_client, "claims", body_of(hot, proof=proof)).status_code == 201

    def test_a_lost_answer_is_replayed_although_its_solution_was_used_up(
        self, shopper_client: APIClient, hot: Coupon
    ) -> None:
        key, body = new_key(), body_of(hot, proof=worked(shopper_client, hot))
        first = post(shopper_client, "claims", body, key=key)
        # The same again, with another solution, with none, and with nonsense: it is the same claim that is asked for.
        for retry in (body, body_of(hot, proof=worked(shopper_client, hot)), body_of(hot), body_of(hot, proof="x")):
            answer = post(shopper_client, "claims", retry, key=key)
            assert (answer.status_code, answer.json()) == (201, first.json())
            assert answer["Idempotency-Replayed"] == "true"
        assert Claim.objects.count() == 1

    def test_the_shops_backend_need_not_work(self, shop_client: APIClient, shopper: User, hot: Coupon) -> None:
        body = body_of(hot, shopper=str(shopper.public_id))
        assert post(shop_client, "claims", body).status_code == 201

    def test_what_its_page_worked_out_is_looked_at(self, shop_client: APIClient, shopper: User, hot: Coupon) -> None:
        body = body_of(hot, shopper=str(shopper.public_id))
        proof = worked(shop_client, hot, shopper=str(shopper.public_id))
        assert_problem(post(shop_client, "claims", {**body, "proof": "x"}), 403, "challenge_failed")
        assert post(shop_client, "claims", {**body, "proof": proof}).status_code == 201
        assert_problem(post(shop_client, "claims", {**body, "proof": proof}), 403, "challenge_failed")

    def test_a_coupon_without_the_switch_ignores_what_is_sent(
        self, shopper_client: APIClient, hot: Coupon, coupon: Coupon
    ) -> None:
        assert post(shopper_client, "claims", body_of(coupon, proof="x")).status_code == 201
        # Also one that was switched off while somebody worked: nothing is used up.
        proof = worked(shopper_client, hot)
        switch(hot, is_on=False)
        assert post(shopper_client, "claims", body_of(hot, proof=proof)).status_code == 201
        switch(hot, is_on=True)
        assert post(shopper_client, "claims", body_of(hot, proof=proof)).status_code == 201

    def test_a_code_needs_no_work(self, shopper_client: APIClient) -> None:
        factories.make_code(coupon=factories.make_coupon(handout="code", needs_proof_of_work=True), text="RIGHT2026")
        assert post(shopper_client, "claims", {"code": "RIGHT2026"}).status_code == 201

    def test_a_fitted_coupon_does(self, shopper_client: APIClient) -> None:
        coupon = factories.make_coupon(needs_proof_of_work=True)
        factories.make_envelope(coupon=coupon)
        terms = {"amount_off": "5.00", "minimum_spend": "240.00", "days": 14}
        problem = assert_problem(
            post(shopper_client, "claims", body_of(coupon, terms=terms)), 403, "challenge_required"
        )
        proof = solve(problem["challenge"])
        assert post(shopper_client, "claims", body_of(coupon, terms=terms, proof=proof)).status_code == 201

    @pytest.mark.parametrize("proof", ["x" * 1025, 5, None, [], {}])
    def test_what_cannot_be_a_proof_is_not_read(self, shopper_client: APIClient, hot: Coupon, proof: Any) -> None:
        assert_problem(post(shopper_client, "claims", body_of(hot, proof=proof)), 400, "invalid", "proof")

    def test_the_sentence_is_in_the_callers_language(self, shopper_client: APIClient, hot: Coupon) -> None:
        with translation.override("zh-hans"):
            answer = post(shopper_client, "claims", body_of(hot), HTTP_ACCEPT_LANGUAGE="zh-hans")
        assert "浏览器" in assert_problem(answer, 403, "challenge_required")["detail"]

    def test_a_draft_has_no_challenge(self, shopper_client: APIClient) -> None:
        draft = factories.make_coupon(state="draft", needs_proof_of_work=True)
        assert_problem(get(shopper_client, f"coupons/{draft.public_id}/challenge"), 404, "not_found", "coupon")

    def test_a_refusal_costs_the_database_one_read(self, shopper_client: APIClient, hot: Coupon) -> None:
        # What the coupon asks for is read once in a second.
        worked(shopper_client, hot)
        post(shopper_client, "claims", body_of(hot, proof="x"))
        with CaptureQueriesContext(connection) as queries:
            post(shopper_client, "claims", body_of(hot, proof="x"))
        about = [each["sql"] for each in queries if "coupons_" in each["sql"] or "kernel_" in each["sql"]]
        # Whether the key has an answer already.
        assert len(about) == 1, about

    def test_work_makes_a_claim_ask_the_database_no_more(self, shopper_client: APIClient, hot: Coupon) -> None:
        asked = []
        for each in (hot, factories.make_coupon(limit_per_shopper=50)):
            worked(shopper_client, each)
            bodies = [body_of(each, proof=worked(shopper_client, each)) for _claim in range(2)]
            post(shopper_client, "claims", bodies[0])
            with CaptureQueriesContext(connection) as queries:
                post(shopper_client, "claims", bodies[1])
            asked.append(len(queries))
        assert asked[0] == asked[1]


def test_whoever_has_not_worked_never_gets_to_the_gate(
    shopper_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = []
    monkeypatch.setattr("coupons.services.claims.gate_enter", lambda **who: entered.append(who) or Passage())
    rush_for = factories.make_coupon(needs_proof_of_work=True, bucket_count=16)
    problem = assert_problem(post(shopper_client, "claims", body_of(rush_for)), 403, "challenge_required")
    assert_problem(post(shopper_client, "claims", body_of(rush_for, proof="x")), 403, "challenge_failed")
    assert entered == []
    proof = solve(problem["challenge"])
    assert post(shopper_client, "claims", body_of(rush_for, proof=proof)).status_code == 201
    assert len(entered) == 1


@pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis")
class TestTheQueue:
    @pytest.fixture(autouse=True)
    def _breaker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gate_connection, "breaker", CircuitBreaker("gate", rest=0.2))

    @pytest.fixture
    def queued(self, db: None) -> Coupon:
        """A coupon that asks for work before a place in its queue, of which a shopper may have several."""
        return factories.make_coupon(needs_proof_of_work=True, is_queued=True, limit_per_shopper=50)

    def grant(self, coupon: Coupon) -> None:
        batch_grant(public_id=coupon.public_id, consumer="test")

    def test_a_place_is_worked_for(self, shopper_client: APIClient, queued: Coupon) -> None:
        key = new_key()
        problem = assert_problem(post(shopper_client, "claims", body_of(queued), key=key), 403, "challenge_required")
        assert_problem(post(shopper_client, "claims", body_of(queued, proof="x"), key=key), 403, "challenge_failed")
        assert Queue(queued.public_id).length() == 0
        accepted = post(shopper_client, "claims", body_of(queued, proof=solve(problem["challenge"])), key=key)
        assert accepted.status_code == 202
        assert "Idempotency-Replayed" not in accepted
        self.grant(queued)
        assert Claim.objects.count() == 1

    def test_a_solution_counts_for_one_place(self, shopper_client: APIClient, queued: Coupon) -> None:
        proof = worked(shopper_client, queued)
        assert post(shopper_client, "claims", body_of(queued, proof=proof)).status_code == 202
        problem = assert_problem(post(shopper_client, "claims", body_of(queued, proof=proof)), 403, "challenge_failed")
        assert problem["reason"] == "used"
        assert Queue(queued.public_id).length() == 1

    def test_the_same_request_is_the_same_place_without_more_work(
        self, shopper_client: APIClient, queued: Coupon
    ) -> None:
        key, body = new_key(), body_of(queued, proof=worked(shopper_client, queued))
        first = post(shopper_client, "claims", body, key=key)
        retries = [body, body_of(queued, proof=worked(shopper_client, queued)), body_of(queued)]
        for retry in retries:
            again = post(shopper_client, "claims", retry, key=key)
            assert (again.status_code, again.json()) == (202, first.json())
            assert again["Idempotency-Replayed"] == "true"
        assert Queue(queued.public_id).length() == 1
        self.grant(queued)
        # Also once the queue has forgotten it.
        for is_forgotten in (False, True):
            if is_forgotten:
                get_redis_connection("default").flushdb()
            answered = post(shopper_client, "claims", body_of(queued), key=key)
            assert (answered.status_code, answered.json()["state"]) == (202, "granted")
            assert answered["Idempotency-Replayed"] == "true"
        assert Claim.objects.count() == ClaimTicket.objects.count() == 1

    def test_a_place_in_the_queue_leaves_the_database_alone(self, shopper: User, queued: Coupon) -> None:
        take = partial(ticket_take, queued=queued_coupon(public_id=queued.public_id), shopper=shopper)
        proof = worked(factories.api_client_for(shopper), queued)
        with CaptureQueriesContext(connection) as queries:
            ticket = take(attempt=Attempt("user:1", "once", "same"), proof=proof)
        assert ticket is not None
        assert len(queries) == 0

    def test_the_shops_backend_need_not_work(self, shop_client: APIClient, shopper: User, queued: Coupon) -> None:
        body = body_of(queued, shopper=str(shopper.public_id))
        assert post(shop_client, "claims", body).status_code == 202
        assert_problem(post(shop_client, "claims", {**body, "proof": "x"}), 403, "challenge_failed")

    def test_while_redis_is_away_a_claim_at_once_is_worked_for_once(
        self, shopper_client: APIClient, queued: Coupon, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What is remembered of the queue is what a process goes by that loses Redis.
        body, key = body_of(queued, proof=worked(shopper_client, queued)), new_key()
        assert queued_coupon(public_id=queued.public_id) is not None
        monkeypatch.setattr(proof_of_work, "_scripts", RedisScripts("proof of work"))
        monkeypatch.setattr(buckets, "_scripts", RedisScripts("rate limit"))
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert_problem(post(shopper_client, "claims", body_of(queued), key=key), 403, "challenge_required")
        first = post(shopper_client, "claims", body, key=key)
        assert first.status_code == 201
        for retry in (body, body_of(queued)):
            again = post(shopper_client, "claims", retry, key=key)
            assert (again.status_code, again.json()) == (201, first.json())
            assert again["Idempotency-Replayed"] == "true"
        assert_problem(post(shopper_client, "claims", body, key=new_key()), 403, "challenge_failed")
        assert Claim.objects.count() == 1

    def test_a_page_works_for_its_place(self, client: Client, shopper: User, queued: Coupon) -> None:
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        url = reverse("coupons:claim", args=[queued.public_id])
        data = {"key": str(uuid4()), "proof": ""}
        assert client.post(url, data, headers=HTMX).status_code == 409
        assert Queue(queued.public_id).length() == 0
        data["proof"] = worked(factories.api_client_for(shopper), queued)
        for _click in range(2):
            assert client.post(url, data, headers=HTMX).status_code == 200
        assert Queue(queued.public_id).length() == 1


@pytest.mark.django_db(transaction=True)
class TestACrowd:
    @pytest.fixture(params=["with Redis", "with Redis gone"], autouse=True)
    def _wherever(self, request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        if not settings.REDIS_URL:
            pytest.skip("needs Redis")
        if request.param == "with Redis gone":
            # With breakers of their own: nobody after this test finds one open.
            monkeypatch.setattr(proof_of_work, "_scripts", RedisScripts("proof of work"))
            monkeypatch.setattr(buckets, "_scripts", RedisScripts("rate limit"))
            # Nobody listens on this port.
            nowhere = "redis://127.0.0.1:1/0"
            options = {"SOCKET_CONNECT_TIMEOUT": 1, "IGNORE_EXCEPTIONS": True}
            settings.CACHES = {
                "default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": nowhere, "OPTIONS": options}
            }
            settings.REDIS_URL = nowhere

    def test_fifty_claims_with_one_solution_are_one_claim(self, shopper: User, hot: Coupon) -> None:
        client = factories.api_client_for(shopper)
        proof = worked(client, hot)

        def claim() -> str:
            answer = post(factories.api_client_for(shopper), "claims", body_of(hot, proof=proof))
            return str(answer.json().get("code", answer.status_code))

        codes = rush([claim] * 50, threads=50)
        assert (codes.count("201"), codes.count("challenge_failed")) == (1, 49), codes
        assert Claim.objects.count() == 1


def test_a_crowd_makes_it_harder_and_not_without_end(settings: Settings, shopper: User, hot: Coupon) -> None:
    if not project_settings.REDIS_URL:
        pytest.skip("needs Redis")
    settings.PROOF_OF_WORK_CALM = 3
    make = partial(challenge_for, coupon=hot, holder=shopper_holding(shopper), now=NOW)
    assert [make()["maxnumber"] for _number in range(10)] == [200] * 2 + [400] * 3 + [800] * 5
    other = factories.make_coupon(needs_proof_of_work=True)
    assert challenge_for(coupon=other, holder=shopper_holding(shopper), now=NOW)["maxnumber"] == 200


def test_control_without_the_demand_a_claim_needs_no_work(
    shopper_client: APIClient, hot: Coupon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coupons.services.claims.proof_demand", lambda **_everything: None)
    assert post(shopper_client, "claims", body_of(hot)).status_code == 201


class TestThePages:
    @pytest.fixture
    def signed_in(self, client: Client, shopper: User) -> Client:
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        return client

    def claim(self, signed_in: Client, coupon: Coupon, proof: str, *, key: str = "", **headers: str) -> Any:
        data = {"key": key or str(uuid4()), "proof": proof}
        return signed_in.post(reverse("coupons:claim", args=[coupon.public_id]), data, headers=headers)

    def test_the_button_stands_in_a_form_that_works(self, signed_in: Client, hot: Coupon, coupon: Coupon) -> None:
        shown = signed_in.get(hot.get_absolute_url()).content.decode()
        assert f'data-proof-of="{hot.public_id}" data-proof-early' in shown
        assert "<noscript>" in shown
        assert "data-proof" not in signed_in.get(coupon.get_absolute_url()).content.decode()
        # On the showcase nobody works for what is only looked at.
        showcase = signed_in.get(reverse("coupons:showcase")).content.decode()
        assert f'data-proof-of="{hot.public_id}"' in showcase
        assert "data-proof-early" not in showcase

    def test_a_proof_claims_once(self, signed_in: Client, shopper: User, hot: Coupon) -> None:
        proof = worked(factories.api_client_for(shopper), hot)
        assert self.claim(signed_in, hot, proof, **HTMX).status_code == 200
        refused = self.claim(signed_in, hot, proof, **HTMX)
        assert refused.status_code == 409
        assert "used already" in refused.content.decode()
        assert Claim.objects.count() == 1

    def test_a_double_click_is_one_claim(self, signed_in: Client, shopper: User, hot: Coupon) -> None:
        proof, key = worked(factories.api_client_for(shopper), hot), str(uuid4())
        assert [self.claim(signed_in, hot, proof, key=key, **HTMX).status_code for _click in range(2)] == [200, 200]
        assert Claim.objects.count() == 1

    def test_a_page_without_scripts_says_what_is_missing(self, signed_in: Client, hot: Coupon) -> None:
        self.claim(signed_in, hot, "")
        assert "needs JavaScript" in signed_in.get(hot.get_absolute_url()).content.decode()
        assert not Claim.objects.exists()

    def test_fitting_a_coupon_is_worked_for_too(self, signed_in: Client, shopper: User) -> None:
        coupon = factories.make_coupon(needs_proof_of_work=True)
        factories.make_envelope(coupon=coupon)
        shown = signed_in.get(coupon.get_absolute_url()).content.decode()
        assert f'data-proof-of="{coupon.public_id}" data-proof-early' in shown
        terms = {"amount_off": "500", "minimum_spend": "24000", "days": "14"}
        url = reverse("coupons:claim", args=[coupon.public_id])
        signed_in.post(url, {"key": str(uuid4()), **terms})
        assert not Claim.objects.exists()
        signed_in.post(url, {"key": str(uuid4()), "proof": worked(factories.api_client_for(shopper), coupon), **terms})
        assert Claim.objects.get().amount_off == 500


class TestQuickClaim:
    @pytest.fixture
    def asked(self, client: Client, hot: Coupon) -> str:
        """A stranger who has asked for a code; the page that asks for its digits."""
        client.post(reverse("coupons:quick_claim", args=[hot.public_id]), {"address": MEI})
        return reverse("coupons:quick_claim_code", args=[hot.public_id])

    def challenge(self, response: Any) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(response.context["challenge"])
        return found

    def test_the_digits_are_sent_with_a_proof(self, client: Client, asked: str) -> None:
        page = client.get(asked)
        assert "data-challenge=" in page.content.decode()
        answer = client.post(asked, {"digits": last_digits(), "proof": solve(self.challenge(page))})
        assert answer["Location"] == reverse("coupons:wallet")
        assert Claim.objects.get().shopper.email == MEI

    def test_without_one_the_code_is_not_used_up(self, client: Client, asked: str) -> None:
        refused = client.post(asked, {"digits": last_digits()})
        assert refused.status_code == 403
        assert "needs JavaScript" in refused.content.decode()
        assert not User.objects.exists()
        client.post(asked, {"digits": last_digits(), "proof": solve(self.challenge(refused))})
        assert Claim.objects.count() == 1

    def test_each_guess_at_the_digits_is_worked_for(self, client: Client, asked: str) -> None:
        proof = solve(self.challenge(client.get(asked)))
        wrong = client.post(asked, {"digits": "000000", "proof": proof})
        assert wrong.status_code == 422 or "tries" in wrong.content.decode()
        assert client.post(asked, {"digits": last_digits(), "proof": proof}).status_code == 403
        assert not Claim.objects.exists()

    def test_anothers_proof_does_not_count(self, client: Client, asked: str, hot: Coupon) -> None:
        other = Client()
        other.post(reverse("coupons:quick_claim", args=[hot.public_id]), {"address": "other@example.com"})
        proof = solve(self.challenge(other.get(asked)))
        assert len(mail.outbox) == 2
        assert client.post(asked, {"digits": "123456", "proof": proof}).status_code == 403

    def test_other_coupons_ask_for_nothing(self, client: Client, coupon: Coupon) -> None:
        client.post(reverse("coupons:quick_claim", args=[coupon.public_id]), {"address": MEI})
        asked = reverse("coupons:quick_claim_code", args=[coupon.public_id])
        assert "data-proof" not in client.get(asked).content.decode()
        client.post(asked, {"digits": last_digits()})
        assert Claim.objects.count() == 1


def test_the_service_says_which_of_the_two_it_is(shopper: User, hot: Coupon) -> None:
    demand = partial(proof_demand, coupon=hot, holder=shopper_holding(shopper), now=NOW)
    with pytest.raises(ChallengeRequired):
        demand(proof="")
    with pytest.raises(ChallengeFailed):
        demand(proof="x")
