"""POST /events and PUT /shoppers: what the shop's backend tells us."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.calls import API, assert_problem, post
from tests.factories import integrator_client, make_marketer, make_shopper
from users.models import BehaviourEvent, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> User:
    return make_shopper(external_id="customer-7")


def event(event_name: str, **more: Any) -> dict[str, Any]:
    described = {
        "event_id": event_name,
        "kind": "view",
        "shopper_external_id": "customer-7",
        "occurred_at": "2026-11-20T12:00:00+08:00",
    }
    return {**described, **more}


def test_a_batch_is_stored(shop_client: APIClient, customer: User) -> None:
    response = post(
        shop_client,
        "events",
        {
            "events": [
                event("e-1", product_sku="SKU", data={"seconds": 1.5}),
                event("e-2", kind="purchase", value="12.50", coupon=str(uuid.uuid4())),
            ]
        },
    )

    assert response.status_code == 200, response.content
    assert response.json() == {
        "accepted": 2,
        "duplicates": 0,
        "results": [{"event_id": "e-1", "status": "accepted"}, {"event_id": "e-2", "status": "accepted"}],
    }
    first, second = BehaviourEvent.objects.order_by("event_id")
    assert (first.shopper, first.data, first.product_sku) == (customer, {"seconds": 1.5}, "SKU")
    assert (second.kind, second.value) == ("purchase", 12_50)
    assert first.occurred_at.isoformat() == "2026-11-20T04:00:00+00:00"


def test_an_event_is_stored_once_however_often_it_is_sent(shop_client: APIClient, customer: User) -> None:
    post(shop_client, "events", {"events": [event("e-1")]})

    body = post(shop_client, "events", {"events": [event("e-1", kind="cart"), event("e-2"), event("e-2")]}).json()

    assert (body["accepted"], body["duplicates"]) == (1, 2)
    assert [result["status"] for result in body["results"]] == ["duplicate", "accepted", "duplicate"]
    assert BehaviourEvent.objects.get(event_id="e-1").kind == "view"


def test_event_ids_of_two_senders_are_independent(customer: User) -> None:
    for client in (integrator_client(), integrator_client()):
        assert post(client, "events", {"events": [event("e-1")]}).json()["accepted"] == 1


@pytest.mark.parametrize(
    ("wrong", "parameter", "code"),
    [
        ({"shopper_external_id": "nobody"}, "events[1].shopper_external_id", "shopper_unknown"),
        ({"kind": "sneeze"}, "events[1].kind", "invalid_choice"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, "events[1].occurred_at", "in_the_future"),
        ({"occurred_at": "2026-11-20T12:00:00"}, "events[1].occurred_at", "not_a_moment"),
        ({"value": 5}, "events[1].value", "not_a_string"),
        ({"data": {"x": "y" * 5000}}, "events[1].data", "data_too_large"),
        ({"event_id": ""}, "events[1].event_id", "blank"),
        ({"sender": "quan"}, "events[1].sender", "unknown_field"),
    ],
)
def test_one_wrong_event_refuses_the_batch_and_is_named(
    shop_client: APIClient, customer: User, wrong: dict[str, Any], parameter: str, code: str
) -> None:
    response = post(shop_client, "events", {"events": [event("e-1"), event("e-2", **wrong)]})

    assert response.status_code == 400, response.content
    (error,) = response.json()["errors"]
    assert (error["parameter"], error["code"]) == (parameter, code)
    assert not BehaviourEvent.objects.exists()


def test_a_thousand_events_take_as_many_queries_as_one(shop_client: APIClient, customer: User) -> None:
    def queries(count: int, prefix: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            body = {"events": [event(f"{prefix}-{number}") for number in range(count)]}
            assert post(shop_client, "events", body).json()["accepted"] == count
        return len(captured)

    assert queries(1, "a") == queries(1_000, "b")


@pytest.mark.parametrize("count", [0, 1_001])
def test_a_batch_holds_one_to_a_thousand_events(shop_client: APIClient, customer: User, count: int) -> None:
    body = {"events": [event(f"e-{number}") for number in range(count)]}

    assert_problem(post(shop_client, "events", body), 400, "invalid", "events")


def test_staff_are_nobodys_shoppers(shop_client: APIClient) -> None:
    make_marketer(external_id="customer-7")

    assert post(shop_client, "events", {"events": [event("e-1")]}).status_code == 400
    assert_problem(shop_client.put(f"{API}/shoppers/customer-7", {"name": "x"}, format="json"), 404, "not_found")


def put(client: APIClient, external_id: str, **changes: Any) -> Any:
    return client.put(f"{API}/shoppers/{external_id}", changes, format="json")


def test_a_shopper_is_created_then_changed(shop_client: APIClient) -> None:
    created = put(
        shop_client, "c-1", name="Mei", email="Mei@Example.com", phone="+86 138 0013 8000", birthday="1990-02-28"
    )
    assert created.status_code == 201, created.content
    changed = put(shop_client, "c-1", language="en", birthday=None)
    assert changed.status_code == 200

    shopper = User.objects.with_email("mei@example.com").get()
    assert (shopper.external_id, shopper.name, shopper.language, shopper.birthday) == ("c-1", "Mei", "en", None)
    assert User.objects.with_phone("+8613800138000").get() == shopper
    assert not shopper.has_usable_password()


def test_an_address_is_kept_as_mail_can_be_sent_to_it(shop_client: APIClient) -> None:
    put(shop_client, "c-1", email=" Mei@Example.com\n", phone="138-0013-8000")

    shopper = User.objects.get(external_id="c-1")
    assert (shopper.email, shopper.phone) == ("mei@example.com", "13800138000")


def test_personal_data_is_never_read_back(shop_client: APIClient) -> None:
    response = put(shop_client, "c-1", name="Mei", email="mei@example.com")

    assert set(response.json()) == {"id", "external_id", "language", "joined_at"}


def test_an_address_belongs_to_one_account(shop_client: APIClient) -> None:
    put(shop_client, "c-1", email="mei@example.com", phone="13800138000")

    assert_problem(put(shop_client, "c-2", email="MEI@example.com"), 409, "email_taken", "email")
    assert_problem(put(shop_client, "c-2", phone="138-0013-8000"), 409, "phone_taken", "phone")
    assert put(shop_client, "c-1", email="mei@example.com").status_code == 200


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"email": "x"}, "email"),
        ({"phone": "call me"}, "phone"),
        ({"birthday": "1990-02-30"}, "birthday"),
        ({"birthday": "2999-01-01"}, "birthday"),
        ({"birthday": "0090-02-28"}, "birthday"),
        ({"language": "fr"}, "language"),
        ({"name": 5}, "name"),
    ],
)
def test_a_wrong_detail_is_named(shop_client: APIClient, changes: dict[str, Any], parameter: str) -> None:
    assert_problem(put(shop_client, "c-1", **changes), 400, "invalid", parameter)


def test_what_a_shop_says_of_a_shopper_arrives_at_its_claims(shop_client: APIClient, coupon) -> None:
    put(shop_client, "c-1")
    body = {"coupon": str(coupon.public_id), "shopper_external_id": "c-1"}

    assert post(shop_client, "claims", body).status_code == 201
    assert timezone.now() >= User.objects.get(external_id="c-1").joined_at
