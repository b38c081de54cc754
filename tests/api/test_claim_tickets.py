"""POST /claims of a coupon in queued mode, and GET /claim-tickets/{ticket}."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.conf import settings as project_settings
from django_redis import get_redis_connection
from pytest_django import Settings
from rest_framework.test import APIClient

from config.kernel.breaker import CircuitBreaker
from coupons.gate import connection as gate_connection
from coupons.models import Claim, ClaimTicket, Coupon
from coupons.services.granting import batch_grant
from tests.api.calls import API, assert_problem, get, new_key, post
from tests.factories import api_client_for, integrator_client, make_code, make_coupon, make_shopper
from users.models import User

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis"),
]


@pytest.fixture
def coupon() -> Coupon:
    return make_coupon(is_queued=True, stock=1)


def grant(coupon: Coupon) -> None:
    batch_grant(public_id=coupon.public_id, consumer="test")


def body_for(coupon: Coupon, **members: str) -> dict[str, str]:
    return {"coupon": str(coupon.public_id), **members}


def test_a_claim_becomes_a_ticket_and_the_ticket_a_claim(
    coupon: Coupon, shopper: User, shopper_client: APIClient
) -> None:
    accepted = post(shopper_client, "claims", body_for(coupon))

    assert accepted.status_code == 202, accepted.content
    ticket = accepted.json()
    assert ticket == {
        "ticket": ticket["ticket"],
        "coupon": str(coupon.public_id),
        "state": "waiting",
        "position": 1,
        "retry_after": 1,
        "claim": None,
        "refusal": None,
    }
    assert accepted["Location"] == f"{API}/claim-tickets/{ticket['ticket']}"
    assert accepted["Retry-After"] == "1"
    assert not Claim.objects.exists()
    assert get(shopper_client, f"claim-tickets/{ticket['ticket']}").json() == ticket

    grant(coupon)
    answered = get(shopper_client, f"claim-tickets/{ticket['ticket']}")

    assert answered.status_code == 200
    assert answered.json()["state"] == "granted"
    assert (answered.json()["position"], answered.json()["retry_after"]) == (None, None)
    assert "Retry-After" not in answered
    claim = get(shopper_client, f"claims/{Claim.objects.get().public_id}").json()
    assert answered.json()["claim"] == claim
    assert (claim["channel"], claim["shopper"]) == ("queue", str(shopper.public_id))


def test_a_refused_ticket_says_why_in_the_language_of_whoever_asks(coupon: Coupon) -> None:
    late, chinese = make_shopper(), make_shopper(language="zh-hans")
    clients = [api_client_for(shopper) for shopper in (make_shopper(), late, chinese)]
    tickets = [post(client, "claims", body_for(coupon)).json()["ticket"] for client in clients]
    grant(coupon)

    english = clients[1].get(f"{API}/claim-tickets/{tickets[1]}", HTTP_ACCEPT_LANGUAGE="en").json()
    other = clients[2].get(f"{API}/claim-tickets/{tickets[2]}", HTTP_ACCEPT_LANGUAGE="zh-hans").json()

    assert (english["state"], english["claim"]) == ("refused", None)
    assert english["refusal"] == {"code": "sold_out", "detail": "All coupons have been claimed.", "details": {}}
    assert other["refusal"]["code"] == "sold_out"
    assert other["refusal"]["detail"] != english["refusal"]["detail"]


def test_the_same_key_is_the_same_ticket(coupon: Coupon, shopper_client: APIClient) -> None:
    first = post(shopper_client, "claims", body_for(coupon), key="once")
    again = post(shopper_client, "claims", body_for(coupon), key="once")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert (first.headers.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")

    grant(coupon)
    answered = post(shopper_client, "claims", body_for(coupon), key="once")
    assert (answered.status_code, answered.json()["state"]) == (202, "granted")
    assert answered.json()["claim"]["id"] == str(Claim.objects.get().public_id)
    assert ClaimTicket.objects.count() == Claim.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(coupon: Coupon, shop_client: APIClient) -> None:
    one, other = make_shopper(external_id="c-1"), make_shopper(external_id="c-2")
    named = body_for(coupon, shopper_external_id="c-1")
    assert post(shop_client, "claims", named, key="once").status_code == 202

    answer = post(shop_client, "claims", body_for(coupon, shopper=str(one.public_id)), key="once")
    assert_problem(answer, 422, "idempotency_key_reused")
    another = body_for(make_coupon(is_queued=True), shopper_external_id="c-1")
    for body in (body_for(coupon, shopper=str(other.public_id)), another):
        assert_problem(post(shop_client, "claims", body, key="once"), 422, "idempotency_key_reused")


def test_another_key_of_a_shopper_who_waits_is_the_same_ticket(coupon: Coupon, shopper_client: APIClient) -> None:
    first = post(shopper_client, "claims", body_for(coupon))
    second = post(shopper_client, "claims", body_for(coupon))
    assert (second.status_code, second.json()) == (202, first.json())


def test_a_key_is_needed(coupon: Coupon, shopper_client: APIClient) -> None:
    answer = shopper_client.post(f"{API}/claims", body_for(coupon), format="json")
    assert_problem(answer, 400, "idempotency_key_missing")


def test_codes_and_terms_pass_the_queue_by(coupon: Coupon, shopper_client: APIClient) -> None:
    terms = {"amount_off": "5.00", "minimum_spend": "50.00", "days": 3}
    assert_problem(post(shopper_client, "claims", body_for(coupon) | {"terms": terms}), 400, "terms_fixed", "terms")
    code = make_code(coupon=coupon)
    assert post(shopper_client, "claims", {"code": code.text}).status_code == 201


def test_what_cannot_be_claimed_is_refused_as_ever(shopper_client: APIClient) -> None:
    for state, code in (("scheduled", "not_started"), ("paused", "paused"), ("ended", "ended")):
        coupon = make_coupon(is_queued=True, state=state)
        assert_problem(post(shopper_client, "claims", body_for(coupon)), 409, code)
    draft = make_coupon(is_queued=True, state="draft")
    assert_problem(post(shopper_client, "claims", body_for(draft)), 404, "not_found", "coupon")


@pytest.mark.reliability(43)
def test_a_foreign_ticket_and_an_unknown_one_read_the_same(
    coupon: Coupon, shopper_client: APIClient, outsider: User
) -> None:
    ticket = post(shopper_client, "claims", body_for(coupon)).json()["ticket"]
    stranger = api_client_for(outsider)

    for stage in ("waiting", "answered", "lost"):
        answers = [get(stranger, f"claim-tickets/{each}") for each in (ticket, uuid4())]
        problems = [assert_problem(answer, 404, "not_found") for answer in answers]
        for problem in problems:
            del problem["request_id"]
        assert problems[0] == problems[1], stage
        if stage == "waiting":
            grant(coupon)
        else:
            ClaimTicket.objects.all().delete()
            get_redis_connection("default").flushdb()


def test_the_shops_backend_sees_every_ticket(coupon: Coupon, shopper: User, shop_client: APIClient) -> None:
    own = post(api_client_for(shopper), "claims", body_for(coupon)).json()
    assert get(shop_client, f"claim-tickets/{own['ticket']}").json() == own
    taken = post(shop_client, "claims", body_for(coupon, shopper=str(make_shopper().public_id)))
    assert (taken.status_code, taken.json()["position"]) == (202, 2)


@pytest.mark.parametrize(("path", "scope"), [("claims", "claims:read"), ("claim-tickets", "claims:write")])
def test_each_way_needs_its_own_scope(coupon: Coupon, shopper: User, path: str, scope: str) -> None:
    client = integrator_client([scope])
    if path == "claims":
        answer = post(client, path, body_for(coupon, shopper=str(shopper.public_id)))
    else:
        ticket = post(client, "claims", body_for(coupon, shopper=str(shopper.public_id))).json()["ticket"]
        answer = get(client, f"{path}/{ticket}")
    assert_problem(answer, 403, "insufficient_scope")


def test_a_lost_ticket_says_so(coupon: Coupon, shopper_client: APIClient, shop_client: APIClient) -> None:
    ticket = post(shopper_client, "claims", body_for(coupon), key="once").json()["ticket"]
    get_redis_connection("default").flushdb()

    for client in (shopper_client, shop_client):
        lost = get(client, f"claim-tickets/{ticket}").json()
        assert (lost["state"], lost["refusal"]["code"]) == ("lost", "ticket_lost")
    assert post(shopper_client, "claims", body_for(coupon), key="once").json()["ticket"] == ticket


@pytest.mark.reliability(21)
def test_without_redis_it_is_claimed_at_once(
    coupon: Coupon, shopper_client: APIClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_connection, "breaker", CircuitBreaker("gate"))
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    key = new_key()

    made = post(shopper_client, "claims", body_for(coupon), key=key)
    assert made.status_code == 201, made.content
    again = post(shopper_client, "claims", body_for(coupon), key=key)
    assert (again.status_code, again.json()) == (201, made.json())
    assert ClaimTicket.objects.get().claim == Claim.objects.get()
