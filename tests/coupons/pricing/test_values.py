"""Impossible values never enter the engine."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest

from coupons.pricing import (
    AmountOff,
    Cart,
    MinimumSpend,
    Offer,
    PercentOff,
    Phase,
    make_benefit,
    make_condition,
    price_cart,
)
from tests.coupons.pricing.builders import amount_off, cart, line, offer

NAIVE = datetime(2026, 11, 21)


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: line("a", -1), id="negative price"),
        pytest.param(lambda: line("a", 100, 0), id="no units"),
        pytest.param(lambda: line("a", 100, floor_price=-1), id="negative floor"),
        pytest.param(lambda: line("a", 1.5), id="float price"),
        pytest.param(lambda: line("a", Decimal(1)), id="decimal price"),
        pytest.param(lambda: line("a", True), id="bool price"),
        pytest.param(lambda: line("", 1), id="line without an id"),
        pytest.param(lambda: cart(shipping=-1), id="negative shipping"),
        pytest.param(lambda: cart(line("a", 1), line("a", 2)), id="two lines of one id"),
        pytest.param(lambda: AmountOff(0), id="nothing off"),
        pytest.param(lambda: AmountOff(float("inf")), id="infinity off"),
        pytest.param(lambda: PercentOff(0), id="0 %"),
        pytest.param(lambda: PercentOff(10001), id="over 100 %"),
        pytest.param(lambda: PercentOff(1000, cap=0), id="a cap of nothing"),
        pytest.param(lambda: MinimumSpend(0), id="a threshold of nothing"),
        pytest.param(lambda: offer("", amount_off(1)), id="offer without an id"),
        pytest.param(lambda: offer("c", amount_off(1), expires_at=NAIVE), id="naive expiry"),
        pytest.param(lambda: price_cart(Cart(()), (), NAIVE), id="naive now"),
        pytest.param(lambda: make_benefit("half_off"), id="unknown benefit"),
        pytest.param(lambda: make_benefit("amount_off", sum=1), id="unknown parameter"),
        pytest.param(lambda: make_benefit("amount_off"), id="missing parameter"),
        pytest.param(lambda: make_condition("full_moon"), id="unknown condition"),
        pytest.param(lambda: make_condition("minimum_spend", amount="9"), id="text as amount"),
    ],
)
def test_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        build()


def test_benefits_and_conditions_are_built_by_their_stored_code() -> None:
    assert make_benefit("amount_off", amount=500) == AmountOff(500)
    assert make_benefit("percent_off", basis_points=1250, cap=900) == PercentOff(1250, 900)
    assert make_condition("minimum_spend", amount=9900) == MinimumSpend(9900)


def test_an_offer_needs_little() -> None:
    bare = Offer(offer_id="1", coupon_id="2", benefit=AmountOff(1), phase=Phase.ORDER)

    assert (bare.conditions, bare.stacking_group, bare.expires_at) == ((), "", None)
