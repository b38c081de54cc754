"""On which receipt a coupon was redeemed, when the data names only household, coupon and day."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from campaigns.complete_journey.matching import Evidence, FaceValues, Match, match_redemptions
from campaigns.complete_journey.promotions import CouponKey, SourceRedemption
from campaigns.complete_journey.source import STORE_ZONE, Basket, Row

DAY = date(2017, 3, 4)
COUPON = CouponKey(campaign_id=1, upc=51111100076)
COVERAGE = {COUPON: frozenset({10, 11})}
REDEMPTION = SourceRedemption(household_id=1, coupon=COUPON, redeemed_on=DAY)


def row(product_id: int, *, coupon: int = 0, match: int = 0, sales: int = 300, quantity: int = 1) -> Row:
    return Row(product_id, quantity, sales, 0, coupon, match)


def basket(basket_id: int, *rows: Row, day: date = DAY, household_id: int = 1) -> Basket:
    bought_at = datetime(day.year, day.month, day.day, 18, tzinfo=STORE_ZONE)
    return Basket(basket_id, household_id, 300, bought_at, list(rows))


COUPON_LINE = row(99, coupon=100, sales=0, quantity=0)


def found(*baskets: Basket) -> Match:
    (match,) = match_redemptions([REDEMPTION], baskets, COVERAGE)
    return match


def test_a_covered_product_with_a_coupon_discount_is_the_line():
    match = found(basket(1, row(20)), basket(2, row(10), row(11, coupon=100)))
    assert (match.evidence, match.basket_id, match.product_id) == (Evidence.LINE, 2, 11)


def test_a_coupon_on_a_line_of_its_own_beside_a_covered_product_is_the_receipt():
    match = found(basket(1, row(20)), basket(2, row(10), COUPON_LINE))
    assert (match.evidence, match.basket_id, match.product_id) == (Evidence.RECEIPT, 2, None)


@pytest.mark.parametrize(
    "baskets",
    [
        [basket(1, row(20))],
        [basket(1, row(10)), basket(2, row(20))],
        [basket(1, row(20, coupon=50)), basket(2, row(21))],
    ],
    ids=["the only one of the day", "the only one with a covered product", "the only one with any coupon"],
)
def test_a_receipt_that_stands_out_is_the_visit(baskets: list[Basket]):
    match = found(*baskets)
    assert (match.evidence, match.basket_id) == (Evidence.VISIT, 1)


@pytest.mark.parametrize(
    "baskets",
    [
        [basket(1, row(20)), basket(2, row(21))],
        [basket(1, row(10, coupon=100), day=date(2017, 3, 5))],
        [basket(1, row(10, coupon=100), household_id=2)],
        [basket(1, COUPON_LINE)],
    ],
    ids=["nothing tells them apart", "another day", "another household", "nothing was sold"],
)
def test_without_evidence_nothing_is_invented(baskets: list[Basket]):
    assert found(*baskets) == Match(REDEMPTION, Evidence.NONE)


def test_two_coupons_rather_take_two_lines_than_share_one():
    other = CouponKey(campaign_id=1, upc=52222200050)
    coverage = {**COVERAGE, other: frozenset({11})}
    matches = match_redemptions(
        [REDEMPTION, SourceRedemption(1, other, DAY)],
        [basket(1, row(10, coupon=50), row(11, coupon=100))],
        coverage,
    )
    assert {match.redemption.coupon: match.product_id for match in matches} == {COUPON: 10, other: 11}


def test_a_face_value_comes_from_the_nearest_redemptions():
    of_line = basket(1, row(10, coupon=75, match=25))
    faces = FaceValues([Match(REDEMPTION, Evidence.LINE, 1, 10)], {1: of_line})
    same_value_code = CouponKey(campaign_id=9, upc=59999900076)
    assert (faces.of(COUPON), faces.observations(COUPON)) == (100, 1)
    assert (faces.of(same_value_code), faces.observations(same_value_code)) == (100, 0)
