"""The queue on a coupon's page and ticket."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as project_settings
from django.test import Client
from django.urls import reverse
from django_redis import get_redis_connection
from pytest_django import Settings

from config.kernel.breaker import CircuitBreaker
from coupons.gate import connection as gate_connection
from coupons.models import Claim, Coupon
from coupons.queue import Queue
from coupons.services.queueing import ticket_waiting
from tests import factories
from tests.coupons.queues import grant
from users.models import User

HTMX = {"HX-Request": "true"}

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis"),
]


@pytest.fixture
def signed_in(client: Client, shopper: User) -> Client:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon(is_queued=True, stock=1)


def claim(client: Client, coupon: Coupon, *, key: str = "", htmx: bool = True, **fields: str) -> Any:
    data = {"key": key or str(uuid4()), **fields}
    return client.post(reverse("coupons:claim", args=[coupon.public_id]), data, headers=HTMX if htmx else {})


def ask(client: Client, coupon: Coupon, ticket: UUID, *, htmx: bool = True, query: str = "") -> Any:
    address = reverse("coupons:queue", args=[coupon.public_id, ticket])
    return client.get(address + query, headers=HTMX if htmx else {})


def place_of(coupon: Coupon, shopper: User) -> UUID:
    ticket = ticket_waiting(coupon=coupon, shopper=shopper)
    assert ticket is not None
    return ticket.id


def test_a_click_shows_the_place_and_asks_again_by_itself(signed_in: Client, shopper: User, coupon: Coupon) -> None:
    answer = claim(signed_in, coupon, on_page="1")

    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "You are number 1 in the queue" in shown
    assert f'hx-get="{reverse("coupons:queue", args=[coupon.public_id, place_of(coupon, shopper)])}?on_page=1"' in shown
    assert "load delay:400ms, every 1s" in shown
    assert "It is yours" not in shown
    assert "<form" not in shown
    assert not Claim.objects.exists()


def test_while_it_waits_only_the_place_is_renewed(signed_in: Client, shopper: User, coupon: Coupon) -> None:
    claim(signed_in, coupon)
    shown = ask(signed_in, coupon, place_of(coupon, shopper)).content.decode()
    assert shown.strip().startswith('<div class="queue-place"')
    assert 'hx-trigger="every 1s"' in shown


def test_the_answer_takes_the_place_of_the_ticket(signed_in: Client, shopper: User, coupon: Coupon) -> None:
    claim(signed_in, coupon)
    place = place_of(coupon, shopper)
    grant(coupon)

    answer = ask(signed_in, coupon, place, query="?on_page=1")

    shown = answer.content.decode()
    assert answer["HX-Retarget"] == f"#coupon-{coupon.public_id}"
    assert f'id="coupon-{coupon.public_id}"' in shown
    assert "<h1" in shown
    assert "To wallet" in shown
    assert "It is yours! You find it in your wallet." in shown


def test_a_refusal_is_told_also_to_whoever_comes_back(signed_in: Client, shopper: User, coupon: Coupon) -> None:
    claim(factory_client(), coupon)
    claim(signed_in, coupon)
    place = place_of(coupon, shopper)
    grant(coupon)

    answer = ask(signed_in, coupon, place)

    assert answer.status_code == 200
    assert answer["HX-Retarget"] == f"#coupon-{coupon.public_id}"
    for shown in (answer.content.decode(), signed_in.get(coupon.get_absolute_url()).content.decode()):
        assert "All coupons have been claimed." in shown
        assert "It is yours" not in shown


def factory_client() -> Client:
    client = Client()
    client.force_login(factories.make_shopper(), backend="users.backends.IdentifierBackend")
    return client


def test_whoever_comes_back_finds_the_same_place(signed_in: Client, shopper: User, coupon: Coupon) -> None:
    claim(signed_in, coupon)
    place = place_of(coupon, shopper)
    for address in (coupon.get_absolute_url(), reverse("coupons:showcase")):
        shown = signed_in.get(address).content.decode()
        assert "You are number 1 in the queue" in shown
        assert str(place) in shown
    assert "in the queue" not in factory_client().get(coupon.get_absolute_url()).content.decode()
    # A page from before, still with its button.
    claim(signed_in, coupon)
    assert Queue(coupon.public_id).length() == 1


def test_without_scripts_loading_the_page_again_is_enough(signed_in: Client, coupon: Coupon) -> None:
    answer = claim(signed_in, coupon, htmx=False)
    assert answer["Location"] == coupon.get_absolute_url()
    shown = signed_in.get(answer["Location"]).content.decode()
    assert "You are number 1 in the queue. Nothing is claimed yet." in shown
    assert "See how it stands" in shown

    grant(coupon)
    shown = signed_in.get(coupon.get_absolute_url()).content.decode()
    assert "in the queue" not in shown
    assert "To wallet" in shown


def test_a_lost_place_says_to_try_again(signed_in: Client, shopper: User, coupon: Coupon) -> None:
    claim(signed_in, coupon)
    place = place_of(coupon, shopper)
    get_redis_connection("default").flushdb()

    shown = ask(signed_in, coupon, place).content.decode()

    assert "Your place in the queue was lost. Nothing was claimed: please try again." in shown
    assert "<form" in shown


def test_nobody_asks_after_anothers_place(signed_in: Client, shopper: User, coupon: Coupon) -> None:
    claim(signed_in, coupon)
    place = place_of(coupon, shopper)
    assert ask(factory_client(), coupon, place).status_code == 404
    assert ask(signed_in, coupon, uuid4()).status_code == 404
    assert ask(Client(), coupon, place).status_code == 302
    assert ask(signed_in, coupon, place, htmx=False)["Location"] == coupon.get_absolute_url()


def test_the_same_form_twice_is_one_place_and_after_the_answer_no_second(signed_in: Client, coupon: Coupon) -> None:
    key = str(uuid4())
    claim(signed_in, coupon, key=key)
    claim(signed_in, coupon, key=key)
    assert Queue(coupon.public_id).length() == 1
    grant(coupon)
    assert "It is yours" in claim(signed_in, coupon, key=key).content.decode()
    assert "become too old" in claim(signed_in, factories.make_coupon(is_queued=True), key=key).content.decode()


@pytest.mark.reliability(21)
def test_without_redis_a_click_claims(
    signed_in: Client, shopper: User, coupon: Coupon, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(signed_in, coupon)
    place = place_of(coupon, shopper)
    monkeypatch.setattr(gate_connection, "breaker", CircuitBreaker("gate"))
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    # The page keeps what it shows while nobody knows.
    assert ask(signed_in, coupon, place).status_code == 204
    assert "It is yours" in claim(signed_in, coupon).content.decode()
    assert Claim.objects.get().shopper == shopper
