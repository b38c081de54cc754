"""Other shops' own test cases, run on our engine.

``peer_pricing_cases.json`` holds them with their sources and licences; every case is run. Where our
convention differs, ``OURS`` replaces the peer's expectation; docs/pricing.md lists and explains each.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from coupons.pricing import (
    EVERYTHING,
    BundlePrice,
    Buyer,
    BuyXGetY,
    Cart,
    CartLine,
    ContainsWorth,
    FixedPrice,
    MinimumQuantity,
    Offer,
    OrderNumber,
    Phase,
    Quote,
    Scope,
    ShippingOff,
    ThresholdBase,
    Tier,
    Tiered,
)
from coupons.pricing.allocation import allocate
from tests.coupons.pricing.builders import (
    NOW,
    amount_off,
    assert_books_balance,
    cart,
    discounts,
    offer,
    only,
    only_category,
    percent_off,
    quote,
)

Case = dict[str, Any]

CASES: dict[str, Case] = {
    case["id"]: case for case in json.loads(Path(__file__).with_name("peer_pricing_cases.json").read_text("utf-8"))
}

OFFERS: dict[str, tuple[Offer, ...]] = {
    "SYL-01": (offer("a", amount_off(1000)),),
    "SYL-03": (offer("a", amount_off(20000)),),
    "SYL-05": (offer("a", percent_off(20)),),
    "SYL-07": (offer("a", percent_off(20), priority=4), offer("b", amount_off(1000), priority=1)),
    "SYL-09": (offer("a", amount_off(1000), priority=5), offer("b", percent_off(20), priority=1, exclusive=True)),
    # The fee is free above 100: we ask for at least the next representable sum.
    "SYL-11": (
        offer("a", percent_off(50), priority=1),
        offer("b", ShippingOff(), over=10001, phase=Phase.SHIPPING),
    ),
    "SYL-13": (offer("a", amount_off(2500)),),
    "SYL-15": (offer("a", amount_off(2700)),),
    "SYL-17": (offer("a", amount_off(1200)),),
    "SYL-19": (
        offer(
            "a",
            percent_off(20),
            conditions=(ContainsWorth(EVERYTHING, 50000),),
            scope=only_category("Jackets"),
            phase=Phase.PRODUCT,
        ),
        offer("b", amount_off(5000), over=50000, threshold_base=ThresholdBase.INITIAL),
    ),
    "SYL-21": (
        offer("a", percent_off(10), scope=only_category("Jackets"), phase=Phase.PRODUCT),
        offer("b", amount_off(2000)),
    ),
    "SYL-23": (
        offer("a", amount_off(3000, "each_unit"), scope=Scope(minimum_unit_price=1000, maximum_unit_price=5000)),
    ),
    # A cancelled order gives its claim back, which is a matter of claims; the coupon then prices as ever.
    "SYL-U1": (offer("a", amount_off(1000)),),
    "SYL-U3": (offer("a", amount_off(2000), conditions=(OrderNumber(5, 5),)),),
    "SOL-02": (offer("a", amount_off(1500)),),
    "SOL-04": (offer("a", amount_off(1500), scope=only("a")),),
    "SOL-06": (offer("a", percent_off(15, cap=5000)),),
    "SOL-07b": (
        offer(
            "a",
            Tiered(
                (
                    Tier(minimum=0, basis_points=1000),
                    Tier(minimum=2000, basis_points=1500),
                    Tier(minimum=3000, basis_points=2000),
                )
            ),
        ),
    ),
    "SOL-08": (
        offer("a", percent_off(20), scope=only("shirt"), phase=Phase.PRODUCT),
        offer("b", amount_off(1000), over=6000),
    ),
    "OSC-01": (offer("a", amount_off(400), conditions=(MinimumQuantity(2),)),),
    "OSC-03": (offer("a", amount_off(300, maximum_units=1), over=1000),),
    "OSC-05": (offer("a", BundlePrice(3, 2000)),),
    "OSC-07": (offer("a", BundlePrice(3, 2000)),),
    "OSC-09": (offer("a", percent_off(3)),),
    "OSC-11": (offer("a", amount_off(300, "each_unit"), conditions=(MinimumQuantity(2),)),),
    "SAL-02": (offer("a", percent_off(10, application="each_line")),),
    "SAL-04": (offer("a", amount_off(444, "cheapest_unit")),),
    "MED-01": (offer("a", amount_off(20000, "each_unit", maximum_units_per_line=1)),),
    "MED-03": (offer("a", amount_off(40000)),),
    "MED-05": (offer("P1", percent_off(10)), offer("P2", percent_off(10))),
    "MED-07": (offer("a", BuyXGetY(2, 2)),),
    "MED-09": (offer("a", BuyXGetY(2, 2)),),
    "VEN-02": (offer("a", amount_off(1000)),),
    "VEN-04": (offer("a", percent_off(20)),),
    "VOU-02": (offer("a", amount_off(1000, "each_unit"), scope=only("mug", "poster", "tshirt")),),
    "VOU-04": (offer("a", amount_off(1000), scope=only("mug", "poster", "tshirt")),),
    "VOU-06": (offer("a", FixedPrice(1000), scope=only("mug", "poster", "tshirt")),),
    # The peer asks for more than 100, we for at least the next representable sum.
    "VOU-08": (offer("a", percent_off(20), over=10001, priority=1), offer("b", percent_off(10))),
    "VOU-10": (offer("a", percent_off(10)), offer("b", percent_off(20))),
    "VOU-12": (offer("a", percent_off(10)), offer("b", percent_off(10), expires_at=NOW - timedelta(days=1))),
    "PTX-02": (offer("a", percent_off(20), conditions=(MinimumQuantity(3),)),),
    "PTX-04": (offer("a", BuyXGetY(2, 1)),),
    "PTX-06": (offer("a", percent_off(20), over=50000),),
    "PTX-08": (
        offer("a", percent_off(20), conditions=(MinimumQuantity(2),), priority=1, consumes_units=True),
        offer("b", percent_off(50), conditions=(MinimumQuantity(1),), consumes_units=True),
    ),
    "PTX-10": (
        offer("a", BuyXGetY(1, 1, basis_points=2000), priority=1),
        offer("b", percent_off(50), conditions=(MinimumQuantity(1),), consumes_units=True),
    ),
}

# What a case says about its cart in words.
CARTS: dict[str, dict[str, Any]] = {
    "SYL-11": {"shipping": 1000},
    # Five orders placed, the last of them cancelled.
    "SYL-U3": {"buyer": Buyer(order_count=4)},
    "VEN-02": {"prices_include_tax": False},
    "VEN-04": {"prices_include_tax": False},
}
TAX_RATES = {"VEN-02": 2000, "VEN-04": 2000}

# Sums to split without a cart; the weights of a split in n equal parts are n ones.
SPLITS = {"SYL-P2": 300, "SYL-P4": 299, "SYL-I2": 1000}

# Whole-order coupons beside a shipping fee.
BESIDE_SHIPPING = {
    "SAL-S1": offer("a", amount_off(2000)),
    "SAL-S3": offer("a", amount_off(1377)),
    "SAL-S5": offer("a", percent_off(33.33)),
}

OURS: dict[str, Any] = {
    "SYL-P2": [161, 53, 86],
    "OSC-01": {"lines": ["1.34", "1.33", "1.33"], "discount": "4.00"},
    "OSC-09": {"discount": "0.53"},
    "SAL-S1": {"subtotal_discount": "20.00", "shipping_discount": "0.00"},
    "SAL-S3": {"subtotal_discount": "13.77", "shipping_discount": "0.00"},
    "SAL-S5": {"subtotal_discount": "10.00", "shipping_discount": "0.00"},
    "VOU-04": {"lines": ["1.60", "3.60", "4.80", "0.00"], "total": "165.00"},
}


def cents(decimals: str) -> int:
    return int(Decimal(decimals) * 100)


def cart_of(case: Case) -> Cart:
    lines = []
    for number, given in enumerate(case["cart"]):
        quantity = given["qty"]
        unit_price = cents(given["price"]) if "price" in given else cents(given["subtotal"]) // quantity
        lines.append(
            CartLine(
                line_id=f"{number}",
                sku=given["sku"],
                categories=frozenset({given["category"]} if "category" in given else ()),
                unit_price=unit_price,
                quantity=quantity,
                floor_price=cents(given.get("floor") or "0"),
                tax_rate=TAX_RATES.get(case["id"], 0),
            )
        )
    return cart(*lines, **CARTS.get(case["id"], {}))


def discounts_by(priced: Quote, offer_id: str) -> list[int]:
    (applied,) = (outcome for outcome in priced.applied if outcome.offer_id == offer_id)
    amounts = {part.line_id: part.amount for part in applied.lines}
    return [amounts.get(quoted.line_id, 0) for quoted in priced.lines]


def unit_discounts(priced: Quote) -> dict[str, list[int]]:
    return {
        one.sku: list(allocate(one.discount, (1,) * one.quantity, (one.unit_price,) * one.quantity))
        for one in priced.lines
    }


READINGS: dict[str, Callable[[Quote], Any]] = {
    "discount": lambda priced: priced.discount_total,
    "sum_of_lines": lambda priced: sum(discounts(priced)),
    "total": lambda priced: priced.payable - (0 if priced.prices_include_tax else priced.tax),
    "total_with_tax": lambda priced: priced.payable,
    "shipping": lambda priced: priced.shipping_payable,
    "valid": lambda priced: bool(priced.applied),
    "lines": discounts,
    "unit_discounts": unit_discounts,
    "line_discount": lambda priced: sum(discounts_by(priced, "a")),
    "P1": lambda priced: discounts_by(priced, "P1"),
    "P2": lambda priced: discounts_by(priced, "P2"),
    "applied": lambda priced: len(priced.applied),
    "sorted_prices": lambda priced: sorted(quoted.payable for quoted in priced.lines),
}


def in_cents(expected: Any) -> Any:
    match expected:
        case str():
            return cents(expected)
        case list():
            return [in_cents(one) for one in expected]
        case dict():
            return {key: in_cents(one) for key, one in expected.items()}
    return expected


@pytest.mark.parametrize("case_id", OFFERS)
def test_cart(case_id: str) -> None:
    case, offers = CASES[case_id], OFFERS[case_id]
    expected = OURS.get(case_id, case["expect"])

    priced = quote(cart_of(case), *offers)

    assert {name: READINGS[name](priced) for name in expected} == in_cents(expected)
    assert_books_balance(priced, offers)


@pytest.mark.parametrize("case_id", SPLITS)
def test_split(case_id: str) -> None:
    given = CASES[case_id]["cart"]
    weights = given if isinstance(given, list) else [1] * given
    # A sum is cut to what there is before it is split; equal parts have no bound.
    capacities = weights if isinstance(given, list) else [SPLITS[case_id]] * given
    total = min(SPLITS[case_id], sum(capacities))

    assert list(allocate(total, weights, capacities)) == OURS.get(case_id, CASES[case_id]["expect"])


@pytest.mark.parametrize("case_id", BESIDE_SHIPPING)
def test_beside_shipping(case_id: str) -> None:
    subtotal, shipping = (cents(CASES[case_id]["cart"][part]) for part in ("subtotal", "shipping"))
    whole_order = CartLine("1", "whole order", frozenset(), subtotal, 1)

    priced = quote(cart(whole_order, shipping=shipping), BESIDE_SHIPPING[case_id])

    assert {
        "subtotal_discount": priced.discount_total,
        "shipping_discount": priced.shipping_discount,
    } == in_cents(OURS[case_id])


def test_no_case_is_forgotten() -> None:
    run = OFFERS.keys() | SPLITS.keys() | BESIDE_SHIPPING.keys()

    assert run == CASES.keys()
    assert OURS.keys() <= run
