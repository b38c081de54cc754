"""A marketer makes, publishes, watches and stops a coupon; every decision goes through a service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from coupons.admin.coupon_form import CouponForm
from coupons.enums import ClaimChannel, CouponState, CouponStatus
from coupons.models import Code, Coupon, ScopeEntry, StockMovement
from coupons.services.claims import claim_create_by_code
from tests import factories
from users.models import User

DIALOG = {"_form_submitted": "on"}


def page_of(coupon: Coupon, action: str = "change") -> str:
    name = f"admin:coupons_coupon_{action}"
    return reverse(name, args=[coupon.pk])


def empty_rows(*prefixes: str) -> dict[str, Any]:
    """What a browser sends of tables without a row."""
    return {f"{prefix}-{name}": "0" for prefix in prefixes for name in ("TOTAL_FORMS", "INITIAL_FORMS")}


def new_coupon(**changes: Any) -> dict[str, Any]:
    """What a browser sends from the empty form, filled in for 20.00 off from 100.00 on."""
    return {
        "title_zh": "满百减廿",
        "title_en": "Twenty off",
        "description_zh": "",
        "description_en": "",
        "benefit_type": "amount_off",
        "amount_off": "20.00",
        "percent_off": "",
        "discount_cap": "",
        "application": "whole",
        "minimum_spend": "100",
        "minimum_quantity": "0",
        "threshold_base": "current",
        "stacking_group": "",
        "priority": "0",
        "refund_policy": "prorata",
        "stock_released": "500",
        "stock_reserve": "50",
        "audience": "everyone",
        "audience_tag": "",
        "limit_per_shopper": "1",
        "limit_per_shopper_per_day": "",
        "limit_per_day": "",
        "handout": "showcase",
        "claim_starts_at_0": "2026-11-01",
        "claim_starts_at_1": "",
        "claim_ends_at_0": "2026-11-30",
        "claim_ends_at_1": "",
        "usable_from_0": "",
        "usable_from_1": "",
        "usable_until_0": "",
        "usable_until_1": "",
        "usable_days": "14",
        **empty_rows("tiers", "envelope", "scope_entries", "release_batches", "stock_policy"),
        **changes,
    }


def shown_messages(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# Making


def test_a_new_coupon_gets_its_first_stock_with_it(marketer_client: Client, plain_marketer: User) -> None:
    response = marketer_client.post(reverse("admin:coupons_coupon_add"), new_coupon())
    assert response.status_code == 302, response.context["errors"]
    coupon = Coupon.objects.get()
    assert (coupon.status, coupon.amount_off, coupon.minimum_spend) == (CouponStatus.DRAFT, 2000, 10000)
    assert (coupon.stock.released, coupon.stock.reserve, coupon.stock.remaining()) == (500, 50, 500)
    assert StockMovement.objects.get().actor == plain_marketer
    assert coupon.history.get().history_user == plain_marketer


def test_a_bare_date_means_the_whole_shop_day(marketer_client: Client) -> None:
    marketer_client.post(reverse("admin:coupons_coupon_add"), new_coupon())
    coupon = Coupon.objects.get()
    assert coupon.claim_starts_at == datetime(2026, 10, 31, 16, tzinfo=UTC)
    assert coupon.claim_ends_at == datetime(2026, 11, 30, 16, tzinfo=UTC)


def test_a_rush_is_spread_over_many_rows_and_unlimited_has_none(marketer_client: Client) -> None:
    path = reverse("admin:coupons_coupon_add")
    marketer_client.post(path, new_coupon(expects_rush="on"))
    marketer_client.post(path, new_coupon(stock_is_unlimited="on", stock_released="", expects_rush="on"))
    unlimited, rush = Coupon.objects.order_by("-pk")
    assert rush.stock.bucket_count > 1
    assert rush.stock_buckets.count() == rush.stock.bucket_count
    assert unlimited.stock.is_unlimited
    assert not unlimited.stock_buckets.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount_off": ""}, "amount_off"),
        ({"amount_off": "0"}, "amount_off"),
        ({"amount_off": "1.005"}, "amount_off"),
        ({"benefit_type": "percent_off", "percent_off": ""}, "percent_off"),
        ({"benefit_type": "percent_off", "percent_off": "101"}, "percent_off"),
        ({"stock_released": ""}, "stock_released"),
        ({"usable_days": ""}, "usable_days"),
        ({"audience": "tagged"}, "audience_tag"),
        ({"claim_ends_at_0": "2026-10-01"}, "__all__"),
        ({"claim_ends_at_0": ""}, "claim_ends_at"),
    ],
)
def test_what_is_missing_is_said_beside_its_field(marketer_client: Client, changes: dict[str, str], field: str) -> None:
    response = marketer_client.post(reverse("admin:coupons_coupon_add"), new_coupon(**changes))
    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
    assert not Coupon.objects.exists()


def test_fields_of_the_benefit_not_chosen_are_emptied(marketer_client: Client) -> None:
    sent = new_coupon(benefit_type="percent_off", percent_off="15", discount_cap="50", amount_off="nonsense")
    assert marketer_client.post(reverse("admin:coupons_coupon_add"), sent).status_code == 302
    coupon = Coupon.objects.get()
    assert (coupon.amount_off, coupon.percent_off, coupon.discount_cap) == (None, 15, 5000)


def test_scope_is_chosen_by_autocomplete_and_saved(marketer_client: Client) -> None:
    product = factories.make_product(name_en="Organic apples")
    sent = new_coupon(
        **{"scope_entries-TOTAL_FORMS": "1", "scope_entries-0-mode": "include", "scope_entries-0-product": product.pk}
    )
    assert marketer_client.post(reverse("admin:coupons_coupon_add"), sent).status_code == 302
    assert ScopeEntry.objects.get().product == product
    asked = {"app_label": "coupons", "model_name": "scopeentry", "field_name": "product", "term": "apples"}
    found = marketer_client.get(reverse("admin:autocomplete"), asked).json()
    assert [row["id"] for row in found["results"]] == [str(product.pk)]


def test_the_form_has_no_list_of_all_products(marketer_client: Client) -> None:
    for number in range(3):
        factories.make_product(name_en=f"Apples {number}")
    assert b"Apples" not in marketer_client.get(reverse("admin:coupons_coupon_add")).content


# The preview


def test_the_preview_speaks_both_languages_and_saves_nothing(marketer_client: Client) -> None:
    response = marketer_client.post(reverse("admin:coupons_coupon_preview"), new_coupon(claim_ends_at_0="half-typ"))
    text = response.content.decode()
    assert "Twenty off" in text
    assert "满百减廿" in text
    assert "20.00" in text
    assert not Coupon.objects.exists()


def test_the_preview_of_a_stored_coupon_shows_what_is_typed_and_keeps_the_rest(
    marketer_client: Client, coupon: Coupon
) -> None:
    factories.make_claim(coupon=coupon)
    path = f"{reverse('admin:coupons_coupon_preview')}?id={coupon.pk}"
    text = marketer_client.post(path, new_coupon(title_en="Typed now")).content.decode()
    assert "Typed now" in text
    assert "10.00" in text
    assert "20.00" not in text
    coupon.refresh_from_db()
    assert coupon.title_en != "Typed now"


def test_the_preview_is_for_those_who_may_see_coupons(shopper: User) -> None:
    shopper.is_staff = True
    shopper.save(update_fields=["is_staff"])
    client = Client()
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    assert client.post(reverse("admin:coupons_coupon_preview"), new_coupon()).status_code == 403


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


# Watching


def test_the_list_costs_the_same_for_ten_coupons_and_five_hundred(
    superuser_client: Client, django_assert_max_num_queries: Any
) -> None:
    path = reverse("admin:coupons_coupon_changelist")
    made = [factories.make_coupon() for _ in range(10)]
    for coupon in made:
        factories.make_claim(coupon=coupon)
    with django_assert_max_num_queries(30) as few:
        superuser_client.get(path)
    for _ in range(490):
        factories.make_coupon()
    with django_assert_max_num_queries(len(few.captured_queries)):
        assert superuser_client.get(path).status_code == 200


def test_the_list_tells_claimed_used_and_state(superuser_client: Client) -> None:
    coupon = factories.make_coupon(stock=20)
    for _ in range(19):
        factories.make_claim(coupon=coupon)
    page = superuser_client.get(reverse("admin:coupons_coupon_changelist")).content.decode()
    assert "19 / 20" in page
    assert "stock-cell-low" in page


@pytest.mark.parametrize("state", list(CouponState))
def test_the_state_filter_shows_that_state_only(superuser_client: Client, state: CouponState) -> None:
    for each in CouponState:
        factories.make_coupon(state=each, title_en=f"In state {each}")
    response = superuser_client.get(reverse("admin:coupons_coupon_changelist"), {"state": state.value})
    assert [coupon.title_en for coupon in response.context["cl"].result_list] == [f"In state {state}"]


def test_running_out_and_sold_out_are_found(superuser_client: Client) -> None:
    sold_out, low, full = (factories.make_coupon(stock=stock) for stock in (1, 10, 100))
    factories.make_coupon(stock=None)
    factories.make_claim(coupon=sold_out)
    for _ in range(9):
        factories.make_claim(coupon=low)
    path = reverse("admin:coupons_coupon_changelist")
    found = {
        asked: {coupon.pk for coupon in superuser_client.get(path, {"stock": asked}).context["cl"].result_list}
        for asked in ("running_out", "sold_out")
    }
    assert found == {"running_out": {sold_out.pk, low.pk}, "sold_out": {sold_out.pk}}
    assert full.pk not in found["running_out"]


def test_a_coupon_is_found_by_title_public_id_and_code(superuser_client: Client, coupon: Coupon) -> None:
    factories.make_coupon(title_en="Another")
    factories.make_code(coupon=coupon, text="WELCOME-2026")
    for asked in (coupon.title_zh, str(coupon.public_id), "welcome 2026"):
        found = superuser_client.get(reverse("admin:coupons_coupon_changelist"), {"q": asked}).context["cl"].result_list
        assert [row.pk for row in found] == [coupon.pk], asked


# Codes


def test_a_code_is_kept_as_typed_and_read_alike(marketer_client: Client, coupon: Coupon) -> None:
    path = reverse("admin:coupons_code_add")
    sent = {"coupon": coupon.pk, "text": "Welcome-2026", "maximum_uses": "5"}
    assert marketer_client.post(path, sent).status_code == 302
    code = Code.objects.get()
    assert (code.text, code.kind, code.maximum_uses) == ("Welcome-2026", "shared", 5)
    twin = marketer_client.post(path, {**sent, "text": "WELC0ME 2026"})
    assert "text" in twin.context["adminform"].form.errors
    found = marketer_client.get(reverse("admin:coupons_code_changelist"), {"q": "welcome 2026"})
    assert [row.pk for row in found.context["cl"].result_list] == [code.pk]


def test_an_empty_code_becomes_one_that_nobody_guesses(marketer_client: Client, coupon: Coupon) -> None:
    marketer_client.post(reverse("admin:coupons_code_add"), {"coupon": coupon.pk, "text": "", "maximum_uses": ""})
    assert len(Code.objects.get().normal) == 13


def test_a_used_code_stays(marketer_client: Client, coupon: Coupon) -> None:
    code = factories.make_code(coupon=coupon, used=1)
    assert marketer_client.post(reverse("admin:coupons_code_delete", args=[code.pk])).status_code == 403
    sent = {"maximum_uses": "3", "text": "OTHER", "used": "0"}
    assert marketer_client.post(reverse("admin:coupons_code_change", args=[code.pk]), sent).status_code == 302
    code.refresh_from_db()
    assert (code.text, code.used, code.maximum_uses) == ("WELCOME2026", 1, 3)


def test_uses_of_a_code_without_a_limit_are_told_and_kept(marketer_client: Client) -> None:
    code = factories.make_code()
    for _ in range(2):
        claim_create_by_code(
            shopper=factories.make_shopper(), text=code.text, channel=ClaimChannel.CODE, now=factories.NOW
        )
    page = reverse("admin:coupons_code_change", args=[code.pk])
    (listed,) = marketer_client.get(reverse("admin:coupons_code_changelist")).context["cl"].result_list
    assert listed.shown_used == 2
    assert marketer_client.get(reverse("admin:coupons_code_delete", args=[code.pk])).status_code == 403
    too_few = marketer_client.post(page, {"maximum_uses": "1"})
    assert "maximum_uses" in too_few.context["adminform"].form.errors
    assert marketer_client.post(page, {"maximum_uses": "3"}).status_code == 302
    code.refresh_from_db()
    assert (code.maximum_uses, code.used) == (3, 2)


# Twice the same


@pytest.mark.parametrize("is_stored", [True, False])
def test_the_same_product_twice_is_said_politely(marketer_client: Client, is_stored: bool) -> None:
    coupon = factories.make_coupon(state=CouponState.DRAFT)
    product = factories.make_product()
    if is_stored:
        ScopeEntry.objects.create(coupon=coupon, product=product)
    sent = new_coupon()
    entries = ([{"id": ScopeEntry.objects.get().pk}, {}] if is_stored else [{}, {}]) + []
    sent |= {"scope_entries-TOTAL_FORMS": "2", "scope_entries-INITIAL_FORMS": str(int(is_stored))}
    for number, entry in enumerate(entries):
        row = {"coupon": coupon.pk, "mode": "include", "product": product.pk, "category": "", **entry}
        sent |= {f"scope_entries-{number}-{name}": value for name, value in row.items()}
    assert marketer_client.post(page_of(coupon), sent).status_code == 200
    assert ScopeEntry.objects.count() == int(is_stored)


def test_a_row_of_the_scope_names_one_thing(marketer_client: Client) -> None:
    sent = new_coupon(**{"scope_entries-TOTAL_FORMS": "1", "scope_entries-0-mode": "exclude"})
    assert marketer_client.post(reverse("admin:coupons_coupon_add"), sent).status_code == 200
    assert not Coupon.objects.exists()


def test_a_window_beyond_the_calendar_is_said_politely(marketer_client: Client) -> None:
    sent = new_coupon(claim_ends_at_0="9999-12-31", claim_ends_at_1="")
    page = marketer_client.post(reverse("admin:coupons_coupon_add"), sent)
    assert "claim_ends_at" in page.context["adminform"].form.errors


@pytest.mark.django_db
@pytest.mark.parametrize(("days", "is_wrong"), [("3660", False), ("4000000", True)])
def test_a_validity_beyond_the_calendar_is_refused(days: str, is_wrong: bool) -> None:
    assert ("usable_days" in CouponForm(new_coupon(usable_days=days)).errors) is is_wrong
