"""Gifts, shipping, cash, promotions that nobody chooses, and tax (docs/pricing.md, 17 to 21)."""

import pytest

from coupons.pricing import Cart, Cash, Gift, GiftItem, Offer, Phase, ShippingOff
from tests.coupons.pricing.builders import (
    amount_off,
    applied_ids,
    assert_books_balance,
    cart,
    discounts,
    line,
    offer,
    percent_off,
    quote,
    refusals,
)

SHIPPED = cart(line("mug", 10000), shipping=999)


class TestGift:
    def test_is_added_and_takes_no_money(self) -> None:
        """17.1"""
        coupon = offer("c", GiftItem("cup", 2), over=10000)

        priced = quote(SHIPPED, coupon)

        assert priced.gifts == priced.applied[0].gifts == (Gift("cup", 2),)
        assert (priced.applied[0].amount, priced.payable) == (0, 10999)
        assert_books_balance(priced, [coupon])

    def test_gifts_of_several_coupons_add_up(self) -> None:
        """17.2"""
        priced = quote(
            SHIPPED, offer("a", GiftItem("cup")), offer("b", GiftItem("bag")), offer("c", GiftItem("cup", 2))
        )

        assert priced.gifts == (Gift("bag", 1), Gift("cup", 3))

    def test_needs_its_conditions(self) -> None:
        """17.3"""
        assert quote(SHIPPED, offer("c", GiftItem("cup"), over=10001)).gifts == ()


class TestShipping:
    @pytest.mark.parametrize(
        ("benefit", "expected"),
        [
            pytest.param(ShippingOff(), 999, id="18.1 free"),
            pytest.param(ShippingOff(amount=400), 400, id="18.2 an amount"),
            pytest.param(ShippingOff(amount=4000), 999, id="18.2 never below zero"),
            pytest.param(ShippingOff(basis_points=5000), 500, id="18.3 a share: 4.995 is 5.00"),
            pytest.param(ShippingOff(price=500), 499, id="18.4 a price"),
            pytest.param(ShippingOff(price=1500), 0, id="18.4 never raised"),
            pytest.param(ShippingOff(cap=600), 600, id="18.5 capped"),
        ],
    )
    def test_is_cheaper(self, benefit: ShippingOff, expected: int) -> None:
        coupon = offer("c", benefit, phase=Phase.SHIPPING)

        priced = quote(SHIPPED, coupon)

        assert (priced.shipping_discount, priced.shipping_payable) == (expected, 999 - expected)
        assert (priced.discount_total, priced.saved, priced.payable) == (0, expected, 10999 - expected)
        assert refusals(priced) == ({} if expected else {"c": "nothing_to_discount"})
        assert_books_balance(priced, [coupon])

    def test_two_coupons_share_one_fee(self) -> None:
        """18.6"""
        priced = quote(
            SHIPPED,
            offer("a", ShippingOff(amount=600), phase=Phase.SHIPPING, priority=1),
            offer("b", ShippingOff(amount=600), phase=Phase.SHIPPING),
        )

        assert [applied.shipping_amount for applied in priced.applied] == [600, 399]

    def test_without_a_fee_the_coupon_is_kept(self) -> None:
        """18.7"""
        assert refusals(quote(cart(line("a", 100)), offer("c", ShippingOff()))) == {"c": "nothing_to_discount"}

    def test_its_threshold_looks_at_what_earlier_phases_left(self) -> None:
        """18.8"""
        half = offer("half", percent_off(50))
        free = offer("free", ShippingOff(), over=10000, phase=Phase.SHIPPING)

        assert applied_ids(quote(SHIPPED, free)) == {"free"}
        assert refusals(quote(SHIPPED, half, free)) == {"free": "threshold_not_met"}


