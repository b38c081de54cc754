"""Coupons that a browser works for: who is asked, what counts, and what a retry gets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import Settings
from rest_framework.test import APIClient

from config.kernel import proof_of_work
from config.kernel.rate_limit import buckets
from config.kernel.redis_scripts import RedisScripts
from coupons.errors import ChallengeFailed, ChallengeRequired
from coupons.models import Claim, Coupon
from coupons.selectors.shelf import shelf
from coupons.services.gate import Passage
from coupons.services.proofs import challenge_for, proof_demand, shopper_holding
from tests import factories
from tests.api.calls import assert_problem, get, new_key, post
from tests.concurrency.crowd import rush
from tests.coupons.proofs import body_of, easy_proofs, worked, working_coupon
from tests.factories import NOW
from tests.proofs import sealed, solution, solve
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _easy(settings: Settings) -> None:
    easy_proofs(settings)


@pytest.fixture
def hot(db: None) -> Coupon:
    return working_coupon()


def switch(coupon: Coupon, *, is_on: bool) -> None:
    """Turns the switch of a coupon, and lets the second pass in which processes may not have seen it."""
    Coupon.objects.filter(pk=coupon.pk).update(needs_proof_of_work=is_on)
    shelf.forget(coupon.public_id)


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


def test_the_service_says_which_of_the_two_it_is(shopper: User, hot: Coupon) -> None:
    demand = partial(proof_demand, coupon=hot, holder=shopper_holding(shopper), now=NOW)
    with pytest.raises(ChallengeRequired):
        demand(proof="")
    with pytest.raises(ChallengeFailed):
        demand(proof="x")
