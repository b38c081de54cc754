"""Prices that other shops got wrong, by name (docs/pricing.md, 23)."""

from datetime import UTC, datetime, timedelta

import pytest

from coupons.pricing import BuyXGetY, Cash, EveryAmountOff, Phase, ShippingOff
from tests.coupons.pricing.builders import (
    amount_off,
    applied_ids,
    cart,
    discounts,
    line,
    offer,
    percent_off,
    quote,
    refusals,
)

HUNDRED = cart(line("mug", 10000))


def test_ten_off_over_ten_ten_ten() -> None:
    """23.1: neither 9.99 nor 10.02 in all."""
    priced = quote(cart(line("a", 1000), line("b", 1000), line("c", 1000)), offer("c", amount_off(1000)))

    assert discounts(priced) == [334, 333, 333]
    assert priced.payable == 2000


@pytest.mark.parametrize("benefit", [amount_off(9999), percent_off(99.99), EveryAmountOff(10000, 9999)])
def test_a_threshold_that_defeats_itself(benefit: object) -> None:
    """23.2"""
    assert applied_ids(quote(HUNDRED, offer("c", benefit, over=10000))) == {"c"}  # type: ignore[arg-type]


@pytest.mark.parametrize("prices", [(333, 333, 334), (1, 1, 1), (99999, 1, 7), (10,) * 11])
@pytest.mark.parametrize("application", ["whole", "each_line", "each_unit"])
def test_everything_off_leaves_no_residue(prices: tuple[int, ...], application: str) -> None:
    """23.3"""
    lines = [line(f"sku-{number}", price, 3) for number, price in enumerate(prices)]

    assert quote(cart(*lines), offer("c", percent_off(100, application=application))).payable == 0


def test_two_promotions_larger_than_the_cart() -> None:
    """23.4: nothing below zero, and the second takes what is left."""
    priced = quote(HUNDRED, offer("a", amount_off(8000)), offer("b", amount_off(8000)))

    assert [applied.amount for applied in priced.applied] == [8000, 2000]
    assert priced.payable == 0


def test_percent_of_several_products_is_not_multiplied() -> None:
    """23.5: 10 % of three products is 10 % of their sum, once."""
    priced = quote(cart(line("a", 1000), line("b", 2000), line("c", 3000)), offer("c", percent_off(10)))

    assert discounts(priced) == [100, 200, 300]


def test_three_of_a_hundred_less_a_tenth() -> None:
    """23.6: two of three are worth exactly two thirds of 270; what a refund then gives back is its rule's."""
    priced = quote(cart(line("mug", 10000, 3)), offer("c", percent_off(10)))

    assert priced.lines[0].payable == 27000


def test_a_discount_of_a_mixed_cart_lies_where_it_was_earned() -> None:
    """23.7: 42.00 off 150.00 and 60.00 lie 30.00 and 12.00, so that a refund of the first gives 120.00."""
    priced = quote(cart(line("a", 15000), line("b", 6000)), offer("c", amount_off(4200)))

    assert [quoted.payable for quoted in priced.lines] == [12000, 4800]


def test_the_last_moment_of_the_year_in_the_shops_zone() -> None:
    """23.8: a coupon until the end of 31 December in Shanghai ends at 16:00 UTC, half-open."""
    midnight = datetime(2026, 12, 31, 16, tzinfo=UTC)
    coupon = offer("c", amount_off(100), expires_at=midnight)

    assert applied_ids(quote(HUNDRED, coupon, now=midnight - timedelta(microseconds=1))) == {"c"}
    assert refusals(quote(HUNDRED, coupon, now=midnight)) == {"c": "expired"}


def test_free_shipping_never_pays_for_products() -> None:
    """23.9: a fee of 5.00 is worth 5.00, whatever the coupon's own amount."""
    priced = quote(cart(line("a", 1000), shipping=500), offer("c", ShippingOff(amount=2000), phase=Phase.SHIPPING))

    assert priced.payable == 1000


def test_one_unit_is_not_free_twice() -> None:
    """23.10"""
    priced = quote(cart(line("a", 1000, 2)), offer("a", BuyXGetY(1, 1)), offer("b", BuyXGetY(1, 1)))

    assert priced.payable == 1000


def test_cash_is_not_spent_before_coupons() -> None:
    """23.11: a share spent first would push the order under the coupon's threshold."""
    priced = quote(
        HUNDRED,
        offer("share", Cash(500), phase=Phase.RED_PACKET, priority=9),
        offer("coupon", amount_off(2000), over=10000),
    )

    assert applied_ids(priced) == {"share", "coupon"}
