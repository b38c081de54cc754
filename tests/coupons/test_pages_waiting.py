"""The waiting list on a coupon's page and ticket."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from coupons.models import Coupon, Envelope, WaitingEntry
from coupons.services.stock import stock_top_up
from coupons.services.waiting import waiting_join
from tests import factories
from tests.factories import NOW
from users.models import User

HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client: Client, shopper: User) -> Client:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon(stock=0)


def press(client: Client, button: str, coupon: Coupon, *, htmx: bool = True, **fields: str):
    address = reverse(f"coupons:waiting_{button}", args=[coupon.public_id])
    return client.post(address, fields, headers=HTMX if htmx else {})


def page(client: Client, coupon: Coupon) -> str:
    return client.get(coupon.get_absolute_url()).content.decode()


class TestButton:
    def test_is_on_the_page_and_the_ticket_of_a_sold_out_coupon(self, signed_in: Client, coupon: Coupon) -> None:
        for address in (coupon.get_absolute_url(), reverse("coupons:showcase")):
            assert "Join the waiting list" in signed_in.get(address).content.decode()

    def test_leads_a_stranger_to_sign_in(self, client: Client, coupon: Coupon) -> None:
        assert "Join the waiting list" in page(client, coupon)
        response = press(client, "join", coupon, htmx=False)
        assert response.status_code == 302
        assert response["Location"].endswith(f"?next={coupon.get_absolute_url()}")

    @pytest.mark.parametrize("state", ["scheduled", "paused", "ended"])
    def test_is_not_there_unless_the_coupon_is_open(self, signed_in: Client, state: str) -> None:
        assert "waiting list" not in page(signed_in, factories.make_coupon(stock=0, state=state))

    def test_is_not_there_while_some_are_left(self, signed_in: Client) -> None:
        assert "waiting list" not in page(signed_in, factories.make_coupon(stock=1))

    def test_is_not_there_where_nobody_can_be_granted_one(self, signed_in: Client, coupon: Coupon) -> None:
        Envelope.objects.create(
            coupon=coupon, amount_minimum=5_00, amount_maximum=30_00, amount_step=1_00, spend_maximum=240_00
        )
        assert "waiting list" not in page(signed_in, coupon)
        assert "waiting list" not in page(signed_in, factories.make_coupon(stock=0, handout="code"))


class TestPressing:
    def test_tells_the_place_and_offers_to_leave(self, signed_in: Client, shopper: User, coupon: Coupon) -> None:
        waiting_join(coupon=coupon, shopper=factories.make_shopper(), now=NOW)
        ticket = press(signed_in, "join", coupon, on_page="1").content.decode()
        assert "You are number 2 on the waiting list" in ticket
        assert "Leave the waiting list" in ticket
        assert 'id="announcer"' in ticket
        assert WaitingEntry.objects.filter(shopper=shopper).count() == 1

    def test_twice_keeps_the_place(self, signed_in: Client, coupon: Coupon) -> None:
        press(signed_in, "join", coupon)
        assert "You are number 1" in press(signed_in, "join", coupon).content.decode()
        assert WaitingEntry.objects.count() == 1

    def test_leave_leaves(self, signed_in: Client, coupon: Coupon) -> None:
        press(signed_in, "join", coupon)
        ticket = press(signed_in, "leave", coupon).content.decode()
        assert "Join the waiting list" in ticket
        assert WaitingEntry.objects.get().state == "left"

    def test_works_without_scripts(self, signed_in: Client, coupon: Coupon) -> None:
        response = press(signed_in, "join", coupon, htmx=False)
        assert response["Location"] == coupon.get_absolute_url()
        assert "We tell you when you get one." in page(signed_in, coupon)
        press(signed_in, "leave", coupon, htmx=False)
        assert "You have left the waiting list." in page(signed_in, coupon)

    def test_a_refusal_says_why(self, signed_in: Client, coupon: Coupon) -> None:
        stock_top_up(coupon=coupon, quantity=1, actor=None, now=NOW)
        response = press(signed_in, "join", coupon)
        assert response.status_code == 409
        assert "This coupon is not sold out" in response.content.decode()
        assert "This coupon is not sold out" not in page(signed_in, coupon)
        press(signed_in, "join", coupon, htmx=False)
        assert "This coupon is not sold out" in page(signed_in, coupon)

    def test_a_draft_is_not_found(self, signed_in: Client) -> None:
        draft = factories.make_coupon(stock=0, state="draft")
        assert {press(signed_in, button, draft).status_code for button in ("join", "leave")} == {404}

    def test_needs_the_pages_token(self, shopper: User, coupon: Coupon) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        assert press(client, "join", coupon).status_code == 403
        assert not WaitingEntry.objects.exists()


def test_while_stock_returns_who_waits_still_sees_the_place(signed_in: Client, shopper: User, coupon: Coupon) -> None:
    waiting_join(coupon=coupon, shopper=shopper, now=NOW)
    stock_top_up(coupon=coupon, quantity=1, actor=None, now=NOW)
    assert "You are number 1 on the waiting list" in page(signed_in, coupon)


def test_it_speaks_chinese(signed_in: Client, shopper: User, coupon: Coupon) -> None:
    shopper.language = "zh-hans"
    shopper.save(update_fields=["language"])
    signed_in.cookies["django_language"] = "zh-hans"
    assert "加入候补" in page(signed_in, coupon)
    press(signed_in, "join", coupon)
    assert "你排在候补名单第 1 位" in page(signed_in, coupon)
