"""The best legal combination is equal to pricing all subsets, and a search cut short says by how much it may miss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coupons.pricing import Benefit, Cart, Cash, EveryAmountOff, Offer, Phase
from coupons.pricing.combination import best_combination
from coupons.pricing.combination.best import MAXIMUM_OFFERS
from coupons.pricing.conditions import CONDITIONS
from tests.coupons.pricing.builders import (
    NOW,
    amount_off,
    cart,
    line,
    offer,
    only,
    only_category,
    percent_off,
    sampled,
)
from tests.coupons.pricing.combination_checks import assert_is_best, best, legal_sets, rank
from tests.coupons.pricing.combination_wallets import carts, of_sums, wallets


class TestExact:
    """Equal to pricing all subsets."""

    @sampled(600)
    @given(carts(), wallets())
    def test_every_kind_of_benefit(self, priced_cart: Cart, offers: list[Offer]) -> None:
        assert_is_best(priced_cart, offers)

    @sampled(500)
    @given(carts(), wallets(of_sums))
    def test_benefits_of_sums(self, priced_cart: Cart, offers: list[Offer]) -> None:
        assert_is_best(priced_cart, offers)

    @sampled(400)
    @given(carts(has_floors=False), wallets(of_sums, phases=(Phase.PRODUCT, Phase.ORDER, Phase.RED_PACKET)))
    def test_thresholds_across_phases(self, priced_cart: Cart, offers: list[Offer]) -> None:
        assert_is_best(priced_cart, offers)

    @sampled(60)
    @given(carts(), wallets(at_most=9))
    def test_larger_wallets(self, priced_cart: Cart, offers: list[Offer]) -> None:
        assert_is_best(priced_cart, offers)

    def test_the_search_was_thought_through_for_every_kind_of_condition(self) -> None:
        """It checks a minimum spend in every state, all others at list prices only: they look at nothing that
        changes, unless units are used up, and then every condition is checked in every state.

        A new kind that looks at amounts has to be told to ``combination.terms`` first.
        """
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

    @pytest.mark.parametrize("benefit", [amount_off(501), percent_off(33.33)])
    def test_an_odd_cent_that_moves_between_lines(self, benefit: Benefit) -> None:
        """A set without a coupon can pay a cent less than the set with it: rounding breaks every rule of thumb."""
        lines = [line(f"sku-{number}", 333 + number, category="even" if number % 2 else "odd") for number in range(5)]
        offers = [
            offer("first", benefit, priority=2),
            offer("second", percent_off(12.5), scope=only_category("even"), priority=1),
            offer("third", percent_off(7.77), scope=only_category("odd")),
            offer("fourth", EveryAmountOff(500, 33), phase=Phase.RED_PACKET),
            offer("fifth", amount_off(7), scope=only("sku-3")),
        ]

        assert_is_best(cart(*lines), offers)


class TestLimits:
    @sampled(300)
    @given(carts(), wallets(), st.integers(1, 8))
    def test_the_gap_is_true(self, priced_cart: Cart, offers: list[Offer], nodes: int) -> None:
        """24.8"""
        found = best_combination(priced_cart, offers, NOW, maximum_nodes=nodes)
        least, *_ = optimum = min(legal_sets(priced_cart, offers))

        assert found.quote.payable - found.gap <= least <= found.quote.payable
        if found.is_proven:
            assert rank(found.quote.payable, found.offers) == optimum

    def test_a_search_that_was_cut_short_says_so(self) -> None:
        """The control of the test above: there is a gap to be told."""
        found = best_combination(*many_coupons(), NOW, maximum_nodes=1)

        assert not found.is_proven
        assert found.gap > 0

    def test_the_clock_that_it_is_given_ends_it(self) -> None:
        ticks = iter(range(1000))

        found = best_combination(*many_coupons(), NOW, time_budget=1.0, clock=lambda: float(next(ticks)))

        assert not found.is_proven

    def test_time_enough(self) -> None:
        found = best_combination(*many_coupons(), NOW, time_budget=1.0, clock=lambda: 0.0)

        assert found.is_proven

    def test_a_time_budget_needs_a_clock(self) -> None:
        with pytest.raises(ValueError, match="clock"):
            best_combination(cart(line("mug", 100)), (), NOW, time_budget=1.0)

    def test_as_many_offers_as_it_takes(self) -> None:
        shares = [offer(f"{number}", Cash(1 + number), phase=Phase.RED_PACKET) for number in range(MAXIMUM_OFFERS + 1)]

        assert len(best(cart(line("mug", 1_000_000)), *shares[:-1]).offers) == MAXIMUM_OFFERS
        with pytest.raises(ValueError, match="500"):
            best(cart(line("mug", 1_000_000)), *shares)

    def test_a_naive_moment_is_refused(self) -> None:
        with pytest.raises(ValueError, match="aware"):
            best_combination(cart(line("mug", 100)), (), NOW.replace(tzinfo=None))


def many_coupons() -> tuple[Cart, list[Offer]]:
    """Product coupons that work against the thresholds of the order coupons."""
    lines = [line(f"sku-{number}", 4000 + 137 * number, category=f"shelf-{number % 3}") for number in range(9)]
    products = [
        offer(
            f"product-{number}",
            percent_off(4 + number),
            scope=only_category(f"shelf-{number % 3}"),
            phase=Phase.PRODUCT,
        )
        for number in range(6)
    ]
    orders = [
        offer(f"order-{number}", amount_off(900 + 700 * number), over=30_000 + 1500 * number) for number in range(6)
    ]
    return cart(*lines), [*products, *orders]
