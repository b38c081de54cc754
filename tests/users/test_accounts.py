"""What an account's owner may do with it, down to two people who want the same address at once."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.test import Client

from tests import factories
from tests.factories import NOW, PASSWORD
from users.errors import EmailTaken, PhoneTaken
from users.models import User
from users.services.accounts import account_create, account_update


def create(**fields: Any) -> User:
    fields.setdefault("name", "Li Wei")
    fields.setdefault("email", "li.wei@example.com")
    return account_create(password=PASSWORD, language="en", now=NOW, **fields)


def update(user: User, **fields: Any) -> User:
    known = {"name": user.name, "email": user.email, "phone": user.phone, "birthday": user.birthday}
    return account_update(user=user, **{**known, "language": "en", "wants_reminders": True, **fields})


@pytest.mark.django_db
class TestOpening:
    def test_keeps_what_was_typed_in_one_canonical_form(self) -> None:
        user = create(email=" Li.Wei@EXAMPLE.com ", phone="+86 138-0013-8000")
        user.refresh_from_db()
        assert (user.name, user.email, user.phone) == ("Li Wei", "li.wei@example.com", "+8613800138000")
        assert user.joined_at == NOW
        assert user.check_password(PASSWORD)

    def test_gives_a_user_name_that_tells_nothing(self) -> None:
        assert "li" not in create().username.removeprefix("s-").lower().replace("l1", "")
        assert create(email="other@example.com").username != create(email="third@example.com").username

    def test_stores_no_personal_data_in_clear(self) -> None:
        user = create(phone="13800138000")
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, email, phone, username FROM users_user WHERE id = %s", [user.pk])
            stored = " ".join(cursor.fetchone())
        for plain in ("Li Wei", "li.wei", "example.com", "13800138000"):
            assert plain not in stored

    @pytest.mark.parametrize("spelling", ["li.wei@example.com", "LI.WEI@Example.com ", "ｌｉ.wei@example.com"])
    def test_refuses_an_address_that_has_an_account_in_any_spelling(self, spelling: str) -> None:
        create()
        with pytest.raises(EmailTaken):
            create(email=spelling)

    def test_refuses_a_phone_that_has_an_account(self) -> None:
        create(phone="138 0013 8000")
        with pytest.raises(PhoneTaken):
            create(email="", phone="13800138000")

    def test_people_without_an_address_do_not_collide(self) -> None:
        create(email="", phone="13800138000")
        create(email="", phone="13800138001")
        assert User.objects.count() == 2

    def test_the_database_itself_refuses_a_second_account(self) -> None:
        factories.make_shopper(email="mei@example.com")
        with pytest.raises(IntegrityError):
            factories.make_shopper(email="Mei@example.com")


@pytest.mark.django_db
class TestChanging:
    def test_changes_everything_and_finds_it_again(self, shopper: User) -> None:
        update(
            shopper,
            name="Mei Lin",
            email="new@example.com",
            phone="13800138000",
            birthday=date(1990, 5, 6),
            language="zh-hans",
            wants_reminders=False,
        )
        found = User.objects.with_email("NEW@example.com").get()
        assert found == shopper
        assert (found.name, found.birthday, found.language) == ("Mei Lin", date(1990, 5, 6), "zh-hans")
        assert not found.wants_reminders
        assert User.objects.with_phone("138 0013 8000").get() == shopper

    def test_keeping_the_own_address_is_no_collision(self, shopper: User) -> None:
        assert update(shopper, name="Mei Lin").email == shopper.email

    def test_refuses_another_ones_address_and_changes_nothing(self, shopper: User, outsider: User) -> None:
        with pytest.raises(EmailTaken):
            update(shopper, name="Changed", email=outsider.email)
        shopper.refresh_from_db()
        assert shopper.name == "Mei"

    def test_the_old_address_is_free_again(self, shopper: User) -> None:
        old = shopper.email
        update(shopper, email="new@example.com")
        assert create(email=old).pk


@pytest.mark.django_db
class TestUserNamesThatReadLikeAddresses:
    @pytest.fixture(autouse=True)
    def _operator(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)

    @pytest.mark.parametrize("username", ["boss@example.com", "100001"])
    def test_sign_in(self, client: Client, username: str) -> None:
        call_command("createsuperuser", username=username, interactive=False)
        assert client.login(username=username, password=PASSWORD)

    def test_are_not_taken_over_by_whoever_signs_up_with_the_address(self, client: Client) -> None:
        create(email="boss@example.com")
        call_command("createsuperuser", username="boss@example.com", interactive=False)
        named = User.objects.identified_by("boss@example.com").first()
        assert named is not None
        assert named.is_superuser
