"""The wallet, its code box, the cart's frame and the pages of orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from coupons.enums import ClaimState
from coupons.models import Claim
from coupons.services.orders import order_lock, order_redeem
from coupons.web.tickets import claim_tickets
from tests import factories
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client: Client, shopper: User) -> Client:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


def wallet(client: Client, headers: dict[str, str] | None = None, **asked: str) -> str:
    answer = client.get(reverse("coupons:wallet"), asked, headers=headers or {})
    assert answer.status_code == 200
    return answer.content.decode()


def order_with(claim: Claim, **fields):
    shopper = claim.shopper
    return order_lock(
        shopper=shopper,
        reference=f"order-{claim.pk}",
        items=[factories.cart_item(quantity=2)],
        claim_ids=[claim.public_id],
        now=NOW,
        **fields,
    )


class TestWallet:
    def test_is_for_its_owner(self, client: Client, signed_in: Client, outsider: User) -> None:
        factories.make_claim(shopper=outsider, title_en="Not yours")
        assert "Not yours" not in wallet(signed_in)
        answer = Client().get(reverse("coupons:wallet"))
        assert answer["Location"] == f"{reverse('users:sign_in')}?next={reverse('coupons:wallet')}"

    def test_every_claim_is_in_its_tab(self, signed_in: Client, shopper: User) -> None:
        now = datetime.now(UTC)
        factories.make_claim(shopper=shopper, title_en="Usable one", now=now)
        factories.make_claim(shopper=shopper, title_en="Later one", usable_from=now + timedelta(days=2), now=now)
        over = factories.make_coupon(title_en="Late one", usable_days=1)
        factories.make_claim(shopper=shopper, coupon=over, now=now - timedelta(days=3))
        order_redeem(order=order_with(factories.make_claim(shopper=shopper, title_en="Spent one")), now=NOW)
        titles = {"usable": "Usable one", "upcoming": "Later one", "past": "Late one", "used": "Spent one"}
        for tab, title in titles.items():
            page = wallet(signed_in, tab=tab)
            assert [name for name in titles.values() if name in page] == [title]

    def test_a_claim_on_an_unpaid_order_leads_there(self, signed_in: Client, shopper: User) -> None:
        order = order_with(factories.make_claim(shopper=shopper))
        page = wallet(signed_in)
        assert "On an order that awaits payment" in page
        assert reverse("coupons:order", args=[order.public_id]) in page
        assert "?use=" not in page

    def test_use_it_leads_to_the_cart(self, signed_in: Client, shopper: User) -> None:
        claim = factories.make_claim(shopper=shopper)
        assert f"{reverse('coupons:cart')}?use={claim.public_id}" in wallet(signed_in)

    def test_an_unknown_tab_is_the_first(self, signed_in: Client) -> None:
        assert "Nothing to use yet" in wallet(signed_in, tab="\0", page="x")

    def test_htmx_gets_the_tab_and_the_next_page_alone(self, signed_in: Client, shopper: User) -> None:
        coupon = factories.make_coupon(limit_per_shopper=30)
        for _number in range(23):
            factories.make_claim(shopper=shopper, coupon=coupon)
        tab = wallet(signed_in, {"HX-Request": "true", "HX-Target": "wallet"})
        more = wallet(signed_in, {"HX-Request": "true", "HX-Target": "more"}, page="2")
        assert (tab.count("<article"), more.count("<article")) == (20, 3)
        assert "<html" not in tab
        assert 'class="tabs"' in tab
        assert 'class="tabs"' not in more

    def test_queries_do_not_grow_with_claims(self, signed_in: Client, shopper: User) -> None:
        factories.make_claim(shopper=shopper)
        wallet(signed_in)
        with CaptureQueriesContext(connection) as few:
            wallet(signed_in)
        for _number in range(15):
            factories.make_claim(shopper=shopper)
        with CaptureQueriesContext(connection) as many:
            wallet(signed_in)
        assert len(many) == len(few)


class TestTickets:
    def ticket(self, **left: float):
        claim = factories.make_claim(usable_until=NOW + timedelta(**left))
        return claim_tickets([claim], now=NOW)[0]

    def test_warn_on_the_last_evening(self) -> None:
        # It is noon in the shop: twelve hours are left of today.
        assert self.ticket(hours=12).expires_tonight
        assert not self.ticket(hours=12, seconds=1).expires_tonight

    def test_count_down_the_last_three_days(self) -> None:
        assert self.ticket(days=3).ends_soon
        assert not self.ticket(days=3, seconds=1).ends_soon

    def test_expire_by_the_clock_before_any_job_has_run(self) -> None:
        claim = factories.make_claim(usable_until=NOW + timedelta(hours=1))
        ticket = claim_tickets([claim], now=NOW + timedelta(hours=1))[0]
        assert ticket.state == ClaimState.EXPIRED
        assert ticket.is_dimmed
        assert not ticket.is_usable


class TestCodeBox:
    def enter(self, client: Client, code: str, key: str | None = None):
        return client.post(reverse("coupons:claim_code"), {"code": code, "key": key or str(uuid4())})

    def test_a_right_code_is_a_coupon_in_the_wallet(self, signed_in: Client, shopper: User) -> None:
        factories.make_code(text="WELCOME2026")
        answer = self.enter(signed_in, "welcome-2O26")
        assert answer["Location"] == reverse("coupons:wallet")
        assert Claim.objects.get().shopper == shopper

    def test_a_wrong_code_says_only_that(self, signed_in: Client) -> None:
        factories.make_code(coupon=factories.make_coupon(state="draft"), text="NOTYET")
        for code in ("WRONG", "NOTYET", "", "\0", "<b>"):
            answer = self.enter(signed_in, code)
            assert answer.status_code == 422
            assert "This code is not valid." in answer.content.decode()
            assert "<b>" not in answer.content.decode()

    def test_the_same_form_twice_is_one_claim(self, signed_in: Client) -> None:
        factories.make_code(coupon=factories.make_coupon(handout="code", limit_per_shopper=5), text="WELCOME2026")
        key = str(uuid4())
        assert [self.enter(signed_in, "WELCOME2026", key).status_code for _click in range(2)] == [302, 302]
        assert Claim.objects.count() == 1

    def test_a_stranger_signs_in_and_finds_the_box(self, client: Client) -> None:
        answer = self.enter(client, "WELCOME2026")
        assert answer["Location"] == f"{reverse('users:sign_in')}?next={reverse('coupons:wallet')}"


class TestCart:
    def test_is_a_frame_that_knows_currency_and_choice(self, signed_in: Client) -> None:
        page = signed_in.get(reverse("coupons:cart"), {"use": '"><script>'}).content.decode()
        assert 'data-currency="CNY"' in page
        assert "<script>" not in page
        assert "Place order" in page

    def test_orders_only_where_the_demo_checkout_is_on(self, signed_in: Client, settings: Settings) -> None:
        settings.DEMO_CHECKOUT = False
        assert "Place order" not in signed_in.get(reverse("coupons:cart")).content.decode()

    def test_is_for_shoppers(self, client: Client) -> None:
        assert client.get(reverse("coupons:cart")).status_code == 302


class TestOrder:
    def test_shows_lines_and_what_each_coupon_took_off(self, signed_in: Client, shopper: User) -> None:
        order = order_with(factories.make_claim(shopper=shopper, title_en="Ten off"))
        page = signed_in.get(reverse("coupons:order", args=[order.public_id])).content.decode()
        for words in ("Ten off", "−¥10.00", "¥200.00", "¥190.00", "Awaiting payment", 'data-action="redeem"'):
            assert words in page

    def test_is_its_shoppers_alone(self, signed_in: Client, outsider: User) -> None:
        order = order_with(factories.make_claim(shopper=outsider))
        assert signed_in.get(reverse("coupons:order", args=[order.public_id])).status_code == 404
        assert signed_in.get(reverse("coupons:order", args=[uuid4()])).status_code == 404
        assert Client().get(reverse("coupons:order", args=[order.public_id])).status_code == 302

    def test_a_paid_order_can_be_returned_but_not_paid(self, signed_in: Client, shopper: User) -> None:
        order = order_redeem(order=order_with(factories.make_claim(shopper=shopper)), now=NOW)
        page = signed_in.get(reverse("coupons:order", args=[order.public_id])).content.decode()
        assert 'data-action="refund"' in page
        assert 'data-action="redeem"' not in page

    def test_has_no_buttons_where_the_demo_checkout_is_off(
        self, signed_in: Client, shopper: User, settings: Settings
    ) -> None:
        settings.DEMO_CHECKOUT = False
        order = order_with(factories.make_claim(shopper=shopper))
        assert "data-action" not in signed_in.get(reverse("coupons:order", args=[order.public_id])).content.decode()
