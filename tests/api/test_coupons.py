"""GET /coupons and /products: what can be found, in which order, page by page."""

from datetime import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from coupons.enums import CouponState
from coupons.models import Envelope, Product, ScopeEntry, Tier
from tests.api.calls import assert_problem, get
from tests.factories import api_client_for, integrator_client, make_category, make_claim, make_coupon, make_product
from users.models import User

pytestmark = pytest.mark.django_db


def titles(response) -> list[str]:
    return [coupon["title"] for coupon in response.json()["results"]]


def test_live_coupons_are_listed_and_others_are_not(shop_client: APIClient) -> None:
    live = make_coupon()
    for state in (CouponState.DRAFT, CouponState.SCHEDULED, CouponState.PAUSED, CouponState.ENDED):
        make_coupon(state=state)
    make_coupon(handout="code")

    response = get(shop_client, "coupons")

    assert response.status_code == 200
    assert titles(response) == [live.title]


def test_scheduled_coupons_are_listed_when_asked_for(shop_client: APIClient) -> None:
    make_coupon()
    scheduled = make_coupon(state=CouponState.SCHEDULED)

    results = get(shop_client, "coupons", state="scheduled").json()["results"]

    assert [(coupon["id"], coupon["state"]) for coupon in results] == [(str(scheduled.public_id), "scheduled")]


def test_coupons_are_filtered_by_category_benefit_and_words(shop_client: APIClient) -> None:
    milk, wine = make_category(), make_category()
    for title, category, benefit_type in [
        ("Milk amount", milk, "amount_off"),
        ("Milk percent", milk, "percent_off"),
        ("Wine amount", wine, "amount_off"),
    ]:
        coupon = make_coupon(title_en=title, benefit_type=benefit_type)
        ScopeEntry.objects.create(coupon=coupon, category=category)

    assert set(titles(get(shop_client, "coupons", category=milk.key))) == {"Milk amount", "Milk percent"}
    assert titles(get(shop_client, "coupons", category=milk.key, benefit_type="percent_off")) == ["Milk percent"]
    assert titles(get(shop_client, "coupons", q="wine")) == ["Wine amount"]


def test_a_coupon_shows_benefit_scope_stock_and_amounts_as_decimal_strings(shop_client: APIClient) -> None:
    product = make_product()
    coupon = make_coupon(minimum_spend=99_00, stock=7)
    ScopeEntry.objects.create(coupon=coupon, product=product)

    body = get(shop_client, f"coupons/{coupon.public_id}").json()

    said = {name: value for name, value in body["benefit"].items() if value not in (None, "", [])}
    assert said == {"type": "amount_off", "amount_off": "10.00", "application": "whole", "is_partly_usable": True}
    assert body["minimum_spend"] == "99.00"
    assert body["scope"]["include_products"] == [product.sku]
    assert body["remaining"] == 7
    assert body["claim_starts_at"].endswith("Z")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (
            {"benefit_type": "percent_off", "percent_off": 15, "discount_cap": 30_00, "maximum_units": 2},
            {"percent_off": "15.00", "discount_cap": "30.00", "maximum_units": 2},
        ),
        (
            {"benefit_type": "every_amount_off", "every_amount": 100_00, "amount_off": 10_00},
            {"every_amount": "100.00", "amount_off": "10.00"},
        ),
        ({"benefit_type": "fixed_price", "unit_price": 9_90}, {"unit_price": "9.90"}),
        (
            {"benefit_type": "bundle_price", "bundle_quantity": 3, "bundle_price": 20_00, "maximum_sets": 2},
            {"bundle_quantity": 3, "bundle_price": "20.00", "maximum_sets": 2},
        ),
        (
            {"benefit_type": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1},
            {"buy_quantity": 2, "get_quantity": 1, "percent_off": None},
        ),
        ({"benefit_type": "shipping_off"}, {"amount_off": None, "percent_off": None}),
        ({"benefit_type": "cash", "amount_off": 8_00, "is_partly_usable": False}, {"is_partly_usable": False}),
    ],
)
def test_every_benefit_shows_its_figures(shop_client: APIClient, fields: dict, shown: dict) -> None:
    benefit = get(shop_client, f"coupons/{make_coupon(**fields).public_id}").json()["benefit"]

    assert benefit["type"] == fields["benefit_type"]
    assert {name: benefit[name] for name in shown} == shown


def test_tiers_and_gifts_are_named(shop_client: APIClient) -> None:
    tiered = make_coupon(benefit_type="tiered", tier_basis="quantity")
    Tier.objects.create(coupon=tiered, minimum_quantity=2, percent_off=10)
    mug = make_product()
    gift = make_coupon(benefit_type="gift_item", gift_product=mug, gift_quantity=1)

    benefit = get(shop_client, f"coupons/{tiered.public_id}").json()["benefit"]
    assert benefit["tier_basis"] == "quantity"
    assert benefit["tiers"] == [
        {"minimum_spend": None, "minimum_quantity": 2, "amount_off": None, "percent_off": "10.00"}
    ]
    assert get(shop_client, f"coupons/{gift.public_id}").json()["benefit"]["gift_sku"] == mug.sku


