"""The shop's roles are there after every `migrate`, with what they may do today."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from users.roles import ANALYST, MARKETER, ROLES, give_role, give_roles

pytestmark = pytest.mark.django_db


def permissions_of(name: str) -> set[str]:
    found = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
    return {".".join(permission) for permission in found}


@pytest.mark.parametrize("name", ROLES)
def test_a_new_database_has_it(name: str) -> None:
    assert permissions_of(name) == set(ROLES[name])


def test_migrate_makes_what_is_missing_and_brings_the_rest_up_to_date() -> None:
    Group.objects.filter(name=ANALYST).delete()
    marketer = Group.objects.get(name=MARKETER)
    person = factories.make_shopper(is_staff=True)
    person.groups.add(marketer)
    marketer.permissions.set(Permission.objects.filter(codename__in=["delete_user", "view_coupon"]))

    call_command("migrate", verbosity=0, interactive=False)

    assert {name: permissions_of(name) for name in ROLES} == {name: set(ROLES[name]) for name in ROLES}
    assert person.groups.get() == marketer


def test_control_without_it_a_role_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    Group.objects.filter(name=ANALYST).delete()
    monkeypatch.setattr("users.roles.give_roles", lambda: None)
    call_command("migrate", verbosity=0, interactive=False)
    assert not Group.objects.filter(name=ANALYST).exists()


def test_the_second_time_nothing_is_written_and_other_groups_stay() -> None:
    give_role("Watcher", ["coupons.view_coupon"])
    with CaptureQueriesContext(connection) as captured:
        give_roles()
    assert not [query["sql"] for query in captured if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert permissions_of("Watcher") == {"coupons.view_coupon"}


def test_an_analyst_changes_nothing() -> None:
    assert all(name.partition(".")[2].startswith("view_") for name in ROLES[ANALYST])


def test_a_permission_that_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"coupons\.juggle_coupon"):
        give_role("Juggler", ["coupons.juggle_coupon"])


def test_a_database_that_is_migrated_in_part_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    Group.objects.all().delete()
    with monkeypatch.context() as half:
        half.setitem(ROLES, MARKETER, (*ROLES[MARKETER], "tomorrow.view_app"))
        call_command("migrate", verbosity=0, interactive=False)
    assert not Group.objects.filter(name=MARKETER).exists()

    call_command("migrate", verbosity=0, interactive=False)
    assert permissions_of(MARKETER) == set(ROLES[MARKETER])
