"""The form asks for what the chosen benefit needs, keeps that alone, and says beside a field what is wrong."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from coupons.models import Budget, Coupon, Envelope, ScopeEntry, Tier
from tests import factories
from tests.admin.coupon_pages import errors_of, new_coupon, page_of, post_new, rows

ENVELOPE = {
    "amount_minimum": "5",
    "amount_maximum": "30",
    "amount_step": "1",
    "days_minimum": "1",
    "days_maximum": "14",
    "factor_shortest": "4",
    "factor_longest": "8",
    "spend_maximum": "240",
}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (
            {"benefit_type": "amount_off", "amount_off": "3", "application": "each_unit", "maximum_units": "2"},
            {"amount_off": 300, "application": "each_unit", "maximum_units": 2},
        ),
        (
            {"benefit_type": "percent_off", "percent_off": "15", "discount_cap": "50", "application": "cheapest_unit"},
            {"percent_off": 15, "discount_cap": 5000, "application": "cheapest_unit"},
        ),
        (
            {"benefit_type": "every_amount_off", "every_amount": "100", "amount_off": "10", "discount_cap": "30"},
            {"every_amount": 10000, "amount_off": 1000, "discount_cap": 3000},
        ),
        ({"benefit_type": "fixed_price", "unit_price": "9.90"}, {"unit_price": 990}),
        (
            {"benefit_type": "bundle_price", "bundle_quantity": "3", "bundle_price": "20", "maximum_sets": "4"},
            {"bundle_quantity": 3, "bundle_price": 2000, "maximum_sets": 4},
        ),
        (
            {"benefit_type": "buy_x_get_y", "buy_quantity": "1", "get_quantity": "1", "percent_off": "50"},
            {"buy_quantity": 1, "get_quantity": 1, "percent_off": 50},
        ),
        ({"benefit_type": "buy_x_get_y", "buy_quantity": "2", "get_quantity": "1"}, {"percent_off": None}),
        ({"benefit_type": "shipping_off", "amount_off": ""}, {"amount_off": None, "percent_off": None}),
        ({"benefit_type": "shipping_off", "amount_off": "5"}, {"amount_off": 500}),
        ({"benefit_type": "cash", "amount_off": "8", "is_partly_usable": "on"}, {"is_partly_usable": True}),
    ],
)
def test_every_kind_of_benefit_is_stored_with_its_figures(
    marketer_client: Client, sent: dict[str, str], stored: dict[str, Any]
) -> None:
    response = post_new(marketer_client, **sent)
    assert response.status_code == 302, errors_of(response)
    coupon = Coupon.objects.get()
    assert coupon.benefit_type == sent["benefit_type"]
    assert {name: getattr(coupon, name) for name in stored} == stored


def test_a_gift_is_a_product_found_by_autocomplete(marketer_client: Client) -> None:
    product = factories.make_product(name_en="A mug")
    sent = {"benefit_type": "gift_item", "gift_product": product.pk, "gift_quantity": "2"}
    assert post_new(marketer_client, **sent).status_code == 302
    coupon = Coupon.objects.get()
    assert (coupon.gift_product, coupon.gift_quantity) == (product, 2)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"benefit_type": "every_amount_off", "every_amount": ""}, "every_amount"),
        ({"benefit_type": "every_amount_off", "every_amount": "100", "amount_off": ""}, "amount_off"),
        ({"benefit_type": "fixed_price"}, "unit_price"),
        ({"benefit_type": "bundle_price", "bundle_quantity": "1", "bundle_price": "5"}, "bundle_quantity"),
        ({"benefit_type": "bundle_price", "bundle_quantity": "3"}, "bundle_price"),
        ({"benefit_type": "buy_x_get_y", "buy_quantity": "2", "get_quantity": "0"}, "get_quantity"),
        ({"benefit_type": "buy_x_get_y", "buy_quantity": "2"}, "get_quantity"),
        ({"benefit_type": "gift_item"}, "gift_product"),
        ({"benefit_type": "gift_item", "gift_quantity": "0"}, "gift_quantity"),
        ({"benefit_type": "shipping_off", "amount_off": "5", "percent_off": "50"}, "percent_off"),
        ({"benefit_type": "percent_off", "percent_off": "0"}, "percent_off"),
        ({"benefit_type": "tiered", "tier_basis": ""}, "tier_basis"),
        ({"benefit_type": "tiered", "tier_basis": "amount"}, "tiers"),
        ({"benefit_type": "cash", "amount_off": ""}, "amount_off"),
        ({"maximum_units": "0"}, "maximum_units"),
        ({"hour_from": "18:00"}, "hour_until"),
        ({"hour_from": "18:00", "hour_until": "18:00"}, "hour_until"),
        ({"minimum_unit_price": "10", "maximum_unit_price": "9"}, "maximum_unit_price"),
        ({"order_number": "0"}, "order_number"),
        ({"new_shopper_days": "0"}, "new_shopper_days"),
        ({"weekdays": ["7"]}, "weekdays"),
        ({"channels": "x" * 41}, "channels"),
        (rows("scope_entries", {"mode": "give", "product": "1"}), "scope_entries-0-mode"),
        (rows("envelope", {**ENVELOPE, "amount_maximum": "4"}), "envelope-0-amount_maximum"),
        (rows("envelope", {**ENVELOPE, "factor_longest": "3"}), "envelope-0-factor_longest"),
        (rows("envelope", {**ENVELOPE, "factor_shortest": "0.5"}), "envelope-0-factor_shortest"),
        (rows("envelope", {**ENVELOPE, "amount_step": "0"}), "envelope-0-amount_step"),
        # 30.00 off that needs 119.99 is less than four times the amount, whichever days are chosen.
        (rows("envelope", {**ENVELOPE, "spend_maximum": "119.99"}), "envelope-0-spend_maximum"),
        # Nobody chooses terms while typing a code.
        ({**rows("envelope", ENVELOPE), "handout": "code"}, "envelope"),
        ({**rows("envelope", ENVELOPE), "handout": "grant"}, "envelope"),
        # Its coupon is made together with the packet.
        ({"handout": "red_packet"}, "handout"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(marketer_client: Client, changes: dict[str, Any], field: str) -> None:
    assert field in errors_of(post_new(marketer_client, **changes))
    assert not Coupon.objects.exists()


def test_a_benefit_left_behind_leaves_no_figures(marketer_client: Client) -> None:
    sent = {"amount_off": "x", "tier_basis": "amount", "maximum_sets": "-1", "application": "each_unit"}
    response = post_new(marketer_client, benefit_type="fixed_price", unit_price="5", **sent)
    assert response.status_code == 302, errors_of(response)
    coupon = Coupon.objects.get()
    assert (coupon.amount_off, coupon.tier_basis, coupon.maximum_sets, coupon.application) == (None, "", None, "whole")
    assert coupon.is_partly_usable


def test_conditions_are_stored(marketer_client: Client) -> None:
    response = post_new(
        marketer_client,
        minimum_quantity="3",
        minimum_unit_price="5",
        maximum_unit_price="50",
        order_number="1",
        new_shopper_days="30",
        weekdays=["4", "5"],
        hour_from="22:00",
        hour_until="02:00",
        channels="app, web，app",
        regions="浙江、江苏",
        consumes_units="on",
        refund_policy="recalculate",
    )
    assert response.status_code == 302, errors_of(response)
    coupon = Coupon.objects.get()
    assert (coupon.minimum_quantity, coupon.minimum_unit_price, coupon.maximum_unit_price) == (3, 500, 5000)
    assert (coupon.order_number, coupon.new_shopper_days, coupon.weekdays) == (1, 30, [4, 5])
    assert (coupon.hour_from, coupon.hour_until) == (time(22), time(2))
    assert (coupon.channels, coupon.regions) == (["app", "web"], ["浙江", "江苏"])
    assert (coupon.consumes_units, coupon.refund_policy) == (True, "recalculate")
    page = marketer_client.get(page_of(coupon)).content.decode()
    assert 'value="app, web"' in page


# Tiers


TIERS = rows("tiers", {"minimum_spend": "100", "amount_off": "10"}, {"minimum_spend": "250", "percent_off": "12"})


def test_tiers_are_rows_of_the_page(marketer_client: Client) -> None:
    response = post_new(marketer_client, benefit_type="tiered", tier_basis="amount", **TIERS)
    assert response.status_code == 302, errors_of(response)
    found = Tier.objects.values_list("minimum_spend", "amount_off", "percent_off")
    assert list(found) == [(10000, 1000, None), (25000, None, Decimal(12))]


@pytest.mark.parametrize(
    ("basis", "entries", "field"),
    [
        ("quantity", [{"minimum_spend": "100", "amount_off": "10"}], "tiers-0-minimum_quantity"),
        ("amount", [{"minimum_quantity": "2", "amount_off": "10"}], "tiers-0-minimum_spend"),
        (
            "amount",
            [{"minimum_spend": "1", "amount_off": "1"}, {"minimum_spend": "1", "amount_off": "2"}],
            "tiers-1-minimum_spend",
        ),
        ("amount", [{"minimum_spend": "100"}], "tiers-0-__all__"),
        ("amount", [{"minimum_spend": "100", "amount_off": "10", "percent_off": "5"}], "tiers-0-__all__"),
    ],
)
def test_a_tier_is_checked_in_its_row(
    marketer_client: Client, basis: str, entries: list[dict[str, str]], field: str
) -> None:
    response = post_new(marketer_client, benefit_type="tiered", tier_basis=basis, **rows("tiers", *entries))
    assert field in errors_of(response)
    assert not Coupon.objects.exists()


def test_tiers_of_a_benefit_that_is_not_chosen_are_neither_read_nor_kept(marketer_client: Client) -> None:
    unread = rows("tiers", {"minimum_spend": "nonsense"})
    assert post_new(marketer_client, **unread).status_code == 302
    assert not Tier.objects.exists()
    post_new(marketer_client, benefit_type="tiered", tier_basis="amount", **TIERS)
    coupon = Coupon.objects.latest("pk")
    stored = rows("tiers", *({"id": tier.pk, "coupon": coupon.pk} for tier in coupon.tiers.all()), stored=2)
    assert marketer_client.post(page_of(coupon), new_coupon(**stored)).status_code == 302
    coupon.refresh_from_db()
    assert coupon.benefit_type == "amount_off"
    assert not coupon.tiers.exists()


# Limits of a fit-your-own coupon


def test_the_limits_of_a_fit_your_own_coupon_stand_beside_it(marketer_client: Client) -> None:
    response = post_new(marketer_client, **rows("envelope", ENVELOPE))
    assert response.status_code == 302, errors_of(response)
    envelope = Envelope.objects.get()
    assert (envelope.amount_minimum, envelope.amount_maximum, envelope.factor_longest) == (500, 3000, 8)


# Scope


def test_a_product_may_be_counted_and_asked_for_but_not_counted_twice(marketer_client: Client) -> None:
    product = factories.make_product()
    both = rows("scope_entries", {"mode": "include", "product": product.pk}, {"mode": "require", "product": product.pk})
    assert post_new(marketer_client, **both).status_code == 302
    assert set(ScopeEntry.objects.values_list("mode", flat=True)) == {"include", "require"}
    contrary = rows(
        "scope_entries", {"mode": "include", "product": product.pk}, {"mode": "exclude", "product": product.pk}
    )
    assert "scope_entries-1-product" in errors_of(post_new(marketer_client, **contrary))


def test_buy_some_get_some_may_give_other_products(marketer_client: Client) -> None:
    product = factories.make_product()
    sent = {"benefit_type": "buy_x_get_y", "buy_quantity": "1", "get_quantity": "1"}
    given = rows("scope_entries", {"mode": "give", "product": product.pk})
    assert post_new(marketer_client, **sent, **given).status_code == 302
    assert ScopeEntry.objects.get().mode == "give"


# Handed out by itself


def test_an_automatic_promotion_is_usable_as_long_as_it_is_handed_out(marketer_client: Client) -> None:
    response = post_new(
        marketer_client, handout="automatic", usable_days="", stock_released="", stock_is_unlimited="on"
    )
    assert response.status_code == 302, errors_of(response)
    coupon = Coupon.objects.get()
    assert coupon.usable_until == coupon.claim_ends_at


# Fixed from the first claim on


def test_fixed_terms_are_read_in_words(marketer_client: Client) -> None:
    coupon = factories.make_coupon(weekdays=[0, 6], channels=["app"], regions=[])
    factories.make_claim(coupon=coupon)
    page = marketer_client.get(page_of(coupon)).content.decode()
    assert "Monday, Sunday" in page
    assert "[0, 6]" not in page
    sent = new_coupon(weekdays=["3"], channels="web", claim_ends_at_0="2099-01-01")
    assert marketer_client.post(page_of(coupon), sent).status_code == 302
    coupon.refresh_from_db()
    assert (coupon.weekdays, coupon.channels) == ([0, 6], ["app"])


@pytest.mark.parametrize(
    ("benefit", "shown"),
    [
        ({"benefit_type": "tiered", "tier_basis": "amount"}, {"tiers", "scope_entries"}),
        ({"benefit_type": "amount_off", "amount_off": 100}, {"envelope", "scope_entries"}),
        ({"benefit_type": "fixed_price", "unit_price": 100}, {"scope_entries"}),
    ],
)
def test_a_claimed_coupon_shows_the_tables_of_its_benefit_alone(
    superuser_client: Client, benefit: dict[str, Any], shown: set[str]
) -> None:
    coupon = factories.make_coupon(**benefit)
    factories.make_claim(coupon=coupon)
    found = superuser_client.get(page_of(coupon)).context["inline_admin_formsets"]
    assert {inline.formset.prefix for inline in found} == shown | {"release_batches", "stock_policy"}


# Budgets


def test_a_coupon_is_put_under_budgets(marketer_client: Client) -> None:
    sent = {"name": "Autumn", "cap": "1000"}
    assert marketer_client.post(reverse("admin:coupons_budget_add"), sent).status_code == 302
    budget = Budget.objects.get()
    assert (budget.cap, budget.spent) == (100000, 0)
    assert post_new(marketer_client, budgets=[budget.pk]).status_code == 302
    assert list(Coupon.objects.get().budgets.all()) == [budget]
    page = marketer_client.get(reverse("admin:coupons_budget_changelist")).content.decode()
    assert "1,000.00" in page


def test_a_cap_stays_above_what_is_spent(marketer_client: Client) -> None:
    budget = factories.make_budget(cap=500_00, spent=200_00)
    path = reverse("admin:coupons_budget_change", args=[budget.pk])
    refused = marketer_client.post(path, {"name": budget.name, "cap": "199.99"})
    assert "cap" in refused.context["adminform"].form.errors
    assert marketer_client.post(path, {"name": budget.name, "cap": "200", "spent": "0"}).status_code == 302
    budget.refresh_from_db()
    assert (budget.cap, budget.spent) == (200_00, 200_00)


def test_a_budget_is_not_deleted(superuser_client: Client) -> None:
    budget = factories.make_budget()
    path = reverse("admin:coupons_budget_delete", args=[budget.pk])
    assert superuser_client.post(path, {"post": "yes"}).status_code == 403


# The preview


def preview(client: Client, **changes: Any) -> str:
    response = client.post(reverse("admin:coupons_coupon_preview"), new_coupon(**changes))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    ("changes", "en", "zh"),
    [
        ({"benefit_type": "bundle_price", "bundle_quantity": "3", "bundle_price": "20"}, "3 for ¥20.00", "3件 ¥20.00"),
        ({"benefit_type": "tiered", "tier_basis": "amount", **TIERS}, "¥10.00 off from ¥100.00, 12% off", "低至8.8折"),
        ({"benefit_type": "tiered"}, "more off, the more you buy", "多买多减"),
        (rows("envelope", ENVELOPE), "up to ¥30.00 off", "条件自选"),
        ({"weekdays": ["5"], "channels": "app"}, "Only Saturday", "仅限app下单"),
        ({"benefit_type": "gift_item"}, "Free gift", "赠品"),
        ({"benefit_type": "cash", "amount_off": ""}, "Cash", "现金"),
        ({"benefit_type": "buy_x_get_y"}, "free", "送"),
        ({"benefit_type": ""}, "off", "立减"),
        ({"benefit_type": "nonsense"}, "off", "立减"),
    ],
)
def test_the_preview_shows_any_kind_however_far_it_is_filled(
    marketer_client: Client, changes: dict[str, Any], en: str, zh: str
) -> None:
    text = preview(marketer_client, **changes)
    assert en in text
    assert zh in text
    assert not Coupon.objects.exists()


def test_the_preview_of_a_stored_coupon_shows_the_rows_that_are_typed(marketer_client: Client) -> None:
    post_new(marketer_client, benefit_type="tiered", tier_basis="amount", **TIERS)
    coupon = Coupon.objects.get()
    typed = rows("tiers", {"minimum_spend": "90", "amount_off": "9"}, {"minimum_spend": "half-typ"})
    sent = new_coupon(benefit_type="tiered", tier_basis="amount", **typed)
    path = f"{reverse('admin:coupons_coupon_preview')}?id={coupon.pk}"
    text = marketer_client.post(path, sent).content.decode()
    assert "¥9.00 off from ¥90.00" in text
    assert coupon.tiers.count() == 2


def test_a_clone_takes_tiers_limits_scope_and_budgets_along(marketer_client: Client) -> None:
    budget = factories.make_budget(spent=5_00)
    product = factories.make_product()
    sent = {**rows("envelope", ENVELOPE), **rows("scope_entries", {"mode": "require", "product": product.pk})}
    assert post_new(marketer_client, budgets=[budget.pk], **sent).status_code == 302
    tiered = post_new(marketer_client, benefit_type="tiered", tier_basis="amount", **TIERS)
    assert tiered.status_code == 302
    for coupon in list(Coupon.objects.order_by("pk")):
        marketer_client.post(page_of(coupon, "clone"), {"_form_submitted": "on"})
    of_limits, of_tiers = Coupon.objects.order_by("pk")[2:]
    assert of_limits.envelope.spend_maximum == 240_00
    assert of_limits.scope_entries.get().mode == "require"
    assert list(of_limits.budgets.all()) == [budget]
    assert [tier.minimum_spend for tier in of_tiers.tiers.all()] == [100_00, 250_00]
    assert (Envelope.objects.count(), Tier.objects.count()) == (2, 4)
    budget.refresh_from_db()
    assert budget.spent == 5_00


# Queued mode


def test_a_coupon_on_the_showcase_can_queue_shoppers_up(marketer_client: Client) -> None:
    assert post_new(marketer_client, is_queued="on").status_code == 302
    assert Coupon.objects.get().is_queued


def test_no_other_coupon_can(marketer_client: Client) -> None:
    errors = errors_of(post_new(marketer_client, is_queued="on", handout="code"))
    assert errors["__all__"] == ["Only coupons on the showcase can queue shoppers up."]


def test_what_queues_up_has_the_same_terms_for_all(marketer_client: Client) -> None:
    errors = errors_of(post_new(marketer_client, is_queued="on", **rows("envelope", ENVELOPE)))
    assert errors["envelope"] == ["A coupon that queues shoppers up has the same terms for all."]
