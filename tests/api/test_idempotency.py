"""Retries: the same key is the same write, at once, later, and after a restart of everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections
from rest_framework.test import APIClient

from coupons.models import Claim, Coupon, Order, Product, Refund
from tests.api.calls import API, assert_problem, get, new_key, post, put
from tests.concurrency.crowd import rush
from tests.factories import (
    api_client_for,
    integrator_client,
    make_application,
    make_claim,
    make_coupon,
    make_product,
    make_shopper,
)
from tests.figures import Figures
from tests.forms import rounds
from users.models import User

pytestmark = pytest.mark.django_db


def copy_of(client: APIClient) -> APIClient:
    """Returns a client with the same token: threads must not share one."""
    copy = APIClient()
    copy.credentials(**client._credentials)
    return copy


def post_by_copy(client: APIClient, *arguments: Any, **named: Any) -> Any:
    return post(copy_of(client), *arguments, **named)


def rush_until_answered(call: Callable[[], Any], *, times: int) -> list[Any]:
    """Calls in parallel; whoever is told "in flight" asks again once the rush is over, and must be answered then."""
    answers = rush([call] * times, threads=50)
    in_flight = [answer for answer in answers if answer.status_code == 409]
    for answer in in_flight:
        assert_problem(answer, 409, "idempotency_in_flight")
        assert answer["Retry-After"] == "1"
    return [answer for answer in answers if answer not in in_flight] + [call() for _ in in_flight]


@pytest.mark.django_db(transaction=True)
class TestAHundredAtOnce:
    @pytest.mark.reliability(13)
    def test_the_same_key_has_one_effect_and_one_answer(self, figures: Figures) -> None:
        times = rounds(short=1, long=20)
        for number in range(times):
            coupon, shopper, client = make_coupon(limit_per_shopper=1_000), make_shopper(), integrator_client()
            body = {"coupon": str(coupon.public_id), "shopper": str(shopper.public_id)}
            ask = partial(post_by_copy, client, "claims", body, key=f"once-{number}")

            answers = rush_until_answered(ask, times=100)

            assert {answer.status_code for answer in answers} == {201}
            assert len({answer.content for answer in answers if answer.get("Idempotency-Replayed")}) == 1
            assert {answer.json()["id"] for answer in answers} == {str(Claim.objects.get(coupon=coupon).public_id)}
            assert sum(answer.get("Idempotency-Replayed") is None for answer in answers) == 1
            assert coupon.stock.remaining() == 99
        figures.note(13, "one key, 100 calls at once", rounds=times, acknowledged=times, doubled=0)

    @pytest.mark.reliability(13)
    def test_control_without_a_common_key_each_call_has_its_effect(self) -> None:
        coupon, shopper, client = make_coupon(limit_per_shopper=1_000), make_shopper(), integrator_client()
        body = {"coupon": str(coupon.public_id), "shopper": str(shopper.public_id)}

        rush([lambda: post(copy_of(client), "claims", body)] * 20, threads=20)

        assert Claim.objects.count() == 20

    @pytest.mark.reliability(13)
    def test_an_order_is_redeemed_once(self) -> None:
        client, claim = integrator_client(), make_claim()
        order = lock(client, claim)

        answers = rush_until_answered(lambda: post(copy_of(client), f"orders/{order}/redeem", key="once"), times=30)

        assert {answer.status_code for answer in answers} == {200}
        assert claim.redemptions.count() == 1

    @pytest.mark.reliability(13)
    def test_a_unit_is_refunded_once(self) -> None:
        client, claim = integrator_client(), make_claim()
        order = lock(client, claim, quantity=3)
        post(client, f"orders/{order}/redeem")
        body = {"lines": [{"number": 1, "quantity": 1}]}

        answers = rush_until_answered(
            lambda: post(copy_of(client), f"orders/{order}/refund", body, key="once"), times=30
        )

        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["refunded"] for answer in answers} == {"96.67"}
        assert Refund.objects.count() == 1

    @pytest.mark.reliability(13)
    def test_an_order_is_edited_once(self) -> None:
        client, claim = integrator_client(), make_claim()
        order = lock(client, claim)
        body = {"lines": [{"sku": make_product().sku, "quantity": 2}], "claims": [str(claim.public_id)]}

        answers = rush_until_answered(lambda: put(copy_of(client), f"orders/{order}", body, key="once"), times=30)

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["placed_at"] for answer in answers}) == 1

    @pytest.mark.reliability(17)
    def test_a_refund_that_is_sent_fifty_times_gives_back_once(self, figures: Figures) -> None:
        times, client = rounds(short=1, long=20), integrator_client()
        for _round in range(times):
            claim = make_claim()
            order = lock(client, claim)
            post(client, f"orders/{order}/redeem")

            answers = rush([partial(post_by_copy, client, f"orders/{order}/refund")] * 50, threads=30)

            assert sorted(answer.status_code for answer in answers) == [200, *[409] * 49]
            assert claim.entries.filter(reason="order_refunded").count() == 1
        figures.note(17, "one refund sent 50 times", rounds=times, acknowledged=times, doubled=0)

    @pytest.mark.reliability(17)
    def test_a_release_that_is_sent_fifty_times_gives_back_once(self) -> None:
        client, claim = integrator_client(), make_claim()
        order = lock(client, claim)

        answers = rush([lambda: post(copy_of(client), f"orders/{order}/release")] * 50, threads=30)

        assert sorted(answer.status_code for answer in answers) == [200, *[409] * 49]
        assert claim.entries.filter(reason="order_released").count() == 1

    @pytest.mark.reliability(15)
    def test_one_key_of_two_callers_at_once_is_two_writes(self, figures: Figures) -> None:
        times = rounds(short=3, long=100)
        clients = [integrator_client(), integrator_client()]
        for number in range(times):
            coupon = make_coupon()
            bodies = [{"coupon": str(coupon.public_id), "shopper": str(make_shopper().public_id)} for _ in clients]
            calls = [
                partial(post, copy_of(client), "claims", body, key=f"shared-{number}")
                for client, body in zip(clients, bodies, strict=True)
            ]
            assert [answer.status_code for answer in rush(calls)] == [201, 201]
            assert coupon.claims.count() == 2
        figures.note(15, "one key of two callers at once", rounds=times, acknowledged=2 * times, lost=0)

    @pytest.mark.reliability(18)
    def test_the_answer_is_the_same_after_a_restart(self) -> None:
        coupon, client = make_coupon(), integrator_client()
        body = {"coupon": str(coupon.public_id), "shopper": str(make_shopper().public_id)}
        first = post(client, "claims", body, key="once")

        cache.clear()
        connections.close_all()
        second = post(copy_of(client), "claims", body, key="once")

        assert (second.status_code, second.json()) == (201, first.json())
        assert second["Idempotency-Replayed"] == "true"
        assert Claim.objects.count() == 1


def lock(client: APIClient, claim: Claim, quantity: int = 1) -> str:
    body = {
        "shopper": str(claim.shopper.public_id),
        "reference": new_key(),
        "lines": [{"sku": make_product().sku, "quantity": quantity}],
        "claims": [str(claim.public_id)],
    }
    order: str = post(client, "orders", body).json()["id"]
    return order


@pytest.mark.reliability(14)
def test_the_same_key_with_another_body_is_refused(shopper_client: APIClient) -> None:
    first, other = make_coupon(), make_coupon()
    post(shopper_client, "claims", {"coupon": str(first.public_id)}, key="k")

    answer = post(shopper_client, "claims", {"coupon": str(other.public_id)}, key="k")

    assert_problem(answer, 422, "idempotency_key_reused")
    assert Claim.objects.get().coupon == first


@pytest.mark.reliability(14)
def test_the_same_key_on_another_address_is_refused(shopper_client: APIClient, shopper: User) -> None:
    first, second = (lock(shopper_client, make_claim(shopper=shopper)) for _ in range(2))
    post(shopper_client, f"orders/{first}/redeem", key="k")

    assert_problem(post(shopper_client, f"orders/{second}/redeem", key="k"), 422, "idempotency_key_reused")
    assert get(shopper_client, f"orders/{second}").json()["state"] == "locked"


def test_the_same_request_written_differently_is_the_same(shop_client: APIClient, coupon: Coupon) -> None:
    shopper = str(make_shopper().public_id)
    one = b'{"coupon": "%s", "shopper": "%s"}' % (str(coupon.public_id).encode(), shopper.encode())
    other = b'{"shopper":"%s","coupon":"%s"}' % (shopper.upper().encode(), str(coupon.public_id).encode())

    answers = [
        shop_client.generic("POST", f"{API}/claims", body, "application/json", HTTP_IDEMPOTENCY_KEY="k")
        for body in (one, other)
    ]

    assert answers[0].json() == answers[1].json()
    assert answers[1]["Idempotency-Replayed"] == "true"


@pytest.mark.reliability(15)
def test_callers_do_not_share_keys(coupon: Coupon) -> None:
    one, other = make_shopper(), make_shopper()
    application = make_application()
    callers = [
        (api_client_for(one), {}),
        (api_client_for(other), {}),
        (integrator_client(application=application), {"shopper": str(make_shopper().public_id)}),
        (integrator_client(), {"shopper": str(make_shopper().public_id)}),
    ]

    answers = [post(client, "claims", {"coupon": str(coupon.public_id), **whose}, key="k") for client, whose in callers]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert Claim.objects.count() == 4
    # A new token of the same application is the same caller.
    again = post(
        integrator_client(application=application),
        "claims",
        {"coupon": str(coupon.public_id), **callers[2][1]},
        key="k",
    )
    assert again.json() == answers[2].json()


@pytest.mark.reliability(16)
def test_a_refused_call_leaves_its_key_unused(shopper_client: APIClient, product: Product) -> None:
    wrong = {"reference": "SO-1", "lines": [{"sku": product.sku, "quantity": 0}]}
    changed = {"reference": "SO-1", "lines": [{"sku": product.sku, "quantity": 1}], "expected_payable": "1.00"}
    right = {"reference": "SO-1", "lines": [{"sku": product.sku, "quantity": 1}]}

    assert post(shopper_client, "orders", wrong, key="k").status_code == 400
    assert_problem(post(shopper_client, "orders", changed, key="k"), 409, "quote_changed")
    answer = post(shopper_client, "orders", right, key="k")

    assert answer.status_code == 201, answer.content
    assert "Idempotency-Replayed" not in answer
    assert Order.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ключ", "a b"])
def test_a_write_needs_a_key(shopper_client: APIClient, coupon: Coupon, key: str) -> None:
    headers = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}

    answer = shopper_client.post(f"{API}/claims", {"coupon": str(coupon.public_id)}, **headers)

    assert_problem(answer, 400, "idempotency_key_missing")
    assert not Claim.objects.exists()


@pytest.mark.reliability(16)
def test_a_refused_refund_leaves_its_key_unused(shopper_client: APIClient, shopper: User) -> None:
    order = lock(shopper_client, make_claim(shopper=shopper))
    post(shopper_client, f"orders/{order}/redeem")

    def refund(quantity: int) -> Any:
        return post(shopper_client, f"orders/{order}/refund", {"lines": [{"number": 1, "quantity": quantity}]}, key="k")

    assert_problem(refund(2), 409, "too_many_returned", "lines[0].quantity")
    answer = refund(1)

    assert (answer.status_code, answer.json()["state"]) == (200, "refunded")
    assert refund(1)["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("step", ["redeem", "release", "refund"])
def test_every_step_of_an_order_needs_a_key(shopper_client: APIClient, shopper: User, step: str) -> None:
    order = lock(shopper_client, make_claim(shopper=shopper))

    assert_problem(shopper_client.post(f"{API}/orders/{order}/{step}"), 400, "idempotency_key_missing")
