"""What one coupon takes off which line. The case numbers are those of docs/pricing.md."""

import pytest

from coupons.pricing import Cart, Offer, Scope
from tests.coupons.pricing.builders import (
    amount_off,
    assert_books_balance,
    cart,
    discounts,
    line,
    offer,
    only,
    only_category,
    percent_off,
    quote,
    refusals,
)

THREE_ALIKE = cart(line("pear", 1000), line("apple", 1000), line("fig", 1000))
MIXED = cart(
    line("milk", 600, 2, category="dairy"),
    line("cheese", 800, category="dairy"),
    line("wine", 3000, category="alcohol"),
)


@pytest.mark.parametrize(
    ("priced_cart", "coupon", "expected"),
    [
        pytest.param(cart(line("a", 10000)), offer("c", amount_off(1000)), [1000], id="1.1"),
        pytest.param(THREE_ALIKE, offer("c", amount_off(1000)), [334, 333, 333], id="1.2 odd cent goes first"),
        pytest.param(cart(line("a", 10000)), offer("c", amount_off(20000)), [10000], id="1.3 never below 0"),
        pytest.param(
            cart(line("shirt", 5000, floor_price=4500), line("mug", 2000, 3)),
            offer("c", amount_off(2500)),
            [500, 2000],
            id="1.4 what a floor keeps back goes to the others",
        ),
        pytest.param(
            cart(line("shirt", 5000, floor_price=4500), line("mug", 2000, floor_price=2000)),
            offer("c", amount_off(2500)),
            [500, 0],
            id="1.5 no more than the room above the floors",
        ),
        pytest.param(cart(line("free", 0), line("a", 100)), offer("c", amount_off(50)), [0, 50], id="1.6"),
        pytest.param(
            cart(line("a", 10000, 11), line("b", 10000)),
            offer("c", percent_off(20)),
            [22000, 2000],
            id="2.1",
        ),
        pytest.param(
            cart(line("a", 237, 6), line("b", 328)),
            offer("c", percent_off(3)),
            [43, 10],
            id="2.2 half a cent rounds up, once, on the total: 52.5 is 53",
        ),
        pytest.param(
            cart(line("a", 104), line("b", 204), line("c", 304), line("d", 404)),
            offer("c", percent_off(10)),
            [10, 20, 31, 41],
            id="2.3 no rounding per line: 101.6 is 102",
        ),
        pytest.param(
            cart(line("a", 30000), line("b", 10000)),
            offer("c", percent_off(20, cap=5000)),
            [3750, 1250],
            id="2.4 capped",
        ),
        pytest.param(cart(line("a", 1000)), offer("c", percent_off(12.5)), [125], id="2.5 basis points"),
        pytest.param(
            cart(line("a", 333, 3), line("b", 1)),
            offer("c", percent_off(100)),
            [999, 1],
            id="2.6 everything off leaves no residue",
        ),
        pytest.param(
            cart(line("a", 1000, floor_price=900), line("b", 1000)),
            offer("c", percent_off(20)),
            [100, 300],
            id="2.7 floors",
        ),
    ],
)
def test_benefit(priced_cart: Cart, coupon: Offer, expected: list[int]) -> None:
    priced = quote(priced_cart, coupon)

    assert discounts(priced) == expected
    assert_books_balance(priced, [coupon])


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param(only("wine"), [0, 0, 2000], id="3.1 a product"),
        pytest.param(only_category("dairy"), [1200, 800, 0], id="3.2 a category"),
        pytest.param(
            Scope(
                include_skus=frozenset({"wine"}),
                include_categories=frozenset({"dairy"}),
                exclude_skus=frozenset({"cheese"}),
            ),
            [571, 0, 1429],
            id="3.3 product or category, without an excluded product",
        ),
        pytest.param(
            Scope(exclude_categories=frozenset({"alcohol"})),
            [1200, 800, 0],
            id="3.4 everything but a category",
        ),
        pytest.param(
            Scope(include_skus=frozenset({"wine"}), exclude_categories=frozenset({"alcohol"})),
            [0, 0, 0],
            id="3.5 an exclusion outweighs an inclusion",
        ),
    ],
)
def test_scope(scope: Scope, expected: list[int]) -> None:
    assert discounts(quote(MIXED, offer("c", amount_off(2000), scope=scope))) == expected


def test_nothing_in_scope_is_refused() -> None:
    """3.6"""
    priced = quote(MIXED, offer("c", amount_off(100), scope=only("tea")))

    assert refusals(priced) == {"c": "no_eligible_products"}
    assert priced.payable == MIXED.subtotal


@pytest.mark.parametrize(
    "coupon",
    [
        pytest.param(offer("c", percent_off(1)), id="rounds to nothing"),
        pytest.param(offer("c", amount_off(5), scope=only("kept")), id="all at the floor"),
    ],
)
def test_a_coupon_without_effect_is_refused_and_so_never_spent(coupon: Offer) -> None:
    """3.7"""
    priced = quote(cart(line("a", 10), line("kept", 20, floor_price=20)), coupon)

    assert refusals(priced) == {"c": "nothing_to_discount"}


def test_shipping_is_paid_in_full_whatever_an_order_coupon_takes_off() -> None:
    """1.7"""
    priced = quote(cart(line("a", 100), shipping=900), offer("c", amount_off(500)))

    assert (priced.subtotal, priced.discount_total) == (100, 100)
    assert (priced.shipping, priced.payable) == (900, 900)


def test_an_empty_cart_costs_its_shipping() -> None:
    """3.8"""
    priced = quote(cart(shipping=900), offer("c", amount_off(500)))

    assert refusals(priced) == {"c": "no_eligible_products"}
    assert priced.payable == 900
