"""Signing in by a one-time code, as a browser meets it."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests import factories
from tests.users.codes import MEI, last_digits, wrong
from users.models import User

ADDRESS, DIGITS = reverse("users:one_time_address"), reverse("users:one_time_digits")

pytestmark = pytest.mark.django_db


def ask(client: Client, address: str = MEI, **fields: str):
    return client.post(ADDRESS, {"address": address, **fields})


def answer(client: Client, digits: str, **fields: str):
    return client.post(DIGITS, {"digits": digits, **fields})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def plain(page) -> str:
    """The page without what the visitor's own token and typing make different."""
    return re.sub(r'(csrfmiddlewaretoken"|name="(address|digits)") value="[^"]*"', "", page.content.decode())


def test_the_sign_in_page_leads_here_and_back(client: Client) -> None:
    page = client.get(reverse("users:sign_in"), {"next": "/wallet/"}).content.decode()
    assert f'href="{ADDRESS}?next=/wallet/"' in page
    asked = ask(client, next="/wallet/")
    assert asked["Location"] == f"{DIGITS}?next=%2Fwallet%2F"
    assert 'name="next" value="/wallet/"' in client.get(asked["Location"]).content.decode()
    answered = answer(client, last_digits(), next="/wallet/")
    assert answered["Location"] == "/wallet/"
    assert is_signed_in(client)


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", ADDRESS, DIGITS, ""])
def test_goes_only_to_pages_of_this_site(client: Client, elsewhere: str) -> None:
    ask(client)
    assert answer(client, last_digits(), next=elsewhere)["Location"] == reverse("coupons:showcase")


def test_who_came_by_a_code_comes_again_by_a_code(client: Client) -> None:
    ask(client)
    answer(client, last_digits())
    mei = User.objects.get()
    again = Client()
    # The minute is over.
    cache.clear()
    ask(again)
    answer(again, last_digits())
    assert again.session["_auth_user_id"] == str(mei.pk)
    assert User.objects.count() == 1


def test_nobody_learns_who_is_registered(settings: Settings) -> None:
    settings.ONE_TIME_CODES_PER_ADDRESS = 100
    factories.make_shopper(email=MEI)
    factories.make_marketer(email="staff@example.com")
    factories.make_shopper(email="gone@example.com", is_active=False)
    seen = set()
    for address in (MEI, "nobody@example.com", "staff@example.com", "gone@example.com"):
        client = Client()
        asked = ask(client, address)
        seen.add(
            (
                asked.status_code,
                asked["Location"],
                asked.content,
                plain(client.get(DIGITS)),
                plain(answer(client, wrong(last_digits()))),
                plain(ask(client, address)),
                plain(ask(Client(), address)),
            )
        )
    assert len(seen) == 1
    assert len(mail.outbox) == 4


def test_the_session_begins_anew_and_so_does_the_token_of_the_pages(client: Client) -> None:
    session = client.session
    session["before"] = 1
    session.save()
    before = session.session_key
    ask(client)
    client.get(DIGITS)
    token = client.cookies["csrftoken"].value
    answer(client, last_digits())
    assert client.session.session_key != before
    assert client.cookies["csrftoken"].value != token


@pytest.mark.parametrize("address", [ADDRESS, DIGITS])
def test_needs_the_token_of_the_page(client: Client, address: str) -> None:
    ask(client)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(address, {"address": MEI, "digits": last_digits()}).status_code == 403
    assert not is_signed_in(client)


def test_a_wrong_code_can_be_tried_again_and_is_never_written_into_the_address(client: Client) -> None:
    ask(client)
    digits = last_digits()
    refused = answer(client, wrong(digits))
    assert refused.status_code == 422
    assert "not the code that we sent" in refused.content.decode()
    assert not is_signed_in(client)
    assert answer(client, digits).status_code == 302
    assert is_signed_in(client)


def test_the_code_works_only_in_the_browser_that_asked_for_it(client: Client) -> None:
    ask(client)
    stranger = Client()
    assert answer(stranger, last_digits())["Location"] == ADDRESS
    stranger.cookies["one_time_code"] = client.cookies["one_time_code"].value.replace("a", "b", 1) + "x"
    assert answer(stranger, last_digits())["Location"] == ADDRESS
    assert not is_signed_in(stranger)


def test_asking_again_at_once_leads_to_the_code_that_is_on_its_way(client: Client) -> None:
    ask(client)
    again = client.post(ADDRESS, {"address": MEI}, follow=True)
    assert again.redirect_chain[-1][0] == DIGITS
    assert "A code is on its way already." in again.content.decode()
    elsewhere = ask(Client())
    assert elsewhere.status_code == 429
    assert 0 < int(elsewhere["Retry-After"]) <= 60
    assert len(mail.outbox) == 1


def test_a_phone_is_told_honestly_that_there_are_no_text_messages(client: Client) -> None:
    page = ask(client, "138 0013 8000")
    assert page.status_code == 422
    assert "cannot send text messages yet" in page.content.decode()


@pytest.mark.parametrize("address", ["neither", "a@b", "", "li\0wei@example.com", "x" * 300 + "@example.com"])
def test_says_what_is_wrong_with_an_address(client: Client, address: str) -> None:
    page = ask(client, address)
    assert page.status_code == 422
    assert list(page.context["form"].errors) == ["address"]
    assert not mail.outbox


def test_staff_sign_in_with_their_password(client: Client) -> None:
    factories.make_marketer(email=MEI)
    ask(client)
    page = answer(client, last_digits())
    assert page.status_code == 422
    assert "cannot sign in with a code" in page.content.decode()
    assert not is_signed_in(client)


def test_who_is_signed_in_is_sent_on(client: Client, shopper: User) -> None:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    for address in (ADDRESS, DIGITS):
        assert client.get(address)["Location"] == reverse("coupons:showcase")


def test_speaks_chinese(client: Client) -> None:
    client.cookies["django_language"] = "zh-hans"
    assert "验证码" in client.get(ADDRESS).content.decode()
    ask(client)
    assert "六位" in client.get(DIGITS).content.decode()
    answer(client, last_digits())
    assert User.objects.get().language == "zh-hans"
