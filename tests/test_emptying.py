"""After a test that committed, the database is as it was made, also where a test went for what migrations wrote."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from coupons.models import ClaimEntry
from tests import emptying, factories
from users.models import User


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_nothing_is_left_of_the_test_before(time: str) -> None:
    assert not User.objects.exists()
    assert not ClaimEntry.objects.exists()
    factories.make_claim()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_what_migrations_wrote_is_there_again(time: str) -> None:
    assert Permission.objects.filter(codename="view_coupon").exists()
    Permission.objects.all().delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite is emptied by Django")
def test_it_is_the_quick_way() -> None:
    assert emptying._made.keys() >= {"django_content_type", "auth_permission", "django_migrations"}
    factories.make_claim()
    filled = set(emptying._filled()) - emptying._made.keys()
    assert {"coupons_claim", "coupons_claimentry", "users_user"} <= filled
    assert connection.introspection.table_names()
