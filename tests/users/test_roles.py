"""The shop's roles are there after every `migrate`, and what an owner took from them stays taken."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from tests import factories
from users.roles import ANALYST, ANALYST_PERMISSIONS, MARKETER, ROLES, give_role, give_roles, roles_migrating

pytestmark = pytest.mark.django_db


def permissions_of(name: str) -> set[str]:
    found = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
    return {".".join(permission) for permission in found}


@pytest.mark.parametrize("name", ROLES)
def test_a_new_database_has_it(name: str) -> None:
    assert permissions_of(name) == set(ROLES[name])


def migrate() -> None:
    call_command("migrate", verbosity=0, interactive=False)


def test_migrate_makes_what_is_missing_and_gives_back_nothing_that_was_taken() -> None:
    Group.objects.filter(name=ANALYST).delete()
    marketer = Group.objects.get(name=MARKETER)
    person = factories.make_shopper(is_staff=True)
    person.groups.add(marketer)
    # An owner took nearly all away, and gave one of their own.
    marketer.permissions.set(Permission.objects.filter(codename__in=["delete_user", "view_coupon"]))

    migrate()

    assert permissions_of(MARKETER) == {"users.delete_user", "coupons.view_coupon"}
    assert permissions_of(ANALYST) == set(ANALYST_PERMISSIONS)
    assert person.groups.get() == marketer


def test_what_a_release_brings_is_given_once() -> None:
    taken = Permission.objects.get(codename="view_segment")
    for name in ROLES:
        Group.objects.get(name=name).permissions.remove(taken)
    # As if they came with this release.
    Permission.objects.filter(codename__in=["view_claimrating", "change_segment"]).delete()

    migrate()

    for name, permissions in ROLES.items():
        assert permissions_of(name) == set(permissions) - {"analytics.view_segment"}
    analyst = Group.objects.get(name=ANALYST)
    analyst.permissions.remove(Permission.objects.get(codename="view_claimrating"))
    migrate()
    assert "coupons.view_claimrating" not in permissions_of(ANALYST)


def test_whoever_wants_the_first_ones_back_asks_for_them() -> None:
    Group.objects.get(name=MARKETER).permissions.clear()
    call_command("give_roles")
    assert {name: permissions_of(name) for name in ROLES} == {name: set(ROLES[name]) for name in ROLES}


def test_control_without_it_a_role_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    Group.objects.filter(name=ANALYST).delete()
    monkeypatch.setattr(roles_migrating, "finish", lambda: None)
    migrate()
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


def test_a_database_that_is_migrated_in_part_is_no_mistake_and_the_log_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Group.objects.filter(name=MARKETER).delete()
    Permission.objects.filter(codename="view_order").delete()
    with monkeypatch.context() as half:
        for name in ROLES:
            half.setitem(ROLES, name, (*ROLES[name], "tomorrow.view_app"))
        with capture_logs() as logged:
            migrate()
    assert not Group.objects.filter(name=MARKETER).exists()
    # What the first part made is not lost on a role that is there.
    assert permissions_of(ANALYST) == set(ANALYST_PERMISSIONS)
    assert [(line["log_level"], line["role"], line["permissions"]) for line in logged] == [
        ("warning", name, ["tomorrow.view_app"]) for name in ROLES
    ]

    with capture_logs() as logged:
        migrate()
    assert permissions_of(MARKETER) == set(ROLES[MARKETER])
    assert not logged


def test_emptied_tables_get_the_roles_again() -> None:
    Group.objects.all().delete()
    Permission.objects.all().delete()
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    assert {name: permissions_of(name) for name in ROLES} == {name: set(ROLES[name]) for name in ROLES}
