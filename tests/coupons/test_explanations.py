"""A quote's outcome as a sentence."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.utils import timezone, translation

from coupons.explanations import explain
from coupons.pricing import Applied, Gift, Outcome, RefusalCode, RefusalData, Refused

CONFLICT: RefusalData = {"conflicting_offer_id": "7", "conflicting_coupon_id": "70", "stacking_group": "brand"}
MOMENT = datetime(2026, 11, 21, 16, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def english_shopper_in_shanghai() -> Iterator[None]:
    with translation.override("en"), timezone.override("Asia/Shanghai"):
        yield


def money(amount: int) -> str:
    return f"¥{amount / 100:.2f}"


def refused(code: RefusalCode, data: RefusalData) -> Outcome:
    return Refused("1", "10", code, data)


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (Applied("1", "10", 1000, ()), "You save ¥10.00 with this coupon."),
        (
            refused(
                RefusalCode.THRESHOLD_NOT_MET,
                {"required_amount": 10000, "eligible_amount": 8800, "missing_amount": 1200},
            ),
            "Spend ¥12.00 more on eligible products to use this coupon.",
        ),
        (
            refused(RefusalCode.NO_ELIGIBLE_PRODUCTS, {}),
            "None of the products in your cart is eligible for this coupon.",
        ),
        (refused(RefusalCode.EXPIRED, {"expired_at": MOMENT}), "This coupon has expired (Nov. 22, 2026, 12:30 a.m.)."),
        (
            refused(RefusalCode.NOT_YET_VALID, {"usable_from": MOMENT}),
            "This coupon cannot be used yet (from Nov. 22, 2026, 12:30 a.m.).",
        ),
        (
            refused(RefusalCode.EXCLUSIVE_CONFLICT, CONFLICT),
            "Another coupon on this order cannot be combined with any other.",
        ),
        (refused(RefusalCode.GROUP_TAKEN, CONFLICT), "A coupon of the same kind is already used on this order."),
        (refused(RefusalCode.DUPLICATE_OFFER, {}), "This coupon is already in the list."),
        (refused(RefusalCode.CLAIM_NOT_USABLE, {"state": "redeemed"}), "This coupon has been used already."),
        (refused(RefusalCode.CLAIM_NOT_USABLE, {"state": "revoked"}), "This coupon cannot be used now."),
        (refused(RefusalCode.BUDGET_EXHAUSTED, {}), "The money set aside for this coupon is used up."),
        (
            refused(RefusalCode.NOTHING_TO_DISCOUNT, {}),
            "There is nothing left in your cart for this coupon to discount.",
        ),
    ],
)
def test_sentence(outcome: Outcome, sentence: str) -> None:
    assert explain(outcome, money=money) == sentence


@pytest.mark.parametrize(
    ("code", "data", "sentence"),
    [
        (RefusalCode.QUANTITY_NOT_MET, {"missing_quantity": 1}, "Add 1 more eligible unit to use this coupon."),
        (RefusalCode.QUANTITY_NOT_MET, {"missing_quantity": 2}, "Add 2 more eligible units to use this coupon."),
        (
            RefusalCode.TOO_FEW_PRODUCTS,
            {"missing_quantity": 2},
            "Add 2 more different eligible products to use this coupon.",
        ),
        (
            RefusalCode.REQUIRED_PRODUCT_MISSING,
            {"missing_quantity": 1},
            "Add 1 unit of the product that this coupon requires.",
        ),
        (
            RefusalCode.REQUIRED_SPEND_MISSING,
            {"missing_amount": 500},
            "Spend ¥5.00 more on the products that this coupon requires.",
        ),
        (
            RefusalCode.FORBIDDEN_PRODUCT_PRESENT,
            {"sku": "wine"},
            "This coupon cannot be used together with wine in the cart.",
        ),
        (RefusalCode.TOO_FEW_ORDERS, {"missing_orders": 2}, "Place 2 more orders before you use this coupon."),
        (RefusalCode.TOO_MANY_ORDERS, {"maximum_order_number": 1}, "This coupon is only for a first order."),
        (RefusalCode.TOO_MANY_ORDERS, {"maximum_order_number": 3}, "This coupon is only for the first 3 orders."),
        (
            RefusalCode.NOT_A_NEW_SHOPPER,
            {"days": 30},
            "This coupon is only for the first 30 days of an account.",
        ),
        (RefusalCode.NOT_IN_AUDIENCE, {}, "This coupon is for other shoppers."),
        (
            RefusalCode.OUTSIDE_HOURS,
            {"opens_at": MOMENT},
            "This coupon can be used again: from Nov. 22, 2026, 12:30 a.m. on.",
        ),
        (RefusalCode.CHANNEL_NOT_ALLOWED, {"channels": "app, web"}, "This coupon can only be used here: app, web."),
        (
            RefusalCode.REGION_NOT_ALLOWED,
            {"regions": "Hubei"},
            "This coupon is only for deliveries to: Hubei.",
        ),
    ],
)
def test_sentence_of_a_condition(code: RefusalCode, data: RefusalData, sentence: str) -> None:
    assert explain(refused(code, data), money=money) == sentence


def test_what_is_missing_is_named_by_its_products() -> None:
    dairy = {"10": "Dairy"}.__getitem__
    spend = refused(RefusalCode.THRESHOLD_NOT_MET, {"missing_amount": 1200})
    count = refused(RefusalCode.QUANTITY_NOT_MET, {"missing_quantity": 2})
    nothing = refused(RefusalCode.NO_ELIGIBLE_PRODUCTS, {})

    assert [explain(one, money=money, products_name=dairy) for one in (spend, count, nothing)] == [
        "Spend ¥12.00 more on Dairy to use this coupon.",
        "Add 2 more units of Dairy to use this coupon.",
        "This coupon is only for Dairy; there is none in your cart.",
    ]


def test_shipping_and_gifts_have_sentences_of_their_own() -> None:
    shipping = Applied("1", "10", 900, (), shipping_amount=900)
    gift = Applied("1", "10", 0, (), gifts=(Gift("mug", 2),))

    assert explain(shipping, money=money) == "You save ¥9.00 on shipping with this coupon."
    assert explain(gift, money=money, product_name={"mug": "Tea mug"}.__getitem__) == (
        "You get 2 × Tea mug for free with this coupon."
    )


@pytest.mark.parametrize("code", [RefusalCode.EXCLUSIVE_CONFLICT, RefusalCode.GROUP_TAKEN])
def test_a_conflict_names_the_coupon_that_won(code: RefusalCode) -> None:
    sentence = explain(refused(code, CONFLICT), money=money, coupon_name={"70": "Tea week"}.__getitem__)

    assert sentence == 'This coupon cannot be combined with "Tea week".'


def test_every_code_has_its_own_sentence() -> None:
    data: RefusalData = {
        **CONFLICT,
        "missing_amount": 1,
        "missing_quantity": 1,
        "missing_orders": 1,
        "maximum_order_number": 1,
        "expired_at": MOMENT,
        "usable_from": MOMENT,
        "opens_at": MOMENT,
        "sku": "wine",
        "days": 30,
        "channels": "app",
        "regions": "Hubei",
        "state": "redeemed",
    }

    sentences = {explain(refused(code, data), money=money) for code in RefusalCode}

    assert len(sentences) == len(RefusalCode)
