"""A marketer publishes, stops, refills and copies a coupon; every decision goes through a service."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from coupons.enums import CouponState, CouponStatus
from coupons.models import Coupon, ScopeEntry, StockMovement
from tests import factories
from tests.admin.coupon_pages import new_coupon, page_of, shown_messages
from users.models import User

DIALOG = {"_form_submitted": "on"}


# Deciding


@pytest.mark.parametrize(
    ("state", "action", "expected"),
    [
        (CouponState.DRAFT, "publish", CouponStatus.PUBLISHED),
        (CouponState.LIVE, "pause", CouponStatus.PAUSED),
        (CouponState.PAUSED, "resume", CouponStatus.PUBLISHED),
        (CouponState.LIVE, "end", CouponStatus.ENDED),
    ],
)
def test_a_button_decides_and_the_history_knows_who(
    marketer_client: Client, plain_marketer: User, state: CouponState, action: str, expected: CouponStatus
) -> None:
    coupon = factories.make_coupon(state=state)
    asked = marketer_client.get(page_of(coupon, action))
    assert asked.status_code == 200
    coupon.refresh_from_db()
    assert coupon.status != expected, "looking must not decide"
    response = marketer_client.post(page_of(coupon, action), DIALOG)
    assert response["HX-Redirect"] == page_of(coupon)
    coupon.refresh_from_db()
    assert coupon.status == expected
    assert coupon.history.latest().history_user == plain_marketer


def test_a_refusal_is_told_in_its_own_words(marketer_client: Client) -> None:
    ended = factories.make_coupon(state=CouponState.ENDED)
    response = marketer_client.post(page_of(ended, "publish"), DIALOG)
    assert shown_messages(response) == ["This is not possible for a coupon in its present state."]
    ended.refresh_from_db()
    assert ended.status == CouponStatus.ENDED


def test_only_buttons_that_make_sense_are_offered(marketer_client: Client) -> None:
    offered = {
        CouponState.DRAFT: {"publish"},
        CouponState.LIVE: {"pause", "end"},
        CouponState.PAUSED: {"resume", "end"},
        CouponState.ENDED: set(),
    }
    for state, expected in offered.items():
        coupon = factories.make_coupon(state=state)
        page = marketer_client.get(page_of(coupon)).content.decode()
        assert {name for name in ("publish", "pause", "resume", "end") if page_of(coupon, name) in page} == expected


def test_list_actions_do_what_they_can_and_say_what_they_cannot(marketer_client: Client) -> None:
    draft = factories.make_coupon(state=CouponState.DRAFT)
    ended = factories.make_coupon(state=CouponState.ENDED)
    response = marketer_client.post(
        reverse("admin:coupons_coupon_changelist"),
        {"action": "publish_selected", "_selected_action": [draft.pk, ended.pk]},
    )
    assert len(shown_messages(response)) == 2
    draft.refresh_from_db()
    assert draft.status == CouponStatus.PUBLISHED


def test_status_cannot_be_posted(superuser_client: Client) -> None:
    coupon = factories.make_coupon(state=CouponState.DRAFT)
    sent = new_coupon(status="published", published_at_0="2026-01-01", published_at_1="00:00")
    assert superuser_client.post(page_of(coupon), sent).status_code == 302
    coupon.refresh_from_db()
    assert coupon.title_en == "Twenty off"
    assert (coupon.status, coupon.published_at) == (CouponStatus.DRAFT, None)


def test_an_old_version_cannot_be_brought_back(superuser_client: Client) -> None:
    coupon = factories.make_coupon(state=CouponState.DRAFT)
    version = coupon.history.latest()
    superuser_client.post(page_of(coupon, "publish"), DIALOG)
    path = reverse("admin:coupons_coupon_simple_history", args=[coupon.pk, version.pk])
    superuser_client.post(path, new_coupon())
    coupon.refresh_from_db()
    assert coupon.status == CouponStatus.PUBLISHED
    assert coupon.title_en != "Twenty off"


def test_nothing_is_deleted(superuser_client: Client, coupon: Coupon) -> None:
    assert superuser_client.post(page_of(coupon, "delete"), {"post": "yes"}).status_code == 403
    superuser_client.post(
        reverse("admin:coupons_coupon_changelist"),
        {"action": "delete_selected", "_selected_action": [coupon.pk], "post": "yes"},
    )
    assert Coupon.objects.filter(pk=coupon.pk).exists()


# Promises


def test_terms_can_change_until_the_first_claim(marketer_client: Client, coupon: Coupon) -> None:
    marketer_client.post(page_of(coupon), new_coupon(claim_ends_at_0="2099-01-01"))
    coupon.refresh_from_db()
    assert coupon.amount_off == 2000


def test_terms_and_scope_are_fixed_from_the_first_claim_on(marketer_client: Client, coupon: Coupon) -> None:
    product = factories.make_product()
    factories.make_claim(coupon=coupon)
    sent = new_coupon(
        claim_ends_at_0="2099-01-01",
        **{"scope_entries-TOTAL_FORMS": "1", "scope_entries-0-mode": "include", "scope_entries-0-product": product.pk},
    )
    assert marketer_client.post(page_of(coupon), sent).status_code == 302
    coupon.refresh_from_db()
    assert (coupon.amount_off, coupon.minimum_spend) == (1000, 0)
    assert coupon.title_en == "Twenty off"
    assert not coupon.scope_entries.exists()
    assert b"can no longer change" in marketer_client.get(page_of(coupon)).content


# Stock


def test_stock_changes_by_dialogs_and_keeps_its_ledger(marketer_client: Client, plain_marketer: User) -> None:
    coupon = factories.make_coupon(stock=100, reserve=50)
    for action, quantity in (("top_up", 20), ("withdraw", 10), ("open_reserve", 50)):
        sent = {**DIALOG, "quantity": str(quantity), "reason": "because"}
        assert "HX-Redirect" in marketer_client.post(page_of(coupon, action), sent)
    coupon.stock.refresh_from_db()
    assert (coupon.stock.released, coupon.stock.reserve, coupon.stock.remaining()) == (160, 0, 160)
    moved = StockMovement.objects.filter(actor=plain_marketer).values_list("quantity", "reason")
    assert list(moved) == [(20, "because"), (-10, "because"), (50, "because")]


@pytest.mark.parametrize("quantity", ["", "0", "-5", "many"])
def test_a_dialog_asks_again_for_a_number(marketer_client: Client, coupon: Coupon, quantity: str) -> None:
    response = marketer_client.post(page_of(coupon, "top_up"), {**DIALOG, "quantity": quantity})
    assert "HX-Redirect" not in response
    assert StockMovement.objects.filter(coupon=coupon).count() == 1


def test_too_much_is_refused(marketer_client: Client, coupon: Coupon) -> None:
    response = marketer_client.post(page_of(coupon, "withdraw"), {**DIALOG, "quantity": "101"})
    assert shown_messages(response) == ["There is less stock than that left."]
    assert coupon.stock.remaining() == 100


# Clone


def test_a_clone_is_a_draft_with_the_same_terms_and_stock(marketer_client: Client, coupon: Coupon) -> None:
    product = factories.make_product()
    ScopeEntry.objects.create(coupon=coupon, product=product, mode="exclude")
    factories.make_claim(coupon=coupon)
    response = marketer_client.post(page_of(coupon, "clone"), DIALOG)
    clone = Coupon.objects.latest("pk")
    assert response["HX-Redirect"] == page_of(clone)
    assert clone.pk != coupon.pk
    assert clone.public_id != coupon.public_id
    assert (clone.status, clone.published_at, clone.amount_off) == (CouponStatus.DRAFT, None, coupon.amount_off)
    assert clone.title_en == f"{coupon.title_en} (copy)"
    assert clone.claim_ends_at - clone.claim_starts_at == coupon.claim_ends_at - coupon.claim_starts_at
    assert clone.claim_starts_at > coupon.claim_starts_at
    assert clone.scope_entries.get().product == product
    assert (clone.stock.released, clone.stock.remaining()) == (100, 100)
    assert not clone.claims.exists()
