"""Gifts over the API."""

from __future__ import annotations

import json

import pytest
from rest_framework.test import APIClient

from config.kernel.models import IdempotencyRecord
from coupons.models import Claim
from tests.api.calls import assert_problem, get, new_key, post
from tests.factories import api_client_for, make_claim
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def claim(shopper: User) -> Claim:
    return make_claim(shopper=shopper)


def test_a_shopper_offers_and_a_friend_accepts(claim: Claim, shopper_client: APIClient, outsider: User) -> None:
    offered = post(shopper_client, f"claims/{claim.public_id}/gift", {"message": "For you"})
    assert offered.status_code == 201, offered.content
    gift = offered.json()
    assert (gift["state"], gift["claim"], gift["message"]) == ("offered", str(claim.public_id), "For you")
    assert gift["link"].endswith(f"/gift/#gift={gift['token']}")

    accepted = post(api_client_for(outsider), "gifts/accept", {"token": gift["token"]})
    assert accepted.status_code == 201, accepted.content
    assert (accepted.json()["channel"], accepted.json()["shopper"]) == ("gift", str(outsider.public_id))
    (listed,) = get(shopper_client, "gifts").json()["results"]
    assert listed["state"] == "accepted"
    assert not {"link", "token"} & set(listed)
    assert get(shopper_client, f"claims/{claim.public_id}").json()["state"] == "gifted"


def test_a_retry_gets_the_same_link_though_none_is_stored(claim: Claim, shopper_client: APIClient) -> None:
    key, path = new_key(), f"claims/{claim.public_id}/gift"
    first, second = (post(shopper_client, path, {}, key=key) for _try in range(2))
    assert second["Idempotency-Replayed"] == "true"
    assert first.json() == second.json()
    stored = json.dumps([record.body for record in IdempotencyRecord.objects.all()])
    assert first.json()["token"] not in stored


def test_the_giver_takes_it_back(claim: Claim, shopper_client: APIClient, outsider: User) -> None:
    gift = post(shopper_client, f"claims/{claim.public_id}/gift", {}).json()
    path = f"gifts/{gift['id']}/cancel"
    assert_problem(post(api_client_for(outsider), path), 404, "not_found")
    assert post(shopper_client, path).json()["state"] == "cancelled"
    problem = assert_problem(post(shopper_client, path), 409, "gift_closed")
    assert problem["state"] == "cancelled"
    assert get(shopper_client, f"claims/{claim.public_id}").json()["state"] == "available"


def test_the_backend_acts_for_both(claim: Claim, shop_client: APIClient, shopper: User, outsider: User) -> None:
    giver, recipient = str(shopper.public_id), str(outsider.public_id)
    gift = post(shop_client, f"claims/{claim.public_id}/gift", {"shopper": giver}).json()
    assert_problem(post(shop_client, "gifts/accept", {"token": gift["token"]}), 400, "shopper_missing", "shopper")
    accepted = post(shop_client, "gifts/accept", {"token": gift["token"], "shopper": recipient})
    assert accepted.status_code == 201
    assert [each["id"] for each in get(shop_client, "gifts", shopper=giver, state="accepted").json()["results"]] == [
        gift["id"]
    ]
    assert get(shop_client, "gifts", shopper=recipient).json()["results"] == []


def test_refusals_say_why(claim: Claim, shopper_client: APIClient, outsider: User) -> None:
    gift = post(shopper_client, f"claims/{claim.public_id}/gift", {}).json()
    again = post(shopper_client, f"claims/{claim.public_id}/gift", {})
    assert assert_problem(again, 409, "claim_not_usable")["state"] == "gifting"
    own = assert_problem(post(shopper_client, "gifts/accept", {"token": gift["token"]}), 409, "gift_refused")
    assert own["reason"] == "own_gift"
    foreign = post(api_client_for(outsider), f"claims/{claim.public_id}/gift", {})
    assert_problem(foreign, 404, "not_found")
    too_long = post(shopper_client, f"claims/{claim.public_id}/gift", {"message": "x" * 141})
    assert_problem(too_long, 400, "invalid", "message")


@pytest.mark.reliability(50)
def test_links_are_guessed_as_slowly_as_codes(shopper_client: APIClient) -> None:
    for _number in range(5):
        assert_problem(post(shopper_client, "gifts/accept", {"token": "wrong"}), 404, "gift_invalid")
    assert_problem(post(shopper_client, "gifts/accept", {"token": "wrong"}), 429, "too_many_wrong_codes")
    # Codes are counted together with them.
    assert_problem(post(shopper_client, "claims", {"code": "WRONG"}), 429, "too_many_wrong_codes")
