"""GET /lotteries/{id} and POST /lotteries/{id}/enter."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from coupons.models import LotteryEntry
from coupons.services.lotteries import lottery_draw, lottery_enter
from tests.api.calls import assert_problem, get, post
from tests.factories import (
    LONG_AGO,
    LONG_FROM_NOW,
    NOW,
    api_client_for,
    integrator_client,
    make_coupon,
    make_lottery,
    make_shopper,
)
from users.models import User

pytestmark = pytest.mark.django_db


def test_a_shopper_enters_for_themselves(shopper: User, shopper_client: APIClient) -> None:
    lottery = make_lottery()

    response = post(shopper_client, f"lotteries/{lottery.public_id}/enter", {})

    assert response.status_code == 201, response.content
    entry = LotteryEntry.objects.get()
    assert entry.shopper == shopper
    body = response.json()
    assert (body["lottery"], body["ticket"], body["weight"]) == (str(lottery.public_id), str(entry.ticket), 1)
    assert (body["rank"], body["claim"]) == (None, None)


@pytest.mark.parametrize("by", ["shopper", "shopper_external_id"])
def test_the_shops_backend_enters_the_shopper_it_names(shop_client: APIClient, by: str) -> None:
    lottery, shopper = make_lottery(), make_shopper(external_id="customer-7")
    named = {"shopper": str(shopper.public_id), "shopper_external_id": "customer-7"}[by]

    response = post(shop_client, f"lotteries/{lottery.public_id}/enter", {by: named})

    assert response.status_code == 201, response.content
    assert LotteryEntry.objects.get().shopper == shopper


def test_a_backend_must_name_a_shopper(shop_client: APIClient) -> None:
    path = f"lotteries/{make_lottery().public_id}/enter"
    assert_problem(post(shop_client, path, {}), 400, "shopper_missing", "shopper")


def test_a_retry_and_a_second_entry_get_the_same_ticket(shopper_client: APIClient) -> None:
    path = f"lotteries/{make_lottery().public_id}/enter"

    first, retry = (post(shopper_client, path, {}, key="k-1") for _ in range(2))
    again = post(shopper_client, path, {}, key="k-2")

    assert retry["Idempotency-Replayed"] == "true"
    assert first.json() == retry.json() == again.json()
    assert LotteryEntry.objects.count() == 1


def test_refusals_say_why(shopper_client: APIClient) -> None:
    later = make_lottery(opens_at=LONG_FROM_NOW - timedelta(days=1))
    # Closed by the clock of the database, though no job has run.
    over = make_lottery(closes_at=LONG_AGO + timedelta(days=1))
    tagged = make_lottery(coupon=make_coupon(handout="lottery", audience="tagged", audience_tag="vip"))

    def enter(lottery: object) -> object:
        return post(shopper_client, f"lotteries/{lottery.public_id}/enter", {})

    assert assert_problem(enter(later), 409, "not_started")["starts_at"] == "2099-12-31T00:00:00Z"
    assert_problem(enter(over), 409, "ended")
    assert assert_problem(enter(tagged), 409, "not_eligible")["reason"] == "tag_needed"
    assert not LotteryEntry.objects.exists()


def test_an_unknown_lottery_is_not_found(shopper_client: APIClient) -> None:
    assert_problem(get(shopper_client, f"lotteries/{uuid4()}"), 404, "not_found")
    assert_problem(post(shopper_client, f"lotteries/{uuid4()}/enter", {}), 404, "not_found")


def test_it_tells_how_it_stands_and_ones_own_entry_alone(shopper: User, shopper_client: APIClient) -> None:
    lottery = make_lottery()
    lottery_enter(lottery=lottery, shopper=shopper, now=NOW)

    mine = get(shopper_client, f"lotteries/{lottery.public_id}").json()
    theirs = get(api_client_for(make_shopper()), f"lotteries/{lottery.public_id}").json()

    assert (mine["state"], mine["entry_count"], mine["winner_count"]) == ("open", 1, 3)
    assert mine["entry"]["ticket"] == str(LotteryEntry.objects.get().ticket)
    assert {**mine, "entry": None} == theirs


def test_the_seed_is_told_after_the_draw_and_the_prize_to_its_winner(shopper: User, shopper_client: APIClient) -> None:
    lottery = make_lottery(closes_at=LONG_AGO + timedelta(days=1))
    lottery_enter(lottery=lottery, shopper=shopper, now=LONG_AGO)
    path = f"lotteries/{lottery.public_id}"

    before = get(shopper_client, path)
    drawn = lottery_draw(lottery=lottery, now=NOW)
    after = get(shopper_client, path).json()

    assert before.json()["seed"] is None
    assert drawn.seed not in before.content.decode()
    assert (before.json()["state"], after["state"], after["seed"]) == ("closed", "drawn", drawn.seed)
    assert (after["entry"]["rank"], after["entry"]["claim"]["channel"]) == (1, "lottery")


def test_each_call_needs_its_scope() -> None:
    path = f"lotteries/{make_lottery().public_id}"
    reader, writer = integrator_client(["claims:read"]), integrator_client(["claims:write"])

    assert get(reader, path).status_code == 200
    assert_problem(post(reader, f"{path}/enter", {}), 403, "insufficient_scope")
    assert_problem(get(writer, path), 403, "insufficient_scope")
