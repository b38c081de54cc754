"""GET, POST and DELETE /coupons/{id}/waiting."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from coupons.models import Claim, Coupon, WaitingEntry
from coupons.services.stock import stock_top_up
from coupons.services.waiting import waiting_grant_due
from tests.api.calls import API, assert_problem, get, post
from tests.factories import NOW, api_client_for, make_coupon, make_shopper
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def coupon() -> Coupon:
    return make_coupon(stock=0)


def path_of(coupon: Coupon) -> str:
    return f"coupons/{coupon.public_id}/waiting"


def delete(client: APIClient, path: str) -> Any:
    return client.delete(f"{API}/{path}")


def test_a_shopper_joins_looks_and_leaves(coupon: Coupon, shopper: User, shopper_client: APIClient) -> None:
    nobody = {"coupon": str(coupon.public_id), "state": None, "position": None, "joined_at": None, "claim": None}
    assert get(shopper_client, path_of(coupon)).json() == nobody

    joined = post(shopper_client, path_of(coupon))
    assert joined.status_code == 200, joined.content
    assert (joined.json()["state"], joined.json()["position"]) == ("waiting", 1)
    assert WaitingEntry.objects.get().shopper == shopper

    left = delete(shopper_client, path_of(coupon))
    assert (left.json()["state"], left.json()["position"]) == ("left", None)
    assert get(shopper_client, path_of(coupon)).json() == left.json()


def test_joining_again_keeps_the_place(coupon: Coupon, shopper_client: APIClient) -> None:
    first = post(shopper_client, path_of(coupon))
    post(api_client_for(make_shopper()), path_of(coupon))
    assert post(shopper_client, path_of(coupon)).json() == first.json()


def test_it_tells_what_became_of_it(coupon: Coupon, shopper_client: APIClient) -> None:
    post(shopper_client, path_of(coupon))
    stock_top_up(coupon=coupon, quantity=1, actor=None, now=NOW)
    waiting_grant_due(now=NOW)

    answer = get(shopper_client, path_of(coupon)).json()

    assert (answer["state"], answer["claim"]) == ("granted", str(Claim.objects.get().public_id))


def test_the_shops_backend_names_the_shopper(coupon: Coupon, shop_client: APIClient) -> None:
    make_shopper(external_id="customer-7")

    assert_problem(post(shop_client, path_of(coupon), {}), 400, "shopper_missing", "shopper")
    joined = post(shop_client, path_of(coupon), {"shopper_external_id": "customer-7"})
    seen = get(shop_client, path_of(coupon), shopper_external_id="customer-7")
    left = delete(shop_client, f"{path_of(coupon)}?shopper_external_id=customer-7")

    assert joined.json() == seen.json()
    assert left.json()["state"] == "left"


def test_refusals_say_why(shopper_client: APIClient) -> None:
    for coupon, code in (
        (make_coupon(), "not_sold_out"),
        (make_coupon(stock=0, state="scheduled"), "not_started"),
        (make_coupon(stock=0, state="ended"), "ended"),
        (make_coupon(stock=0, state="paused"), "paused"),
        (make_coupon(stock=0, audience="tagged", audience_tag="vip"), "not_eligible"),
    ):
        assert_problem(post(shopper_client, path_of(coupon)), 409, code)


def test_an_unknown_coupon_and_a_draft_are_not_found(shopper_client: APIClient) -> None:
    for coupon in (uuid4(), make_coupon(state="draft").public_id):
        for answer in (
            get(shopper_client, f"coupons/{coupon}/waiting"),
            post(shopper_client, f"coupons/{coupon}/waiting"),
            delete(shopper_client, f"coupons/{coupon}/waiting"),
        ):
            assert_problem(answer, 404, "not_found", "coupon")
