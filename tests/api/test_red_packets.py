"""GET /red-packets/{id} and POST /red-packets/{id}/grab."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from coupons.models import Claim, RedPacketShare
from coupons.services.red_packets import red_packet_grab
from tests.api.calls import assert_problem, get, post
from tests.factories import (
    LONG_AGO,
    LONG_FROM_NOW,
    NOW,
    api_client_for,
    integrator_client,
    make_red_packet,
    make_shopper,
)
from users.models import User

pytestmark = pytest.mark.django_db


def test_a_shopper_grabs_for_themselves(shopper: User, shopper_client: APIClient) -> None:
    packet = make_red_packet()

    response = post(shopper_client, f"red-packets/{packet.public_id}/grab", {})

    assert response.status_code == 201, response.content
    claim = Claim.objects.get()
    assert claim.shopper == shopper
    body = response.json()
    assert (body["red_packet"], body["amount"]) == (str(packet.public_id), "2.00")
    assert (body["claim"]["id"], body["claim"]["channel"]) == (str(claim.public_id), "red_packet")


@pytest.mark.parametrize("by", ["shopper", "shopper_external_id"])
def test_the_shops_backend_grabs_for_the_shopper_it_names(shop_client: APIClient, by: str) -> None:
    packet, shopper = make_red_packet(), make_shopper(external_id="customer-7")
    named = {"shopper": str(shopper.public_id), "shopper_external_id": "customer-7"}[by]

    response = post(shop_client, f"red-packets/{packet.public_id}/grab", {by: named})

    assert response.status_code == 201, response.content
    assert RedPacketShare.objects.taken().get().shopper == shopper


def test_a_backend_must_name_a_shopper(shop_client: APIClient) -> None:
    path = f"red-packets/{make_red_packet().public_id}/grab"
    assert_problem(post(shop_client, path, {}), 400, "shopper_missing", "shopper")


def test_a_retry_and_a_second_grab_get_the_same_share(shopper_client: APIClient) -> None:
    path = f"red-packets/{make_red_packet().public_id}/grab"

    first, retry = (post(shopper_client, path, {}, key="k-1") for _ in range(2))
    again = post(shopper_client, path, {}, key="k-2")

    assert retry["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in again
    assert first.json() == retry.json() == again.json()
    assert Claim.objects.count() == 1


def test_refusals_say_why(shopper: User, shopper_client: APIClient) -> None:
    later = make_red_packet(opens_at=LONG_FROM_NOW - timedelta(days=1))
    # Over by the clock of the database, though no job has run.
    over = make_red_packet(ends_at=LONG_AGO + timedelta(days=1))
    gone = make_red_packet(share_count=1)
    red_packet_grab(packet=gone, shopper=make_shopper(), now=NOW)
    reserved = make_red_packet(owners=[make_shopper()])

    def grab(packet: object) -> object:
        return post(shopper_client, f"red-packets/{packet.public_id}/grab", {})

    assert assert_problem(grab(later), 409, "not_started")["starts_at"] == "2099-12-31T00:00:00Z"
    assert_problem(grab(over), 409, "ended")
    assert_problem(grab(gone), 409, "sold_out")
    assert assert_problem(grab(reserved), 409, "not_eligible")["reason"] == "reserved"
    assert not Claim.objects.filter(shopper=shopper).exists()


def test_an_unknown_packet_is_not_found(shopper_client: APIClient) -> None:
    assert_problem(get(shopper_client, f"red-packets/{uuid4()}"), 404, "not_found")
    assert_problem(post(shopper_client, f"red-packets/{uuid4()}/grab", {}), 404, "not_found")


def test_it_tells_how_it_stands_and_ones_own_share_alone(shopper: User, shopper_client: APIClient) -> None:
    packet = make_red_packet()
    red_packet_grab(packet=packet, shopper=shopper, now=NOW)

    mine = get(shopper_client, f"red-packets/{packet.public_id}").json()
    theirs = get(api_client_for(make_shopper()), f"red-packets/{packet.public_id}").json()

    assert (mine["state"], mine["taken_count"], mine["share_count"], mine["total"]) == ("open", 1, 10, "20.00")
    assert mine["share"]["amount"] == "2.00"
    assert theirs["share"] is None
    assert {**mine, "share": None} == theirs


def test_a_backend_asks_for_one_shoppers_share(shop_client: APIClient) -> None:
    packet, shopper = make_red_packet(), make_shopper(external_id="customer-7")
    red_packet_grab(packet=packet, shopper=shopper, now=NOW)
    path = f"red-packets/{packet.public_id}"

    assert get(shop_client, path).json()["share"] is None
    assert get(shop_client, path, shopper_external_id="customer-7").json()["share"]["amount"] == "2.00"
    assert_problem(get(shop_client, path, shopper_external_id="nobody"), 404, "not_found", "shopper_external_id")


def test_each_call_needs_its_scope() -> None:
    path = f"red-packets/{make_red_packet().public_id}"
    reader, writer = integrator_client(["claims:read"]), integrator_client(["claims:write"])

    assert get(reader, path).status_code == 200
    assert_problem(post(reader, f"{path}/grab", {}), 403, "insufficient_scope")
    assert_problem(get(writer, path), 403, "insufficient_scope")
