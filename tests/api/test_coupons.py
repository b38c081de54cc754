"""GET /coupons and /products: what can be found, in which order, page by page."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from coupons.enums import CouponState
from coupons.models import Product, ScopeEntry
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

    assert body["benefit"] == {"type": "amount_off", "amount_off": "10.00", "percent_off": None, "discount_cap": None}
    assert body["minimum_spend"] == "99.00"
    assert body["scope"]["include_products"] == [product.sku]
    assert body["remaining"] == 7
    assert body["claim_starts_at"].endswith("Z")


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
