"""POST /quotes and the life of an order: lock, edit, redeem, release, refund."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from coupons.enums import ClaimState, OrderState
from coupons.models import Claim, Order, Product
from tests.api.calls import assert_problem, get, new_key, post, put
from tests.factories import make_budget, make_claim, make_coupon, make_product
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def claim(shopper: User) -> Claim:
    """10.00 off from 99.00 on."""
    return make_claim(shopper=shopper, minimum_spend=99_00)


def cart(product: Product, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"lines": [{"sku": product.sku, "quantity": quantity}], **more}


def lock(client: APIClient, product: Product, claims: list[Claim], reference: str = "SO-1", **more: Any) -> Any:
    body = cart(product, reference=reference, claims=[str(claim.public_id) for claim in claims], **more)
    return post(client, "orders", body)


def test_a_quote_applies_what_the_wallet_holds(shopper_client: APIClient, product: Product, claim: Claim) -> None:
    body = post(shopper_client, "quotes", cart(product, 2)).json()

    assert (body["currency"], body["subtotal"], body["discount"], body["shipping"], body["payable"]) == (
        "CNY",
        "200.00",
        "10.00",
        "0.00",
        "190.00",
    )
    assert body["lines"] == [
        {
            "sku": product.sku,
            "name": product.name,
            "quantity": 2,
            "unit_price": "100.00",
            "amount": "200.00",
            "discount": "10.00",
            "payable": "190.00",
            "tax": "0.00",
        }
    ]
    (coupon,) = body["coupons"]
    assert (coupon["claim"], coupon["status"], coupon["amount"]) == (str(claim.public_id), "applied", "10.00")
    assert coupon["code"] is None


def test_a_quote_explains_a_coupon_that_does_not_apply(shopper_client: APIClient, claim: Claim) -> None:
    body = post(shopper_client, "quotes", cart(make_product(price=60_00))).json()

    (coupon,) = body["coupons"]
    assert (coupon["status"], coupon["code"], coupon["amount"]) == ("refused", "threshold_not_met", "0.00")
    assert coupon["data"]["missing_amount"] == "39.00"
    assert "39.00" in coupon["detail"]
    assert body["payable"] == "60.00"


def test_a_coupon_that_was_not_chosen_is_available(shopper_client: APIClient, product: Product, claim: Claim) -> None:
    body = post(shopper_client, "quotes", cart(product, claims=[])).json()

    assert body["payable"] == "100.00"
    assert [(coupon["status"], coupon["amount"]) for coupon in body["coupons"]] == [("available", "10.00")]


def test_an_empty_cart_costs_nothing(shopper_client: APIClient) -> None:
    assert post(shopper_client, "quotes", {"lines": []}).json()["payable"] == "0.00"


def test_a_backend_prices_for_nobody_and_with_its_own_prices(shop_client: APIClient, product: Product) -> None:
    lines = [{"sku": product.sku, "quantity": 3, "unit_price": "33.33"}]

    body = post(shop_client, "quotes", {"lines": lines, "shipping": "6.00"}).json()

    assert (body["subtotal"], body["payable"], body["coupons"]) == ("99.99", "105.99", [])


def test_a_shopper_cannot_name_a_price(shopper_client: APIClient, product: Product) -> None:
    body = {"lines": [{"sku": product.sku, "quantity": 1, "unit_price": "0.01"}]}

    assert_problem(post(shopper_client, "quotes", body), 403, "integrators_only", "lines[0].unit_price")
    assert_problem(
        post(shopper_client, "orders", {**body, "reference": "SO-1"}), 403, "integrators_only", "lines[0].unit_price"
    )


def test_an_unknown_product_is_named(shopper_client: APIClient, product: Product) -> None:
    body = {"lines": [{"sku": product.sku, "quantity": 1}, {"sku": "NO-SUCH", "quantity": 1}]}

    problem = assert_problem(post(shopper_client, "quotes", body), 400, "product_unknown", "lines[1].sku")

    assert problem["sku"] == "NO-SUCH"


def test_an_order_is_locked_redeemed_and_refunded(shop_client: APIClient, product: Product, claim: Claim) -> None:
    owner = {"shopper": str(claim.shopper.public_id)}

    locked = lock(shop_client, product, [claim], expected_payable="90.00", **owner)
    assert locked.status_code == 201, locked.content
    order = locked.json()
    assert (order["state"], order["payable"], order["discount"]) == ("locked", "90.00", "10.00")
    assert [(coupon["claim"], coupon["amount"]) for coupon in order["coupons"]] == [(str(claim.public_id), "10.00")]
    assert get(shop_client, f"claims/{claim.public_id}").json()["order"] == order["id"]

    redeemed = post(shop_client, f"orders/{order['id']}/redeem")
    assert redeemed.status_code == 200, redeemed.content
    assert redeemed.json()["state"] == "redeemed"
    assert get(shop_client, f"claims/{claim.public_id}").json()["state"] == "redeemed"

    refunded = post(shop_client, f"orders/{order['id']}/refund").json()
    assert (refunded["state"], refunded["refunded"]) == ("refunded", "90.00")
    assert get(shop_client, f"claims/{claim.public_id}").json()["state"] == "available"


def test_a_cancelled_order_gives_its_claims_back(shopper_client: APIClient, product: Product, claim: Claim) -> None:
    order = lock(shopper_client, product, [claim]).json()

    released = post(shopper_client, f"orders/{order['id']}/release")

    assert released.json()["state"] == "released"
    claim.refresh_from_db()
    assert claim.state == ClaimState.AVAILABLE


def test_steps_that_do_not_follow_are_refused(shopper_client: APIClient, product: Product, claim: Claim) -> None:
    order = lock(shopper_client, product, [claim]).json()["id"]

    assert assert_problem(post(shopper_client, f"orders/{order}/refund"), 409, "wrong_order_state")["state"] == "locked"
    post(shopper_client, f"orders/{order}/redeem")
    for step in ("redeem", "release"):
        problem = assert_problem(post(shopper_client, f"orders/{order}/{step}"), 409, "wrong_order_state")
        assert problem["state"] == "redeemed"


def test_a_claim_is_used_once(shopper_client: APIClient, product: Product, claim: Claim) -> None:
    order = lock(shopper_client, product, [claim]).json()["id"]
    assert_problem(lock(shopper_client, product, [claim], "SO-2"), 409, "claim_locked")
    post(shopper_client, f"orders/{order}/redeem")
    assert_problem(lock(shopper_client, product, [claim], "SO-2"), 409, "already_redeemed")


def test_a_coupon_that_does_nothing_is_refused_with_what_is_missing(shopper_client: APIClient, claim: Claim) -> None:
    problem = assert_problem(lock(shopper_client, make_product(price=60_00), [claim]), 422, "coupon_refused")

    assert (problem["reason"], problem["missing_amount"]) == ("threshold_not_met", "39.00")
    assert problem["claim"] == str(claim.public_id)


def test_a_price_above_the_one_shown_is_refused(shopper_client: APIClient, product: Product) -> None:
    problem = assert_problem(lock(shopper_client, product, [], expected_payable="99.99"), 409, "quote_changed")

    assert (problem["expected_amount"], problem["payable_amount"]) == ("99.99", "100.00")


def test_a_reference_is_used_once(shopper_client: APIClient, product: Product) -> None:
    order = lock(shopper_client, product, []).json()["id"]

    assert assert_problem(lock(shopper_client, product, []), 409, "reference_taken")["order"] == order


@pytest.mark.parametrize("step", ["", "redeem", "release", "refund"])
def test_a_real_shops_orders_come_from_its_backend_alone(
    shopper_client: APIClient, product: Product, settings: Any, step: str
) -> None:
    order = lock(shopper_client, product, []).json()["id"]
    settings.DEMO_CHECKOUT = False

    answer = post(shopper_client, f"orders/{order}/{step}") if step else lock(shopper_client, product, [], "SO-2")

    assert_problem(answer, 403, "integrators_only")
    assert Order.objects.get().state == OrderState.LOCKED
    assert get(shopper_client, f"orders/{order}").status_code == 200


def test_orders_are_listed_newest_first_by_state_and_reference(
    shopper: User, shopper_client: APIClient, shop_client: APIClient, product: Product
) -> None:
    first, second = (lock(shopper_client, product, [], f"SO-{number}").json()["id"] for number in (1, 2))
    post(shopper_client, f"orders/{first}/redeem")

    def ids(client: APIClient, **query: str) -> list[str]:
        return [order["id"] for order in get(client, "orders", **query).json()["results"]]

    assert ids(shopper_client) == [second, first]
    assert ids(shopper_client, state="redeemed") == [first]
    assert ids(shop_client, reference="SO-2") == [second]
    assert ids(shop_client, shopper=str(shopper.public_id)) == [second, first]


def test_a_list_of_orders_takes_a_fixed_number_of_queries(shopper: User, shopper_client: APIClient) -> None:
    def order_something() -> None:
        claim = make_claim(shopper=shopper)
        assert lock(shopper_client, make_product(), [claim], new_key()).status_code == 201

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert get(shopper_client, "orders").status_code == 200
        return len(captured)

    order_something()
    few = queries()
    for _ in range(6):
        order_something()

    assert queries() == few
    assert few <= 11


def test_a_claim_named_twice_is_chosen_once(shopper_client: APIClient, product: Product, claim: Claim) -> None:
    body = post(shopper_client, "quotes", cart(product, claims=[str(claim.public_id)] * 2)).json()

    assert body["discount"] == "10.00"
    assert [(coupon["status"], coupon["amount"]) for coupon in body["coupons"]] == [("applied", "10.00")]
    assert lock(shopper_client, product, [claim, claim]).json()["discount"] == "10.00"


def test_an_unpaid_order_is_edited(shop_client: APIClient, product: Product, claim: Claim) -> None:
    order = lock(shop_client, product, [claim], shopper=str(claim.shopper.public_id)).json()

    edited = put(shop_client, f"orders/{order['id']}", cart(product, 3, shipping="8.00", expected_payable="308.00"))

    assert edited.status_code == 200, edited.content
    body = edited.json()
    assert (body["id"], body["state"], body["payable"], body["coupons"]) == (order["id"], "locked", "308.00", [])
    assert get(shop_client, f"claims/{claim.public_id}").json()["state"] == "available"


def test_a_paid_order_is_not_edited(shopper_client: APIClient, product: Product) -> None:
    order = lock(shopper_client, product, []).json()["id"]
    post(shopper_client, f"orders/{order}/redeem")

    assert_problem(put(shopper_client, f"orders/{order}", cart(product, 3)), 409, "wrong_order_state")


def test_an_edit_is_done_once_under_its_key(shopper_client: APIClient, product: Product) -> None:
    order = lock(shopper_client, product, []).json()["id"]
    answers = [put(shopper_client, f"orders/{order}", cart(product, 2), key="edit") for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert answers[1]["Idempotency-Replayed"] == "true"
    assert_problem(put(shopper_client, f"orders/{order}", cart(product, 3), key="edit"), 422, "idempotency_key_reused")


def test_units_are_refunded_line_by_line(shopper_client: APIClient, claim: Claim) -> None:
    """150.00 and 60.00 with 10.00 off; the first line back, then the rest."""
    dear, cheap = make_product(price=150_00), make_product(price=60_00)
    lines = [{"sku": dear.sku, "quantity": 1}, {"sku": cheap.sku, "quantity": 2}]
    body = {"lines": lines, "reference": "SO-1", "claims": [str(claim.public_id)], "shipping": "5.00"}
    order = post(shopper_client, "orders", body).json()
    post(shopper_client, f"orders/{order['id']}/redeem")

    partly = post(shopper_client, f"orders/{order['id']}/refund", {"lines": [{"number": 1, "quantity": 1}]}).json()

    assert (partly["state"], partly["payable"], partly["refunded"]) == ("redeemed", "265.00", "144.44")
    assert [(line["number"], line["returned"], line["refunded"]) for line in partly["lines"]] == [
        (1, 1, "144.44"),
        (2, 0, "0.00"),
    ]
    (refund,) = partly["refunds"]
    assert (refund["amount"], refund["shipping"]) == ("144.44", "0.00")
    assert refund["lines"] == [{"number": 1, "quantity": 1, "amount": "144.44"}]

    fully = post(shopper_client, f"orders/{order['id']}/refund").json()
    assert (fully["state"], fully["refunded"]) == ("refunded", "265.00")
    assert [(refund["amount"], refund["shipping"]) for refund in fully["refunds"]] == [
        ("144.44", "0.00"),
        ("120.56", "5.00"),
    ]


def test_more_than_was_bought_is_never_refunded(shopper_client: APIClient, product: Product) -> None:
    order = lock(shopper_client, product, []).json()["id"]
    post(shopper_client, f"orders/{order}/redeem")

    def refund(number: int, quantity: int) -> Any:
        return post(shopper_client, f"orders/{order}/refund", {"lines": [{"number": number, "quantity": quantity}]})

    problem = assert_problem(refund(1, 2), 409, "too_many_returned", "lines[0].quantity")
    assert (problem["number"], problem["returnable"]) == (1, 1)
    assert_problem(refund(2, 1), 400, "invalid", "lines[0].number")
    assert_problem(refund(1, 0), 400, "invalid", "lines[0].quantity")
    assert_problem(post(shopper_client, f"orders/{order}/refund", {"lines": []}), 400, "invalid", "lines")
    assert Order.objects.get().refunded == 0


def test_a_budget_that_is_used_up_names_its_coupon(shopper: User, shopper_client: APIClient, product: Product) -> None:
    coupon = make_coupon()
    coupon.budgets.add(make_budget(cap=9_99))
    claim = make_claim(shopper=shopper, coupon=coupon)

    problem = assert_problem(lock(shopper_client, product, [claim]), 409, "budget_exhausted")

    assert (problem["coupon"], problem["claim"]) == (str(coupon.public_id), str(claim.public_id))


def test_an_order_shows_promotions_shipping_discounts_and_gifts(shopper_client: APIClient, product: Product) -> None:
    mug = make_product(price=20_00)
    make_coupon(stock=None, handout="automatic", benefit_type="shipping_off")
    make_coupon(stock=None, handout="automatic", benefit_type="gift_item", gift_product=mug, gift_quantity=2)

    order = lock(shopper_client, product, [], shipping="6.00").json()

    assert (order["shipping"], order["shipping_discount"], order["payable"]) == ("6.00", "6.00", "100.00")
    assert [(coupon["claim"], coupon["amount"], coupon["shipping_amount"]) for coupon in order["coupons"]] == [
        (None, "6.00", "6.00"),
        (None, "0.00", "0.00"),
    ]
    assert [(gift["sku"], gift["quantity"], gift["claim"]) for gift in order["gifts"]] == [(mug.sku, 2, None)]
