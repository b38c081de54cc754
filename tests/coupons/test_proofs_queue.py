"""Coupons in queued mode that a browser works for: a place is worked for, once."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest
from django.conf import settings as project_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_redis import get_redis_connection
from pytest_django import Settings
from rest_framework.test import APIClient

from config.kernel import proof_of_work
from config.kernel.breaker import CircuitBreaker
from config.kernel.idempotency import Attempt
from config.kernel.rate_limit import buckets
from config.kernel.redis_scripts import RedisScripts
from coupons.gate import connection as gate_connection
from coupons.models import Claim, ClaimTicket, Coupon
from coupons.queue import Queue
from coupons.selectors import shelf
from coupons.services.granting import batch_grant
from coupons.services.queueing import queued_coupon, ticket_take
from tests import factories
from tests.api.calls import assert_problem, new_key, post
from tests.coupons.proofs import body_of, easy_proofs, worked, working_coupon
from tests.proofs import solve
from users.models import User

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _easy(settings: Settings) -> None:
    easy_proofs(settings)


@pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis")
class TestTheQueue:
    @pytest.fixture(autouse=True)
    def _breaker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gate_connection, "breaker", CircuitBreaker("gate", rest=0.2))

    @pytest.fixture
    def queued(self, db: None) -> Coupon:
        """A coupon that asks for work before a place in its queue, of which a shopper may have several."""
        return working_coupon(is_queued=True)

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

    def test_a_place_in_the_queue_leaves_the_database_alone(
        self, shopper: User, queued: Coupon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # However long a busy machine takes from one line to the next.
        monkeypatch.setattr(shelf, "FRESH_SECONDS", 3600.0)
        take = partial(ticket_take, coupon=queued_coupon(public_id=queued.public_id), shopper=shopper)
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
