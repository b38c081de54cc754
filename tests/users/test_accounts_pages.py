"""Signing up, in and out, the account page and the choice of language, as a browser meets them."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests import factories
from tests.factories import PASSWORD
from users.models import User

SIGN_UP = {"name": "Li Wei", "identifier": "li.wei@example.com", "password": "salted plums 9"}

pytestmark = pytest.mark.django_db


def sign_up(client: Client, **fields: str):
    return client.post(reverse("users:sign_up"), {**SIGN_UP, **fields})


def sign_in(client: Client, username: str, password: str = PASSWORD, **fields: str):
    return client.post(reverse("users:sign_in"), {"username": username, "password": password, **fields})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


class TestSignUp:
    def test_opens_an_account_and_goes_back_to_the_coupon(self, client: Client) -> None:
        answer = sign_up(client, next="/wallet/")
        assert answer.status_code == 302
        assert answer["Location"] == "/wallet/"
        assert is_signed_in(client)
        assert User.objects.with_email("li.wei@example.com").get().language == "en"

    def test_keeps_the_language_of_the_page(self, client: Client) -> None:
        client.cookies["django_language"] = "zh-hans"
        sign_up(client)
        assert User.objects.get().language == "zh-hans"

    def test_takes_a_phone_number(self, client: Client) -> None:
        sign_up(client, identifier="+86 138 0013 8000")
        assert User.objects.with_phone("+8613800138000").exists()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"identifier": "neither"},
            {"identifier": "a@b"},
            {"identifier": "12345"},
            {"identifier": "li\0wei@example.com"},
            {"identifier": "x" * 300 + "@example.com"},
            {"password": "12345678"},
            {"password": "short"},
            {"password": "x" * 300},
            {"name": ""},
            {"name": "x" * 81},
        ],
    )
    def test_says_what_is_wrong(self, client: Client, wrong: dict[str, str]) -> None:
        answer = sign_up(client, **wrong)
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == list(wrong)
        assert not User.objects.exists()

    def test_a_taken_address_is_an_error_of_the_form(self, client: Client) -> None:
        factories.make_shopper(email="li.wei@example.com")
        answer = sign_up(client)
        assert answer.status_code == 422
        assert "cannot be used for a new account" in answer.content.decode()
        assert not is_signed_in(client)

    def test_never_writes_the_password_back(self, client: Client) -> None:
        assert "salted plums" not in sign_up(client, identifier="neither").content.decode()

    def test_needs_the_token_of_the_page(self) -> None:
        answer = sign_up(Client(enforce_csrf_checks=True))
        assert answer.status_code == 403
        assert "too old" in answer.content.decode()


class TestSignIn:
    @pytest.mark.parametrize("identifier", ["mei", "MEI@example.com", "138 0013 8000"])
    def test_by_user_name_address_or_phone(self, client: Client, identifier: str) -> None:
        factories.make_shopper(username="mei", email="mei@example.com", phone="13800138000", password=PASSWORD)
        assert sign_in(client, identifier).status_code == 302
        assert is_signed_in(client)

    def test_one_answer_for_a_wrong_password_and_for_no_account(self, client: Client) -> None:
        factories.make_shopper(username="mei", password=PASSWORD)
        factories.make_shopper(username="gone", password=PASSWORD, is_active=False)
        pages = [
            re.sub(r'(csrfmiddlewaretoken" value|name="username" value)="[^"]*"', "", page.content.decode())
            for page in (sign_in(client, "mei", "wrong"), sign_in(client, "nobody", "wrong"), sign_in(client, "gone"))
        ]
        assert "do not match" in pages[0]
        assert len(set(pages)) == 1

    @pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/accounts/sign-in/", ""])
    def test_goes_only_to_pages_of_this_site(self, client: Client, elsewhere: str) -> None:
        factories.make_shopper(username="mei", password=PASSWORD)
        assert sign_in(client, "mei", next=elsewhere)["Location"] == reverse("coupons:showcase")

    def test_who_is_signed_in_is_sent_on(self, client: Client, shopper: User) -> None:
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        for name in ("users:sign_in", "users:sign_up"):
            address = reverse(name)
            assert client.get(address, {"next": address})["Location"] == reverse("coupons:showcase")

    def test_brings_the_language_of_the_account(self, client: Client) -> None:
        factories.make_shopper(username="mei", password=PASSWORD, language="zh-hans")
        sign_in(client, "mei")
        assert client.cookies["django_language"].value == "zh-hans"

    def test_a_language_chosen_in_this_browser_stays(self, client: Client) -> None:
        factories.make_shopper(username="mei", password=PASSWORD, language="zh-hans")
        client.cookies["django_language"] = "en"
        sign_in(client, "mei")
        assert client.cookies["django_language"].value == "en"

    def test_locks_out_after_many_wrong_passwords(self, client: Client, settings: Settings) -> None:
        settings.AXES_ENABLED = True
        factories.make_shopper(username="mei", password=PASSWORD)
        answers = [sign_in(client, "mei", "wrong") for _attempt in range(settings.AXES_FAILURE_LIMIT)]
        assert answers[-1].status_code == 429
        assert "Too many attempts" in answers[-1].content.decode()
        assert sign_in(client, "mei").status_code == 429
        assert not is_signed_in(client)

    def test_other_spellings_of_a_number_give_no_further_tries(self, client: Client, settings: Settings) -> None:
        settings.AXES_ENABLED = True
        factories.make_shopper(phone="+8613800138000", password=PASSWORD)
        spellings = ["+86" + "-" * number + "138 0013 8000" for number in range(settings.AXES_FAILURE_LIMIT)]
        answers = [sign_in(client, spelling, "wrong") for spelling in spellings]
        assert answers[-1].status_code == 429


class TestSignOut:
    def test_ends_the_session(self, client: Client, shopper: User) -> None:
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        assert client.post(reverse("users:sign_out")).status_code == 302
        assert not is_signed_in(client)

    def test_a_link_cannot_do_it(self, client: Client, shopper: User) -> None:
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        assert client.get(reverse("users:sign_out")).status_code == 405
        assert is_signed_in(client)


class TestAccount:
    @pytest.fixture
    def signed_in(self, client: Client, shopper: User) -> Client:
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        return client

    def fields(self, shopper: User, **changes: str) -> dict[str, str]:
        known = {"name": "Mei", "email": shopper.email, "phone": "", "birthday": "", "language": "en"}
        return {**known, **changes}

    def test_is_for_its_owner_only(self, client: Client) -> None:
        assert client.get(reverse("users:account"))["Location"].startswith(reverse("users:sign_in"))

    def test_saves_and_shows_what_was_saved(self, signed_in: Client, shopper: User) -> None:
        fields = self.fields(shopper, name="Mei Lin", phone="138 0013 8000", birthday="1990-05-06")
        answer = signed_in.post(reverse("users:account"), fields, follow=True)
        page = answer.content.decode()
        assert 'value="1990-05-06"' in page
        assert 'value="13800138000"' in page
        assert "Your account is saved." in page
        shopper.refresh_from_db()
        # The box for reminders was not ticked.
        assert not shopper.wants_reminders

    def test_a_changed_language_shows_at_once(self, signed_in: Client, shopper: User) -> None:
        answer = signed_in.post(reverse("users:account"), self.fields(shopper, language="zh-hans"), follow=True)
        assert '<html lang="zh-hans">' in answer.content.decode()

    @pytest.mark.parametrize(
        ("field", "value"),
        [("birthday", "2999-01-01"), ("birthday", "1700-01-01"), ("birthday", "soon"), ("phone", "call me"),
         ("email", "nobody"), ("language", "tlh"), ("name", "x" * 81)],
    )  # fmt: skip
    def test_says_what_is_wrong(self, signed_in: Client, shopper: User, field: str, value: str) -> None:
        answer = signed_in.post(reverse("users:account"), self.fields(shopper, **{field: value}))
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == [field]

    def test_keeps_one_way_to_sign_in(self, signed_in: Client, shopper: User) -> None:
        answer = signed_in.post(reverse("users:account"), self.fields(shopper, email=""))
        assert answer.status_code == 422
        assert "you sign in with it" in answer.content.decode()

    def test_another_ones_address_is_an_error_of_the_form(
        self, signed_in: Client, shopper: User, outsider: User
    ) -> None:
        answer = signed_in.post(reverse("users:account"), self.fields(shopper, email=outsider.email))
        assert answer.status_code == 422
        assert "email" in answer.context["form"].errors

    def test_ignores_what_is_not_the_owners_to_set(self, signed_in: Client, shopper: User) -> None:
        signed_in.post(reverse("users:account"), {**self.fields(shopper), "is_staff": "on", "username": "root"})
        shopper.refresh_from_db()
        assert not shopper.is_staff
        assert shopper.username != "root"
        assert not mail.outbox


class TestLanguage:
    def test_switches_pages_and_messages(self, client: Client, shopper: User) -> None:
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        answer = client.post(reverse("users:language"), {"language": "zh-hans", "next": "/wallet/"}, follow=True)
        assert '<html lang="zh-hans">' in answer.content.decode()
        shopper.refresh_from_db()
        assert shopper.language == "zh-hans"

    def test_an_unknown_language_changes_nothing(self, client: Client, shopper: User) -> None:
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        client.post(reverse("users:language"), {"language": "tlh"})
        shopper.refresh_from_db()
        assert shopper.language == "en"

    def test_does_not_lead_elsewhere(self, client: Client) -> None:
        answer = client.post(reverse("users:language"), {"language": "en", "next": "https://evil.example/"})
        assert "evil" not in answer["Location"]