class TestCash:
    def test_comes_after_coupons_and_pays_products_only(self) -> None:
        """19.1"""
        priced = quote(
            SHIPPED,
            offer("share", Cash(9500), phase=Phase.RED_PACKET),
            offer("coupon", percent_off(10), over=10000),
        )

        assert [applied.amount for applied in priced.applied] == [9000, 1000]
        assert priced.payable == 999

    def test_several_shares_add_up_beside_an_exclusive_coupon(self) -> None:
        """19.2"""
        priced = quote(
            SHIPPED,
            offer("alone", amount_off(1000), exclusive=True),
            offer("a", Cash(500), phase=Phase.RED_PACKET),
            offer("b", Cash(700), phase=Phase.RED_PACKET),
        )

        assert priced.discount_total == 2200


class TestAutomaticPromotion:
    def test_is_settled_like_any_offer(self) -> None:
        """20.1"""
        priced = quote(
            SHIPPED,
            offer("sale", percent_off(20), phase=Phase.ITEM_PRICE, is_automatic=True),
            offer("coupon", amount_off(1000), over=8000),
        )

        assert priced.discount_total == 3000

    @pytest.mark.parametrize(
        ("phase", "applied"),
        [
            pytest.param(Phase.ITEM_PRICE, {"alone", "sale"}, id="a price"),
            pytest.param(Phase.PRODUCT, {"alone"}, id="a promotion among coupons"),
        ],
    )
    def test_takes_part_in_exclusivity_among_coupons(self, phase: Phase, applied: set[str]) -> None:
        """20.2"""
        sale = offer("sale", percent_off(20), phase=phase, is_automatic=True)

        assert applied_ids(quote(SHIPPED, sale, offer("alone", amount_off(100), exclusive=True))) == applied


def taxed(*, included: bool) -> Cart:
    return cart(
        line("book", 1099, tax_rate=500),
        line("mug", 1999, 2, tax_rate=2000),
        shipping=500,
        shipping_tax_rate=2000,
        prices_include_tax=included,
    )


class TestTax:
    def test_comes_on_top_of_net_prices(self) -> None:
        """21.1: 54.95 is 55, 799.6 is 800, and 100 on shipping."""
        priced = quote(taxed(included=False))

        assert [quoted.tax for quoted in priced.lines] == [55, 800]
        assert (priced.shipping_tax, priced.tax) == (100, 955)
        assert priced.payable == 1099 + 3998 + 500 + 955

    def test_is_contained_in_gross_prices(self) -> None:
        """21.2: 1099 × 5/105 is 52.33, 3998 × 20/120 is 666.33, 500 × 20/120 is 83.33."""
        priced = quote(taxed(included=True))

        assert [quoted.tax for quoted in priced.lines] == [52, 666]
        assert (priced.shipping_tax, priced.tax) == (83, 801)
        assert priced.payable == 1099 + 3998 + 500

    @pytest.mark.parametrize("included", [True, False])
    def test_is_taken_of_what_is_paid(self, included: bool) -> None:
        """21.3"""
        offers: list[Offer] = [
            offer("all", percent_off(100)),
            offer("shipping", ShippingOff(), phase=Phase.SHIPPING),
        ]

        priced = quote(taxed(included=included), *offers)

        assert (priced.tax, priced.payable) == (0, 0)
        assert_books_balance(priced, offers)

    def test_rounds_half_up_once_per_line(self) -> None:
        """21.4: 2 × 25 at 1 % are 0.5, which is 1, not twice 0.25."""
        assert quote(cart(line("a", 25, 2, tax_rate=100), prices_include_tax=False)).tax == 1

    def test_the_order_of_the_lines_does_not_change_it(self) -> None:
        """21.5: the odd unit of the discount would move between two rates."""
        one, other = line("apple", 50, tax_rate=0), line("fig", 50, tax_rate=100)
        coupon = offer("c", amount_off(1))

        forth = quote(cart(one, other, prices_include_tax=False), coupon)
        back = quote(cart(other, one, prices_include_tax=False), coupon)

        assert discounts(quote(cart(line("apple", 50), line("fig", 50)), coupon)) == [1, 0]
        assert forth.payable == back.payable
