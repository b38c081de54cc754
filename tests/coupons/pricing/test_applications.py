"""What an amount or a percentage is taken off, steps and tiers (docs/pricing.md, 10 to 12)."""

import pytest

from coupons.pricing import Cart, EveryAmountOff, Offer, Phase, ThresholdBase, Tier, TierBasis, Tiered
from tests.coupons.pricing.builders import (
    amount_off,
    assert_books_balance,
    cart,
    discounts,
    line,
    offer,
    only,
    percent_off,
    quote,
    refusals,
)

TEA_AND_MUG = cart(line("tea", 400, 3), line("mug", 1000))


@pytest.mark.parametrize(
    ("priced_cart", "coupon", "expected"),
    [
        pytest.param(TEA_AND_MUG, offer("c", amount_off(500, "each_line")), [500, 500], id="10.1 each line"),
        pytest.param(TEA_AND_MUG, offer("c", amount_off(500, "each_unit")), [1200, 500], id="10.2 each unit"),
        pytest.param(TEA_AND_MUG, offer("c", amount_off(500, "cheapest_unit")), [400, 0], id="10.3 cheapest unit"),
        pytest.param(
            cart(line("a", 104), line("b", 204), line("c", 304), line("d", 404)),
            offer("c", percent_off(10, application="each_line")),
            [10, 20, 30, 40],
            id="10.4 rounded per line: 10.4, 20.4, 30.4, 40.4",
        ),
        pytest.param(
            cart(line("a", 15, 3)),
            offer("c", percent_off(10, application="each_unit")),
            [6],
            id="10.5 rounded per unit: 1.5 is 2, three times",
        ),
        pytest.param(
            cart(line("a", 15, 3)),
            offer("c", percent_off(10)),
            [5],
            id="10.5 and once on the whole: 4.5 is 5",
        ),
        pytest.param(
            TEA_AND_MUG, offer("c", amount_off(300, "each_unit", maximum_units=2)), [600, 0], id="10.6 cheapest first"
        ),
        pytest.param(
            TEA_AND_MUG,
            offer("c", amount_off(300, "each_unit", maximum_units_per_line=1)),
            [300, 300],
            id="10.7 one of each line",
        ),
        pytest.param(
            TEA_AND_MUG,
            offer("c", amount_off(1000, maximum_units=4)),
            [545, 455],
            id="10.8 a whole sum over four units, in proportion",
        ),
        pytest.param(
            TEA_AND_MUG, offer("c", amount_off(1000, maximum_units=2)), [800, 0], id="10.8 no more than two units cost"
        ),
        pytest.param(
            TEA_AND_MUG, offer("c", percent_off(50, maximum_units=2)), [400, 0], id="10.9 half of the two cheapest"
        ),
        pytest.param(
            cart(line("free", 0), line("kept", 300, floor_price=300), line("tea", 400)),
            offer("c", amount_off(100, "cheapest_unit")),
            [0, 0, 100],
            id="10.10 units that can give nothing are passed over",
        ),
        pytest.param(
            cart(line("tea", 400, 2, floor_price=350), line("mug", 1000)),
            offer("c", amount_off(500, "each_unit")),
            [100, 500],
            id="10.11 floors hold per unit",
        ),
        pytest.param(
            TEA_AND_MUG,
            offer("c", percent_off(50, 550, "each_line")),
            [300, 250],
            id="10.12 a cap holds for all lines together: 600 and 500 become 550",
        ),
    ],
)
def test_application(priced_cart: Cart, coupon: Offer, expected: list[int]) -> None:
    priced = quote(priced_cart, coupon)

    assert discounts(priced) == expected
    assert_books_balance(priced, [coupon])


def test_a_share_of_the_list_price_ignores_what_was_taken_off_before() -> None:
    """10.13"""
    hundred = cart(line("a", 10000))

    left = quote(hundred, offer("a", percent_off(10), priority=1), offer("b", percent_off(20)))
    both = quote(hundred, offer("a", percent_off(10), priority=1), offer("b", percent_off(20, of_list_price=True)))

    assert (left.discount_total, both.discount_total) == (2800, 3000)


@pytest.mark.parametrize(
    ("amount", "cap", "expected"),
    [
        pytest.param(29999, None, 6000, id="11.1 two full steps"),
        pytest.param(30000, None, 9000, id="11.1 reaching a step exactly is enough"),
        pytest.param(90000, 15000, 15000, id="11.2 capped"),
        pytest.param(9999, None, 0, id="11.3 not a single step"),
    ],
)
def test_every_amount(amount: int, cap: int | None, expected: int) -> None:
    priced = quote(cart(line("a", amount)), offer("c", EveryAmountOff(10000, 3000, cap)))

    assert priced.discount_total == expected
    assert refusals(priced) == ({} if expected else {"c": "nothing_to_discount"})


def test_steps_look_at_the_threshold_base() -> None:
    """11.4: a coupon of an earlier phase costs a step, one of the same phase does not."""
    priced_cart = cart(line("a", 20000))
    steps = EveryAmountOff(10000, 3000)

    same_phase = quote(priced_cart, offer("first", amount_off(100), priority=1), offer("steps", steps))
    earlier = quote(priced_cart, offer("first", amount_off(100), phase=Phase.PRODUCT), offer("steps", steps))
    initial = quote(
        priced_cart,
        offer("first", amount_off(100), phase=Phase.PRODUCT),
        offer("steps", steps, threshold_base=ThresholdBase.INITIAL),
    )

    assert [priced.discount_total for priced in (same_phase, earlier, initial)] == [6100, 3100, 6100]


AMOUNT_TIERS = Tiered((Tier(minimum=20000, amount=5000), Tier(minimum=10000, amount=2000)))
PERCENT_TIERS = Tiered(
    (Tier(minimum=1, basis_points=1000), Tier(minimum=3, basis_points=2000)), counts=TierBasis.QUANTITY, cap=900
)


@pytest.mark.parametrize(
    ("tiers", "unit_price", "quantity", "expected"),
    [
        pytest.param(AMOUNT_TIERS, 9999, 1, 0, id="12.1 below the lowest tier"),
        pytest.param(AMOUNT_TIERS, 10000, 1, 2000, id="12.2 reached exactly"),
        pytest.param(AMOUNT_TIERS, 19999, 1, 2000, id="12.2 not yet the next"),
        pytest.param(AMOUNT_TIERS, 20000, 1, 5000, id="12.3 only the highest counts"),
        pytest.param(PERCENT_TIERS, 1000, 2, 200, id="12.4 two units: 10 %"),
        pytest.param(PERCENT_TIERS, 1000, 3, 600, id="12.4 three units: 20 %"),
        pytest.param(PERCENT_TIERS, 1000, 9, 900, id="12.5 capped"),
    ],
)
def test_tiers(tiers: Tiered, unit_price: int, quantity: int, expected: int) -> None:
    assert quote(cart(line("a", unit_price, quantity)), offer("c", tiers)).discount_total == expected


def test_tiers_count_and_discount_their_scope_only() -> None:
    """12.6"""
    priced = quote(cart(line("tea", 10000), line("wine", 10000)), offer("c", AMOUNT_TIERS, scope=only("tea")))

    assert discounts(priced) == [2000, 0]
