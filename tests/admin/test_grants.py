"""Grants as a marketer drafts, starts, watches and stops them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.enums import GrantState
from campaigns.models import Grant
from campaigns.services.grants import grant_create, grant_run, grant_start
from coupons.enums import AudienceKind
from coupons.models import Coupon
from tests import factories
from tests.factories import NOW
from users.models import User
from users.roles import give_role

pytestmark = pytest.mark.django_db

DIALOG = {"_form_submitted": "on"}


@pytest.fixture
def crowd(db: None) -> list[User]:
    return User.objects.bulk_create(User(username=f"crowd-{number}", password="!") for number in range(30))


def draft(client: Client, coupon: Coupon, **fields: Any) -> Any:
    form = {"coupon": coupon.pk, "audience": "everyone", "audience_tag": "", **fields}
    return client.post(reverse("admin:campaigns_grant_add"), form)


def page(client: Client, grant: Grant) -> str:
    answer = client.get(reverse("admin:campaigns_grant_change", args=[grant.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def press(client: Client, grant: Grant, button: str) -> None:
    assert f"campaigns/grant/{grant.pk}/{button}" in page(client, grant)
    answer = client.post(reverse(f"admin:campaigns_grant_{button}", args=[grant.pk]), DIALOG)
    assert answer.status_code == 200
    grant.refresh_from_db()


def test_the_coupon_leads_to_the_form_with_itself_chosen(marketer_client: Client, coupon: Coupon) -> None:
    answer = marketer_client.get(reverse("admin:coupons_coupon_grant", args=[coupon.pk]))
    assert answer["Location"] == f"{reverse('admin:campaigns_grant_add')}?coupon={coupon.pk}"
    assert f'value="{coupon.pk}" selected' in marketer_client.get(answer["Location"]).content.decode()


@pytest.mark.parametrize("handout", ["showcase", "grant", "code", "automatic", "fitted"])
def test_only_what_can_be_granted_is(marketer_client: Client, handout: str) -> None:
    coupon = factories.make_coupon(handout="showcase" if handout == "fitted" else handout)
    if handout == "fitted":
        factories.make_envelope(coupon=coupon)
    answer = draft(marketer_client, coupon)
    is_granted = handout in ("showcase", "grant")
    assert answer.status_code == (302 if is_granted else 200)
    assert Grant.objects.exists() == is_granted
    shown = marketer_client.get(reverse("admin:coupons_coupon_change", args=[coupon.pk])).content.decode()
    assert (reverse("admin:coupons_coupon_grant", args=[coupon.pk]) in shown) == is_granted


def test_a_grant_is_drafted_started_watched_and_done(marketer_client: Client, crowd: list[User]) -> None:
    coupon = factories.make_coupon(stock=20)
    assert draft(marketer_client, coupon).status_code == 302
    grant = Grant.objects.get()
    shown = page(marketer_client, grant)
    assert "Would reach 30 shoppers" in shown
    assert "Stock left: 20" in shown
    assert "There is less stock than shoppers" in shown
    assert "hx-get" not in shown.split('class="batch-progress"')[1].split("</div>")[0]
    press(marketer_client, grant, "start")
    assert (grant.state, grant.expected) == (GrantState.WAITING, 30)
    progress = reverse("admin:campaigns_grant_progress", args=[grant.pk])
    assert f'hx-get="{progress}"' in page(marketer_client, grant)
    assert "HX-Refresh" not in marketer_client.get(progress)
    grant_run(grant_id=grant.pk, clock=lambda: NOW)
    answer = marketer_client.get(progress)
    assert answer["HX-Refresh"] == "true"
    assert "20 of about 30 shoppers" in answer.content.decode()
    assert "All coupons have been claimed." in answer.content.decode()
    press(marketer_client, grant, "resume")
    press(marketer_client, grant, "pause")
    press(marketer_client, grant, "cancel")
    assert grant.state == GrantState.CANCELLED
    people = {record.history_user.username for record in grant.history.exclude(history_user=None)}
    assert people == {"plain-marketer"}


def test_refusals_are_told_by_reason(marketer_client: Client, crowd: list[User]) -> None:
    coupon = factories.make_coupon(audience=AudienceKind.TAGGED, audience_tag="vip")
    grant = grant_create(coupon=coupon, audience=AudienceKind.EVERYONE, actor=None, now=NOW)
    grant_start(grant=grant, actor=None, now=NOW)
    grant_run(grant_id=grant.pk, clock=lambda: NOW)
    assert "lacked the tag that the coupon asks for" in page(marketer_client, grant)


def test_a_tag_is_asked_for(marketer_client: Client, coupon: Coupon) -> None:
    answer = draft(marketer_client, coupon, audience="tagged")
    assert "Name the tag." in answer.content.decode()
    assert draft(marketer_client, coupon, audience="tagged", audience_tag="vip").status_code == 302
    assert draft(marketer_client, coupon, audience="everyone", audience_tag="vip").status_code == 302
    assert sorted(Grant.objects.values_list("audience", "audience_tag")) == [("everyone", ""), ("tagged", "vip")]


def test_a_decision_that_is_no_longer_possible_is_refused_in_words(marketer_client: Client, coupon: Coupon) -> None:
    draft(marketer_client, coupon)
    grant = Grant.objects.get()
    marketer_client.post(reverse("admin:campaigns_grant_resume", args=[grant.pk]), DIALOG)
    assert "This is not possible for a grant in its present state." in page(marketer_client, grant)


def test_who_may_only_look_starts_nothing(coupon: Coupon, shopper: User) -> None:
    watcher = factories.make_shopper(username="watcher", is_staff=True)
    watcher.groups.add(give_role("Watcher", ["campaigns.view_grant", "coupons.view_coupon"]))
    client = Client()
    client.force_login(watcher, backend="users.backends.IdentifierBackend")
    grant = grant_create(coupon=coupon, audience=AudienceKind.EVERYONE, actor=None, now=NOW)
    assert "Would reach" in page(client, grant)
    assert client.post(reverse("admin:campaigns_grant_start", args=[grant.pk]), DIALOG).status_code == 403
    assert draft(client, coupon).status_code == 403
    assert (
        reverse("admin:coupons_coupon_grant", args=[coupon.pk])
        not in client.get(reverse("admin:coupons_coupon_change", args=[coupon.pk])).content.decode()
    )
    grant.refresh_from_db()
    assert grant.state == GrantState.DRAFT
    for address in ("progress", "start"):
        assert Client().get(reverse(f"admin:campaigns_grant_{address}", args=[grant.pk])).status_code == 302


def test_unknown_grants_lead_nowhere(marketer_client: Client) -> None:
    assert marketer_client.get(reverse("admin:campaigns_grant_progress", args=[99])).status_code == 404
    assert marketer_client.post(reverse("admin:campaigns_grant_start", args=["x"]), DIALOG).status_code == 404
