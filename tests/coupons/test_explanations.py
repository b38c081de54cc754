"""A quote's outcome as a sentence."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.utils import timezone, translation

from coupons.explanations import explain
from coupons.pricing import Applied, Outcome, RefusalCode, RefusalData, Refused

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
        (
            refused(RefusalCode.NOTHING_TO_DISCOUNT, {}),
            "There is nothing left in your cart for this coupon to discount.",
        ),
    ],
)
def test_sentence(outcome: Outcome, sentence: str) -> None:
    assert explain(outcome, money=money) == sentence


@pytest.mark.parametrize("code", [RefusalCode.EXCLUSIVE_CONFLICT, RefusalCode.GROUP_TAKEN])
def test_a_conflict_names_the_coupon_that_won(code: RefusalCode) -> None:
    sentence = explain(refused(code, CONFLICT), money=money, coupon_name={"70": "Tea week"}.__getitem__)

    assert sentence == 'This coupon cannot be combined with "Tea week".'


def test_every_code_has_its_own_sentence() -> None:
    data = {**CONFLICT, "missing_amount": 1, "expired_at": MOMENT, "usable_from": MOMENT}

    sentences = {explain(refused(code, data), money=money) for code in RefusalCode}

    assert len(sentences) == len(RefusalCode)
