"""Shoppers and staff: found exactly, masked unless allowed, tagged by marketers, made by superusers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from tests import factories
from users.models import Tag, User

LIST = "admin:users_user_changelist"


@pytest.fixture
def mei(db: None) -> User:
    return factories.make_shopper(
        username="mei", name="王小美", email="Mei@Example.com", phone="+86 138-0000-1234", external_id="hh-7"
    )


def page_of(person: User) -> str:
    return reverse("admin:users_user_change", args=[person.pk])


def tags_sent(*, tags: list[dict[str, Any]], initial: int = 0) -> dict[str, Any]:
    """What a browser sends for the tags of a shopper; the learned ones and the profile are only shown."""
    sent: dict[str, Any] = {"tags-TOTAL_FORMS": len(tags), "tags-INITIAL_FORMS": initial}
    for prefix in ("tags-2", "profile"):
        sent |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    for number, tag in enumerate(tags):
        sent |= {f"tags-{number}-{name}": value for name, value in tag.items()}
    return sent


@pytest.mark.parametrize(
    "asked", ["mei", "hh-7", "mei@example.com", " MEI@EXAMPLE.COM ", "+8613800001234", "+86 138 0000 1234"]
)
def test_a_shopper_is_found_by_whatever_they_are_called(superuser_client: Client, mei: User, asked: str) -> None:
    factories.make_shopper()
    found = superuser_client.get(reverse(LIST), {"q": asked}).context["cl"].result_list
    assert [person.pk for person in found] == [mei.pk]


def test_a_shopper_is_found_by_public_id_and_nobody_by_half_a_name(superuser_client: Client, mei: User) -> None:
    found = superuser_client.get(reverse(LIST), {"q": str(mei.public_id)}).context["cl"].result_list
    assert [person.pk for person in found] == [mei.pk]
    for half in ("me", "王", "example.com", "1380000"):
        assert not superuser_client.get(reverse(LIST), {"q": half}).context["cl"].result_list


def test_personal_data_is_masked_unless_the_permission_is_held(
    marketer_client: Client, plain_marketer: User, mei: User
) -> None:
    in_clear = ["王小美", "Mei@Example.com", "138-0000-1234"]
    for path in (page_of(mei), reverse(LIST)):
        page = marketer_client.get(path).content.decode()
        assert not [text for text in in_clear if text in page], path
        assert "王***" in page
    plain_marketer.user_permissions.add(Permission.objects.get(codename="view_personal_data"))
    page = marketer_client.get(page_of(mei)).content.decode()
    assert [text for text in in_clear if text in page] == in_clear


def test_a_marketer_cannot_change_an_account(marketer_client: Client, plain_marketer: User, mei: User) -> None:
    plain_marketer.user_permissions.add(Permission.objects.get(codename="view_personal_data"))
    sent = {
        **tags_sent(tags=[]),
        "username": "taken-over",
        "name": "X",
        "email": "x@example.com",
        "is_staff": "on",
        "is_superuser": "on",
    }
    assert marketer_client.post(page_of(mei), sent).status_code == 302
    mei.refresh_from_db()
    assert (mei.username, mei.name, mei.email) == ("mei", "王小美", "Mei@Example.com")
    assert not mei.is_staff
    assert not mei.is_superuser


def test_a_marketer_cannot_reach_staff_or_passwords(marketer_client: Client, marketer: User, mei: User) -> None:
    assert marketer_client.post(page_of(marketer), tags_sent(tags=[])).status_code == 403
    password = {"password1": "a long new one 1", "password2": "a long new one 1"}
    for person in (marketer, mei):
        path = reverse("admin:auth_user_password_change", args=[person.pk])
        assert marketer_client.post(path, password).status_code == 403
    assert marketer_client.get(reverse("admin:users_user_add")).status_code == 403


def test_a_marketer_sets_and_takes_away_tags(marketer_client: Client, mei: User) -> None:
    assert marketer_client.post(page_of(mei), tags_sent(tags=[{"name": "vip"}])).status_code == 302
    tag = Tag.objects.get()
    assert (tag.shopper, tag.name, tag.source) == (mei, "vip", "marketer")
    sent = tags_sent(tags=[{"id": tag.pk, "name": "vip", "DELETE": "on"}], initial=1)
    assert marketer_client.post(page_of(mei), sent).status_code == 302
    assert not Tag.objects.exists()


def test_learned_tags_stay_as_they_were_learned(marketer_client: Client, mei: User) -> None:
    learned = Tag.objects.create(shopper=mei, name="segment:loyal", source="segmentation", set_at=factories.NOW)
    stolen = tags_sent(tags=[{"id": learned.pk, "name": "mine", "DELETE": "on"}], initial=1)
    marketer_client.post(page_of(mei), stolen)
    taken_twice = tags_sent(tags=[{"name": "segment:loyal"}])
    assert marketer_client.post(page_of(mei), taken_twice).status_code == 200
    learned.refresh_from_db()
    assert (learned.name, learned.source) == ("segment:loyal", "segmentation")
    assert Tag.objects.count() == 1


def test_the_same_tag_twice_is_said_politely(marketer_client: Client, mei: User) -> None:
    Tag.objects.create(shopper=mei, name="imported", source="import", set_at=factories.NOW)
    assert marketer_client.post(page_of(mei), tags_sent(tags=[{"name": "imported"}])).status_code == 200
    past = {"name": "late", "expires_at_0": "2020-01-01", "expires_at_1": "00:00"}
    assert marketer_client.post(page_of(mei), tags_sent(tags=[past])).status_code == 200
    assert Tag.objects.count() == 1


def test_a_shopper_is_found_by_tag(superuser_client: Client, mei: User) -> None:
    factories.make_shopper()
    Tag.objects.create(shopper=mei, name="vip", source="marketer", set_at=factories.NOW)
    found = superuser_client.get(reverse(LIST), {"tag": "vip"}).context["cl"].result_list
    assert [person.pk for person in found] == [mei.pk]


def test_a_superuser_makes_staff_who_can_sign_in(superuser_client: Client) -> None:
    sent = {
        "username": "new-colleague",
        "password1": factories.PASSWORD,
        "password2": factories.PASSWORD,
        "language": "en",
    }
    response = superuser_client.post(reverse("admin:users_user_add"), sent)
    assert response.status_code == 302, response.context["errors"]
    colleague = User.objects.get(username="new-colleague")
    assert colleague.is_staff
    assert not colleague.is_superuser
    client = Client()
    signed_in = client.post(
        reverse("admin:login"),
        {"username": "new-colleague", "password": factories.PASSWORD, "next": "/admin/password_change/"},
    )
    assert signed_in.status_code == 302
    assert client.get("/admin/password_change/").status_code == 200


def test_a_superuser_changes_a_password_and_an_account(superuser_client: Client, mei: User) -> None:
    path = reverse("admin:auth_user_password_change", args=[mei.pk])
    password = {"password1": "a long new one 1", "password2": "a long new one 1", "usable_password": "true"}
    assert superuser_client.get(path).status_code == 200
    assert superuser_client.post(path, password).status_code == 302
    sent = {
        **tags_sent(tags=[]),
        "username": "mei",
        "external_id": "",
        "language": "en",
        "name": "Mei",
        "email": "new@example.com",
        "phone": "",
        "birthday": "1990-05-04",
        "is_active": "on",
    }
    response = superuser_client.post(page_of(mei), sent)
    assert response.status_code == 302, response.context["errors"]
    mei.refresh_from_db()
    assert (mei.email, mei.phone, mei.external_id, mei.birthday.isoformat()) == (
        "new@example.com",
        "",
        None,
        "1990-05-04",
    )
    assert mei.check_password("a long new one 1")
    assert list(User.objects.with_email("new@example.com")) == [mei]
    assert not User.objects.with_phone("+8613800001234").exists()


def test_an_address_belongs_to_one_account(superuser_client: Client, mei: User) -> None:
    other = factories.make_shopper(username="other")
    sent = {
        **tags_sent(tags=[]),
        "username": "other",
        "language": "en",
        "email": "MEI@example.com",
        "phone": "+8613800001234",
        "is_active": "on",
    }
    response = superuser_client.post(page_of(other), sent)
    assert set(response.context["adminform"].form.errors) == {"email", "phone"}


def test_the_page_shows_newest_claims_orders_and_behaviour(marketer_client: Client, mei: User) -> None:
    claim = factories.make_claim(shopper=mei)
    page = marketer_client.get(page_of(mei)).content.decode()
    assert reverse("admin:coupons_claim_change", args=[claim.pk]) in page
    assert "Latest orders" in page
    assert "Latest behaviour" in page


def test_the_list_of_shoppers_costs_the_same_for_few_and_many(
    superuser_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        shopper = factories.make_shopper()
        Tag.objects.create(shopper=shopper, name=f"tag-{number}", source="marketer", set_at=factories.NOW)
    with django_assert_max_num_queries(12):
        assert superuser_client.get(reverse(LIST)).status_code == 200


# Claims


def test_claims_are_revoked_and_extended_by_services(marketer_client: Client, plain_marketer: User, mei: User) -> None:
    claim = factories.make_claim(shopper=mei, usable_days=7)
    path = reverse("admin:coupons_claim_extend", args=[claim.pk])
    early = marketer_client.post(path, {"_form_submitted": "on", "until": "2020-01-01T00:00"})
    assert "HX-Redirect" not in early
    later = marketer_client.post(path, {"_form_submitted": "on", "until": "2098-01-01T00:00"})
    assert "HX-Redirect" in later
    before = claim.expires_at
    claim.refresh_from_db()
    assert claim.expires_at > before + timedelta(days=1)
    path = reverse("admin:coupons_claim_revoke", args=[claim.pk])
    marketer_client.post(path, {"_form_submitted": "on", "reason": "asked for it"})
    claim.refresh_from_db()
    assert claim.state == "revoked"
    entry = claim.entries.last()
    assert entry.data == {"actor": plain_marketer.pk, "note": "asked for it"}


def test_looking_at_claims_does_not_allow_revoking_them(shopper: User, mei: User) -> None:
    claim = factories.make_claim(shopper=mei)
    shopper.is_staff = True
    shopper.save(update_fields=["is_staff"])
    shopper.user_permissions.add(Permission.objects.get(codename="view_claim"))
    client = Client()
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    assert client.get(reverse("admin:coupons_claim_change", args=[claim.pk])).status_code == 200
    path = reverse("admin:coupons_claim_revoke", args=[claim.pk])
    assert client.post(path, {"_form_submitted": "on", "reason": "x"}).status_code == 403
    claim.refresh_from_db()
    assert claim.state == "available"


def test_a_claim_is_found_by_its_id_and_by_its_shopper(superuser_client: Client, mei: User) -> None:
    claim = factories.make_claim(shopper=mei)
    factories.make_claim()
    for asked in (str(claim.public_id), "hh-7", "mei@example.com"):
        found = superuser_client.get(reverse("admin:coupons_claim_changelist"), {"q": asked}).context["cl"].result_list
        assert [row.pk for row in found] == [claim.pk], asked


def test_an_overdue_claim_reads_expired_before_any_job_has_run(superuser_client: Client) -> None:
    claim = factories.make_claim(usable_until=factories.LONG_FROM_NOW)
    type(claim).objects.filter(pk=claim.pk).update(
        usable_from=factories.LONG_AGO, expires_at=factories.LONG_AGO + timedelta(days=1)
    )
    path = reverse("admin:coupons_claim_changelist")
    for state, expected in (("expired", 1), ("available", 0)):
        page = superuser_client.get(path, {"state": state}, headers={"Accept-Language": "en"})
        assert len(page.context["cl"].result_list) == expected
    assert "Expired" in superuser_client.get(path).content.decode()


def test_the_list_of_claims_costs_the_same_for_few_and_many_and_never_counts_all(
    superuser_client: Client, django_assert_max_num_queries: Any
) -> None:
    coupon = factories.make_coupon(stock=None)
    for _ in range(30):
        factories.make_claim(coupon=coupon)
    with django_assert_max_num_queries(12) as done:
        superuser_client.get(reverse("admin:coupons_claim_changelist"))
    counts = [query["sql"] for query in done.captured_queries if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT 10000" in sql for sql in counts)
