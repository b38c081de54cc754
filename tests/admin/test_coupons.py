"""A marketer makes a coupon: its form, its preview, its scope and its codes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from coupons.admin.coupon_form import CouponForm
from coupons.enums import ClaimChannel, CouponState, CouponStatus
from coupons.models import Code, Coupon, ScopeEntry, StockMovement
from coupons.services.claims import claim_create_by_code
from tests import factories
from tests.admin.coupon_pages import new_coupon, page_of
from users.models import User

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
