"""From a stranger on a coupon's page to a coupon in the wallet, by a code and without a password."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from coupons.models import Claim, Coupon
from tests import factories
from tests.users.codes import MEI, last_digits
from users.models import User

pytestmark = pytest.mark.django_db


def ask(client: Client, coupon: Coupon, address: str = MEI):
    return client.post(reverse("coupons:quick_claim", args=[coupon.public_id]), {"address": address})


def answer(client: Client, coupon: Coupon, digits: str, **options: bool):
    return client.post(reverse("coupons:quick_claim_code", args=[coupon.public_id]), {"digits": digits}, **options)


def test_a_stranger_types_an_address_and_a_code_and_has_the_coupon(client: Client, coupon: Coupon) -> None:
    page = client.get(coupon.get_absolute_url()).content.decode()
    assert f'action="{reverse("coupons:quick_claim", args=[coupon.public_id])}"' in page
    asked = ask(client, coupon)
    assert asked["Location"] == reverse("coupons:quick_claim_code", args=[coupon.public_id])
    assert coupon.title in client.get(asked["Location"]).content.decode()
    wallet = answer(client, coupon, last_digits(), follow=True)
    assert wallet.redirect_chain[-1][0] == reverse("coupons:wallet")
    assert "It is yours!" in wallet.content.decode()
    assert coupon.title in wallet.content.decode()
    claim = Claim.objects.get()
    assert (claim.coupon, claim.shopper.email, claim.channel) == (coupon, MEI, "web")
    assert not claim.shopper.has_usable_password()


def test_a_known_shopper_gets_it_into_the_account_there_is(client: Client, coupon: Coupon) -> None:
    mei = factories.make_shopper(email=MEI)
    ask(client, coupon)
    answer(client, coupon, last_digits())
    assert Claim.objects.get().shopper == mei


def test_a_refusal_is_precise_and_the_shopper_is_signed_in(client: Client) -> None:
    coupon = factories.make_coupon(audience="tagged", audience_tag="vip")
    ask(client, coupon)
    page = answer(client, coupon, last_digits(), follow=True)
    assert page.redirect_chain[-1][0] == coupon.get_absolute_url()
    assert "selected shoppers only" in page.content.decode()
    assert "_auth_user_id" in client.session
    assert not Claim.objects.exists()


def test_what_was_claimed_before_is_not_claimed_again(client: Client, coupon: Coupon) -> None:
    factories.make_claim(coupon=coupon, shopper=factories.make_shopper(email=MEI))
    ask(client, coupon)
    page = answer(client, coupon, last_digits(), follow=True)
    assert "as often as allowed" in page.content.decode()
    assert Claim.objects.count() == 1


def test_claims_nothing_before_the_code_is_right(client: Client, coupon: Coupon) -> None:
    ask(client, coupon)
    assert answer(client, coupon, "no code").status_code == 422
    assert not User.objects.exists()
    assert not Claim.objects.exists()


def test_counts_against_the_rate_of_claims(client: Client, coupon: Coupon, settings: Settings) -> None:
    settings.RATE_LIMITS = {"claims": {"key": 1, "shopper": 9, "address": 1}}
    ask(client, coupon)
    answer(client, coupon, last_digits())
    other, neighbour = factories.make_coupon(), Client()
    ask(neighbour, other, "neighbour@example.com")
    assert answer(neighbour, other, last_digits()).status_code == 429
    assert Claim.objects.count() == 1


@pytest.mark.parametrize("fields", [{"state": "scheduled"}, {"state": "ended"}, {"handout": "code"}])
def test_a_coupon_that_cannot_be_claimed_says_so_on_its_page(client: Client, fields: dict[str, str]) -> None:
    coupon = factories.make_coupon(**fields)
    assert "quick-claim" not in client.get(coupon.get_absolute_url()).content.decode()
    assert ask(client, coupon)["Location"] == coupon.get_absolute_url()
    assert not mail.outbox


def test_a_draft_is_nobodys_to_see(client: Client) -> None:
    assert ask(client, factories.make_coupon(state="draft")).status_code == 404


def test_who_is_signed_in_uses_the_button(client: Client, shopper: User, coupon: Coupon) -> None:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    assert "quick-claim" not in client.get(coupon.get_absolute_url()).content.decode()
    assert ask(client, coupon)["Location"] == coupon.get_absolute_url()
