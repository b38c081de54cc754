"""Benefits that work on single units, and units that are used up (docs/pricing.md, 13 to 16)."""

import tracemalloc

import pytest

from coupons.pricing import (
    Benefit,
    BundlePrice,
    BuyXGetY,
    Cart,
    FixedPrice,
    FixedTotal,
    MinimumQuantity,
    MinimumSpend,
    Offer,
    Phase,
)
from tests.coupons.pricing.builders import (
    amount_off,
    applied_ids,
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

LADDER = cart(line("a", 1000), line("b", 800), line("c", 500), line("d", 300))


@pytest.mark.parametrize(
    ("priced_cart", "coupon", "expected"),
    [
        pytest.param(cart(line("a", 1000, 2), line("b", 500)), FixedPrice(700), [600, 0], id="13.1 never raised"),
        pytest.param(
            cart(line("a", 1000, 2), line("b", 800, 2)),
            FixedPrice(700, maximum_units=3),
            [300, 200],
            id="13.2 the cheapest units first",
        ),
        pytest.param(cart(line("a", 1000, 2, floor_price=900)), FixedPrice(700), [200], id="13.3 floors hold"),
        pytest.param(cart(line("a", 1000), line("b", 500)), FixedTotal(1200), [200, 100], id="13.4 a price for all"),
        pytest.param(cart(line("a", 1000)), FixedTotal(1200), [0], id="13.4 never raised"),
        pytest.param(
            cart(line("a", 700), line("b", 700), line("c", 700)), BundlePrice(3, 2000), [34, 33, 33], id="14.1"
        ),
        pytest.param(cart(line("a", 600, 3)), BundlePrice(3, 2000), [0], id="14.2 cheaper as it is"),
        pytest.param(LADDER, BundlePrice(2, 1000), [444, 356, 0, 0], id="14.3 the dearest form sets; 8.00 is no set"),
        pytest.param(cart(line("a", 700, 7)), BundlePrice(3, 2000), [200], id="14.4 as many sets as there are"),
        pytest.param(cart(line("a", 700, 7)), BundlePrice(3, 2000, maximum_sets=1), [100], id="14.5 at most so many"),
        pytest.param(
            cart(line("a", 1000, 4), line("b", 500, 2)),
            BundlePrice(3, 1500),
            [1600, 400],
            id="14.6 a set of one line and a set of two save 15.00 and 5.00",
        ),
        pytest.param(cart(line("a", 1000, 2, floor_price=900)), BundlePrice(2, 1000), [200], id="14.7 floors hold"),
        pytest.param(cart(line("a", 1000, 3)), BuyXGetY(2, 1), [1000], id="15.1 buy two, get one"),
        pytest.param(cart(line("a", 1000, 3)), BuyXGetY(2, 2), [0], id="15.2 no full set"),
        pytest.param(LADDER, BuyXGetY(1, 1), [0, 0, 500, 300], id="15.3 the cheapest of all sets"),
        pytest.param(cart(line("a", 1000, 7)), BuyXGetY(2, 1, maximum_sets=1), [1000], id="15.4 at most so many sets"),
        pytest.param(LADDER, BuyXGetY(1, 1, basis_points=2505), [0, 0, 125, 75], id="15.5 a share, rounded once"),
        pytest.param(
            cart(line("free", 0, 5), line("a", 1000, 2)),
            BuyXGetY(1, 1),
            [0, 1000],
            id="15.6 what costs nothing is neither bought nor given",
        ),
        pytest.param(
            cart(line("a", 1000), line("b", 800, floor_price=700)), BuyXGetY(1, 1), [0, 100], id="15.7 floors hold"
        ),
    ],
)
def test_unit_benefit(priced_cart: Cart, coupon: Benefit, expected: list[int]) -> None:
    given = offer("c", coupon)
    priced = quote(priced_cart, given)

    assert discounts(priced) == expected
    assert_books_balance(priced, [given])


@pytest.mark.parametrize(
    ("priced_cart", "expected"),
    [
        pytest.param(cart(line("tea", 400, 2), line("mug", 1000)), [0, 1000], id="15.8 two teas give a mug"),
        pytest.param(cart(line("tea", 400, 3), line("mug", 1000, 2)), [0, 1000], id="15.8 three teas give one too"),
        pytest.param(cart(line("tea", 400, 2), line("cup", 900)), [0, 0], id="15.9 a cup is not given"),
    ],
)
def test_get_another_product(priced_cart: Cart, expected: list[int]) -> None:
    coupon = offer("c", BuyXGetY(2, 1, get_scope=only("mug")), scope=only("tea"))

    assert discounts(quote(priced_cart, coupon)) == expected


def test_what_is_given_may_also_be_what_is_bought() -> None:
    """15.10: buy any two, get a mug; a mug that is given was not bought."""
    coupon = offer("c", BuyXGetY(2, 1, get_scope=only("mug")))

    two_mugs = quote(cart(line("mug", 1000, 2)), coupon)
    three_mugs = quote(cart(line("mug", 1000, 3)), coupon)
    with_tea = quote(cart(line("mug", 1000, 2), line("tea", 400)), coupon)

    assert [priced.discount_total for priced in (two_mugs, three_mugs, with_tea)] == [0, 1000, 1000]


class TestUnitsAreUsedOnce:
    def test_two_such_benefits_do_not_count_the_same_units(self) -> None:
        """16.1"""
        first = offer("first", BuyXGetY(1, 1), priority=1)
        second = offer("second", BuyXGetY(1, 1))

        assert applied_ids(quote(cart(line("a", 1000, 3)), first, second)) == {"first"}
        assert refusals(quote(cart(line("a", 1000, 3)), first, second)) == {"second": "nothing_to_discount"}

    def test_what_is_left_serves_the_next(self) -> None:
        """16.2"""
        priced = quote(
            cart(line("a", 1000, 5)),
            offer("three for two", BuyXGetY(2, 1), priority=1),
            offer("pair", BundlePrice(2, 1500)),
        )

        assert priced.discount_total == 1000 + 500

    def test_dear_units_stay_free(self) -> None:
        """16.3: the pair takes 3.00 and 5.00, so that 10.00 and 8.00 are left for the bundle."""
        priced = quote(
            LADDER,
            offer("pair", BuyXGetY(1, 1, maximum_sets=1), priority=1),
            offer("bundle", BundlePrice(2, 1500)),
        )

        assert discounts(priced) == [167, 133, 0, 300]

    def test_a_lowered_unit_is_used_a_unit_at_its_old_price_is_not(self) -> None:
        """16.4"""
        priced = quote(
            cart(line("a", 1000, 4)),
            offer("flash", FixedPrice(600, maximum_units=2), phase=Phase.ITEM_PRICE),
            offer("pair", BuyXGetY(1, 1), phase=Phase.PRODUCT),
        )

        assert priced.discount_total == 2 * 400 + 1000

    def test_an_ordinary_coupon_sees_used_units_too(self) -> None:
        """16.5"""
        priced = quote(
            cart(line("a", 1000, 2)),
            offer("pair", BuyXGetY(1, 1), phase=Phase.PRODUCT),
            offer("order", percent_off(10), over=1000),
        )

        assert priced.discount_total == 1000 + 100

    @pytest.mark.parametrize(
        ("consumes_units", "payable"), [pytest.param(True, 2400, id="once"), pytest.param(False, 1200, id="control")]
    )
    def test_a_coupon_that_consumes_units_leaves_none_of_its_scope(self, consumes_units: bool, payable: int) -> None:
        """16.6"""
        priced = quote(
            cart(line("a", 1000, 3)),
            offer("first", percent_off(20), priority=1, consumes_units=consumes_units),
            offer("second", percent_off(50), consumes_units=consumes_units),
        )

        assert priced.payable == payable

    def test_it_counts_free_units_only(self) -> None:
        """16.7"""
        pair: Offer = offer("pair", BuyXGetY(1, 1), priority=1)
        units = offer("units", percent_off(50), conditions=(MinimumQuantity(2),), consumes_units=True)
        spend = offer("spend", percent_off(50), conditions=(MinimumSpend(1001),), consumes_units=True)
        three = cart(line("a", 1000, 3))

        assert quote(three, pair, units).refused[0].data == {
            "required_quantity": 2,
            "eligible_quantity": 1,
            "missing_quantity": 1,
        }
        assert quote(three, pair, spend).refused[0].data["missing_amount"] == 1

    def test_a_discount_lies_on_free_and_used_units_alike(self) -> None:
        """16.8: 20.00 are left on three units, 10.00 of them on the free one; half off leaves 5.00 there."""
        priced = quote(
            cart(line("a", 1000, 3)),
            offer("pair", BuyXGetY(1, 1), priority=2),
            offer("half", percent_off(50), priority=1),
            offer("rest", percent_off(10), consumes_units=True),
        )

        assert priced.discount_total == 1000 + 1000 + 50

    def test_memory_does_not_grow_with_the_quantity(self) -> None:
        """16.9"""
        offers = [
            offer("pair", BuyXGetY(1, 1, maximum_sets=1000), priority=3),
            offer("bundle", BundlePrice(7, 3000), priority=2),
            offer("unit", amount_off(10, "each_unit")),
        ]

        def peak(quantity: int) -> int:
            lines = [line(f"sku-{number}", 500 + number, quantity) for number in range(50)]
            quote(cart(*lines), *offers)
            tracemalloc.start()
            quote(cart(*lines), *offers)
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

        # Half a million units, if each were kept by itself, would be many millions of bytes.
        assert peak(9_999) < peak(9) + 1_000_000
