"""From a till's receipt to order lines: exact to the cent, whatever the coupons did."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from campaigns.complete_journey.receipts import CouponLine, Line, PricedReceipt, Sale, price_receipt


def amounts(receipt: PricedReceipt) -> list[tuple[int, int, int, int]]:
    return [(line.unit_price, line.quantity, line.discount, line.payable) for line in receipt.lines]


def test_a_sale_without_a_coupon_is_one_line():
    receipt = price_receipt([Sale(product_id=1, quantity=3, amount=600)])
    assert amounts(receipt) == [(200, 3, 0, 600)]


def test_an_amount_that_the_quantity_does_not_divide_becomes_two_lines_a_cent_apart():
    receipt = price_receipt([Sale(product_id=1, quantity=3, amount=400)])
    assert amounts(receipt) == [(133, 2, 0, 266), (134, 1, 0, 134)]


def test_a_coupon_takes_off_its_own_line():
    receipt = price_receipt([Sale(1, 1, 500, discount=100), Sale(2, 1, 300)])
    assert amounts(receipt) == [(500, 1, 100, 400), (300, 1, 0, 300)]
    assert receipt.lines[0].parts == [(None, 100)]


def test_what_exceeds_its_line_comes_off_the_rest_of_the_receipt():
    receipt = price_receipt([Sale(1, 1, 40, discount=100), Sale(2, 1, 300)], claims_of_product={1: [7]})
    assert amounts(receipt) == [(40, 1, 40, 0), (300, 1, 60, 240)]
    assert [part for line in receipt.lines for part in line.parts] == [(7, 40), (7, 60)]


def test_two_claims_on_one_line_share_its_discount():
    receipt = price_receipt([Sale(1, 2, 900, discount=101)], claims_of_product={1: [7, 8]})
    assert receipt.lines[0].parts == [(7, 51), (8, 50)]


def test_coupon_money_on_a_line_of_its_own_goes_to_the_claims_products_first():
    receipt = price_receipt(
        [Sale(1, 1, 500), Sale(2, 1, 500)],
        loose_discount=150,
        coupon_lines=[CouponLine(claim=7, amount=100, covered=frozenset({2}))],
    )
    assert receipt.lines[0].parts == [(None, 28)]
    assert receipt.lines[1].parts == [(7, 100), (None, 22)]


def test_no_order_goes_below_zero():
    receipt = price_receipt([Sale(1, 1, 100, discount=150)])
    assert amounts(receipt) == [(100, 1, 100, 0)]
    assert receipt.dropped == 50


def test_a_receipt_of_coupons_alone_has_no_lines():
    receipt = price_receipt([], loose_discount=200)
    assert (receipt.lines, receipt.dropped) == ([], 200)


sales = st.lists(
    st.builds(
        Sale,
        product_id=st.integers(1, 5),
        quantity=st.integers(1, 200),
        amount=st.integers(0, 10_000),
        discount=st.integers(0, 3_000),
    ),
    max_size=12,
)


@given(sales, st.integers(0, 5_000), st.integers(0, 500))
def test_every_cent_is_accounted_for(sold: list[Sale], loose: int, claimed: int):
    receipt = price_receipt(
        sold,
        loose_discount=loose,
        claims_of_product={1: [7, 8]},
        coupon_lines=[CouponLine(claim=9, amount=claimed, covered=frozenset({2}))],
    )
    lines: list[Line] = receipt.lines
    assert sum(line.amount for line in lines) == sum(sale.amount for sale in sold)
    assert sum(line.quantity for line in lines) == sum(sale.quantity for sale in sold)
    taken = sum(line.discount for line in lines)
    assert taken + receipt.dropped == loose + sum(sale.discount for sale in sold)
    assert all(line.payable >= 0 and line.quantity >= 1 for line in lines)
    assert receipt.dropped == 0 or sum(line.payable for line in lines) == 0