def test_conditions_and_every_part_of_the_scope_are_shown(shop_client: APIClient) -> None:
    coupon = make_coupon(
        minimum_quantity=2, order_number=1, weekdays=[5], hour_from=time(18), hour_until=time(2), channels=["app"]
    )
    product = make_product()
    for mode in ("require", "forbid", "give"):
        ScopeEntry.objects.create(coupon=coupon, product=product, mode=mode)

    body = get(shop_client, f"coupons/{coupon.public_id}").json()

    assert body["conditions"] == {
        "threshold_base": "current",
        "minimum_quantity": 2,
        "minimum_unit_price": None,
        "maximum_unit_price": None,
        "order_number": 1,
        "new_shopper_days": None,
        "weekdays": [5],
        "hour_from": "18:00",
        "hour_until": "02:00",
        "channels": ["app"],
        "regions": [],
    }
    assert [body["scope"][f"{mode}_products"] for mode in ("require", "forbid", "give")] == [[product.sku]] * 3


def test_the_limits_of_a_coupon_to_fit_are_shown(shop_client: APIClient) -> None:
    coupon = make_coupon(amount_off=30_00)
    assert get(shop_client, f"coupons/{coupon.public_id}").json()["envelope"] is None
    Envelope.objects.create(
        coupon=coupon, amount_minimum=5_00, amount_maximum=30_00, amount_step=1_00, spend_maximum=240_00
    )

    body = get(shop_client, f"coupons/{coupon.public_id}").json()

    assert body["headline"] == "up to ¥30.00 off"
    assert body["envelope"] == {
        "amount_minimum": "5.00",
        "amount_maximum": "30.00",
        "amount_step": "1.00",
        "days_minimum": 1,
        "days_maximum": 14,
        "factor_shortest": "4.00",
        "factor_longest": "8.00",
        "spend_maximum": "240.00",
    }


def test_a_shopper_sees_how_many_they_have_claimed(shopper: User, shopper_client: APIClient) -> None:
    claim = make_claim(shopper=shopper)

    body = get(shopper_client, f"coupons/{claim.coupon.public_id}").json()

    assert body["claimed_by_shopper"] == 1


def test_a_coupon_speaks_the_callers_language(shop_client: APIClient, coupon) -> None:
    response = shop_client.get(f"/api/v1/coupons/{coupon.public_id}", headers={"accept-language": "zh-hans"})

    assert response.json()["title"] == coupon.title_zh


@pytest.mark.parametrize("path", ["coupons", "products"])
def test_pages_follow_each_other_without_gap_or_repetition(shop_client: APIClient, path: str) -> None:
    for _ in range(7):
        make_coupon() if path == "coupons" else make_product()
    names = "title" if path == "coupons" else "sku"

    seen, address = [], f"/api/v1/{path}?limit=3"
    for _ in range(5):
        page = shop_client.get(address).json()
        seen += [each[names] for each in page["results"]]
        address = page["next"]
        if address is None:
            break

    assert len(seen) == len(set(seen)) == 7
    assert address is None
    assert shop_client.get(page["previous"]).json()["results"]


@pytest.mark.parametrize("path", ["coupons", "products", "claims", "orders"])
@pytest.mark.parametrize("cursor", ["nonsense", "%00", "cD1ub25zZW5zZQ==", "YXQ9LTU="])
def test_a_wrong_cursor_is_refused(shop_client: APIClient, path: str, cursor: str) -> None:
    response = shop_client.get(f"/api/v1/{path}?cursor={cursor}")

    # A product's position is a name, so any text is one.
    if not (path == "products" and cursor == "cD1ub25zZW5zZQ==" and response.status_code == 200):
        assert_problem(response, 400, "cursor_invalid", "cursor")


@pytest.mark.parametrize("limit", ["0", "-1", "101", "x", "9" * 30, "１"])
def test_a_wrong_page_size_is_refused(shop_client: APIClient, limit: str) -> None:
    assert_problem(get(shop_client, "coupons", limit=limit), 400, "limit_invalid", "limit")


def test_a_misspelt_filter_is_refused_rather_than_ignored(shop_client: APIClient) -> None:
    assert_problem(get(shop_client, "coupons", stat="live"), 400, "unknown_field", "stat")
    assert_problem(get(shop_client, "coupons", sort="best"), 400, "invalid", "sort")


def test_products_are_found_by_sku_and_by_name_in_either_language(shop_client: APIClient) -> None:
    product = make_product(sku="MILK-1", name_en="Whole milk", name_zh="全脂牛奶")
    make_product()
    make_product(name_en="Milk off sale", is_on_sale=False)

    for words in ("milk-1", "whole MILK", "牛奶"):
        found = get(shop_client, "products", q=words).json()["results"]
        assert [each["sku"] for each in found] == [product.sku], words
    assert found[0]["price"] == "100.00"


def test_products_of_a_category_include_those_under_it(shop_client: APIClient) -> None:
    parent = make_category()
    child = make_category(parent=parent)
    product = make_product(category=child)
    make_product()

    found = get(shop_client, "products", category=parent.key).json()["results"]

    assert [each["sku"] for each in found] == [product.sku]


def test_lists_take_the_same_number_of_queries_for_one_row_as_for_many(shop_client: APIClient) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert get(shop_client, path).status_code == 200
        return len(captured)

    ScopeEntry.objects.create(coupon=make_coupon(), product=make_product())
    few = {path: queries(path) for path in ("coupons", "products")}
    for _ in range(9):
        ScopeEntry.objects.create(coupon=make_coupon(), product=make_product())
    assert Product.objects.count() == 10

    assert {path: queries(path) for path in ("coupons", "products")} == few
    assert few["coupons"] <= 6


def test_reading_needs_somebody(coupon) -> None:
    response = APIClient().get("/api/v1/coupons")

    assert_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_shopper_of_a_page_and_a_backend_read_the_same(shopper: User, coupon) -> None:
    one = get(api_client_for(shopper), f"coupons/{coupon.public_id}").json()
    other = get(integrator_client(["coupons:read"]), f"coupons/{coupon.public_id}").json()

    assert one == other
