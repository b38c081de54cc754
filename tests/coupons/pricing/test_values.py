"""Impossible values never enter the engine."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest

from coupons.pricing import (
    AmountOff,
    Application,
    BundlePrice,
    Buyer,
    BuyXGetY,
    Cart,
    Cash,
    EveryAmountOff,
    FixedPrice,
    FixedTotal,
    GiftItem,
    MinimumQuantity,
    MinimumSpend,
    NewShopper,
    Offer,
    OrderNumber,
    PercentOff,
    Phase,
    Scope,
    ShippingOff,
    Tier,
    Tiered,
    WeekdayAndHour,
    make_benefit,
    make_condition,
    price_cart,
)
from coupons.pricing.benefits import BENEFITS
from coupons.pricing.conditions import CONDITIONS
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
        pytest.param(lambda: AmountOff(1, Application("all")), id="unknown application"),
        pytest.param(lambda: AmountOff(1, maximum_units=0), id="a limit of no units"),
        pytest.param(lambda: EveryAmountOff(0, 1), id="for every nothing"),
        pytest.param(lambda: Tiered(()), id="no tiers"),
        pytest.param(lambda: Tiered((Tier(minimum=1, amount=1), Tier(minimum=1, amount=2))), id="two tiers at once"),
        pytest.param(lambda: Tier(minimum=1), id="a tier of nothing"),
        pytest.param(lambda: Tier(minimum=1, amount=1, basis_points=1), id="a tier of two minds"),
        pytest.param(lambda: FixedPrice(-1), id="negative fixed price"),
        pytest.param(lambda: FixedTotal(-1), id="negative total"),
        pytest.param(lambda: BundlePrice(0, 100), id="a bundle of nothing"),
        pytest.param(lambda: BuyXGetY(0, 1), id="buy nothing"),
        pytest.param(lambda: BuyXGetY(1, 1, basis_points=10001), id="more than free"),
        pytest.param(lambda: GiftItem(""), id="a gift of nothing"),
        pytest.param(lambda: ShippingOff(amount=1, price=1), id="shipping of two minds"),
        pytest.param(lambda: Cash(0), id="no cash"),
        pytest.param(lambda: Scope(minimum_unit_price=2, maximum_unit_price=1), id="an empty price range"),
        pytest.param(lambda: line("a", 1, tax_rate=-1), id="negative tax"),
        pytest.param(lambda: Buyer(order_count=-1), id="fewer than no orders"),
        pytest.param(lambda: Buyer(registered_at=NAIVE), id="naive registration"),
        pytest.param(lambda: MinimumQuantity(0), id="at least nothing"),
        pytest.param(lambda: OrderNumber(3, 2), id="orders the wrong way round"),
        pytest.param(lambda: NewShopper(0), id="new for no day"),
        pytest.param(lambda: WeekdayAndHour(frozenset({7})), id="an eighth weekday"),
        pytest.param(lambda: WeekdayAndHour(frozenset()), id="on no day"),
        pytest.param(lambda: WeekdayAndHour(start_minute=600, end_minute=600), id="an empty window"),
        pytest.param(lambda: WeekdayAndHour(end_minute=1441), id="a longer day"),
        pytest.param(lambda: WeekdayAndHour(zone="Moon/Sea"), id="unknown zone"),
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


def test_stored_codes_never_change() -> None:
    assert set(BENEFITS) == {
        "amount_off",
        "percent_off",
        "every_amount_off",
        "tiered",
        "fixed_price",
        "fixed_total",
        "bundle_price",
        "buy_x_get_y",
        "gift_item",
        "shipping_off",
        "cash",
    }
    assert set(CONDITIONS) == {
        "minimum_spend",
        "minimum_quantity",
        "contains",
        "contains_worth",
        "contains_none",
        "order_number",
        "new_shopper",
        "audience",
        "weekday_and_hour",
        "channel",
        "region",
    }


def test_an_offer_needs_little() -> None:
    bare = Offer(offer_id="1", coupon_id="2", benefit=AmountOff(1), phase=Phase.ORDER)

    assert (bare.conditions, bare.stacking_group, bare.expires_at) == ((), "", None)
