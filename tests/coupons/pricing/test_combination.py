"""The best legal combination, as ``docs/pricing.md`` defines it; its numbers stand at the tests."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coupons.pricing import (
    Benefit,
    BuyXGetY,
    Cart,
    Cash,
    EveryAmountOff,
    FixedPrice,
    GiftItem,
    Offer,
    Phase,
    ShippingOff,
    Tier,
    Tiered,
    price_cart,
)
from coupons.pricing.combination import Combination, RequiredOffersError, best_combination
from coupons.pricing.combination.best import MAXIMUM_OFFERS
from coupons.pricing.conditions import CONDITIONS
from coupons.pricing.selection import order_of_application
from tests.coupons.pricing.builders import (
    NOW,
    amount_off,
    cart,
    line,
    offer,
    only,
    only_category,
    percent_off,
    refusals,
    sampled,
)
from tests.coupons.pricing.combination_wallets import carts, of_sums, wallets

Rank = tuple[int, int, list[datetime], list[str]]

TOMORROW, LATER = NOW + timedelta(days=1), NOW + timedelta(days=9)


def best(priced_cart: Cart, *offers: Offer, required: Collection[str] = ()) -> Combination:
    return best_combination(priced_cart, offers, NOW, required=required)


def names(found: Combination) -> set[str]:
    return {chosen.offer_id for chosen in found.offers}


def rank(payable: int, chosen: Sequence[Offer]) -> Rank:
    return (
        payable,
        len(chosen),
        sorted(order_of_application(one)[2] for one in chosen),
        sorted(one.offer_id for one in chosen),
    )


def legal_sets(priced_cart: Cart, offers: Sequence[Offer]) -> Iterator[Rank]:
    """Every legal set, by pricing all subsets: what the search must be equal to."""
    promotions = [one for one in offers if one.is_automatic]
    choices = [one for one in offers if not one.is_automatic]
    for count in range(len(choices) + 1):
        for chosen in combinations(choices, count):
            priced = price_cart(priced_cart, [*promotions, *chosen], NOW)
            applied = {outcome.offer_id for outcome in priced.applied}
            if applied.issuperset(one.offer_id for one in chosen):
                yield rank(priced.payable, chosen)


def assert_is_best(priced_cart: Cart, offers: Sequence[Offer]) -> None:
    found = best_combination(priced_cart, offers, NOW)

    assert rank(found.quote.payable, found.offers) == min(legal_sets(priced_cart, offers))
    assert found.is_proven
    assert found.gap == 0


class TestBest:
    def test_nothing_to_choose_from(self) -> None:
        """24.1"""
        found = best(cart(line("mug", 100), shipping=9))

        assert (found.quote.payable, found.offers, found.is_proven, found.gap) == (109, (), True, 0)

    def test_of_a_group_the_one_that_takes_most(self) -> None:
        found = best(
            cart(line("mug", 10_000)),
            offer("ten", amount_off(1000), group="shop"),
            offer("share", percent_off(15), group="shop"),
            offer("twelve", amount_off(1200), group="shop"),
        )

        assert names(found) == {"share"}

    def test_a_small_coupon_is_left_out_for_a_threshold_of_the_next_phase(self) -> None:
        """24.2"""
        small = offer("small", amount_off(100), phase=Phase.PRODUCT)
        large = offer("large", amount_off(3000), over=10_000)

        found = best(cart(line("mug", 10_000)), small, large)

        assert names(found) == {"large"}
        assert refusals(price_cart(cart(line("mug", 10_000)), [small, large], NOW)) == {"large": "threshold_not_met"}

    def test_an_exclusive_coupon_against_all_others_together(self) -> None:
        """24.3"""
        alone = offer("alone", amount_off(2500), exclusive=True)
        ten, fifteen = offer("ten", amount_off(1000)), offer("fifteen", amount_off(1600))

        assert names(best(cart(line("mug", 10_000)), alone, ten, fifteen)) == {"ten", "fifteen"}
        assert names(best(cart(line("mug", 10_000)), alone, ten)) == {"alone"}

    def test_cash_stays_beside_an_exclusive_coupon(self) -> None:
        found = best(
            cart(line("mug", 10_000)),
            offer("alone", amount_off(2500), exclusive=True),
            offer("share", Cash(300), phase=Phase.RED_PACKET),
        )

        assert names(found) == {"alone", "share"}

    def test_a_step_is_worth_more_than_the_coupon_before_it(self) -> None:
        found = best(
            cart(line("mug", 20_000)),
            offer("before", amount_off(400), phase=Phase.PRODUCT),
            offer("every", EveryAmountOff(10_000, 1000)),
        )

        assert names(found) == {"every"}

    def test_a_coupon_that_lowers_a_tier_is_left_out(self) -> None:
        tiers = Tiered((Tier(minimum=5000, amount=200), Tier(minimum=10_000, amount=2500)))
        found = best(
            cart(line("mug", 10_000)),
            offer("before", amount_off(2000), phase=Phase.PRODUCT),
            offer("tiers", tiers),
        )

        assert names(found) == {"tiers"}

    def test_units_are_left_for_the_offer_that_gives_the_dearer_one(self) -> None:
        dear = offer("dear", BuyXGetY(1, 1), scope=only("lamp", "mug"), phase=Phase.PRODUCT)
        cheap = offer("cheap", BuyXGetY(1, 1), scope=only("cup", "lamp"), phase=Phase.PRODUCT, priority=1)

        found = best(cart(line("lamp", 9000), line("mug", 8000), line("cup", 100)), dear, cheap)

        assert names(found) == {"dear"}

    def test_a_lower_tier_may_be_the_better_one(self) -> None:
        """24.2: what looks like the better of two at first keeps the mug on the poor tier."""
        tiers = Tiered((Tier(minimum=5000, amount=3000), Tier(minimum=10_000, amount=100)))
        found = best(
            cart(line("mug", 10_000), line("cup", 1000)),
            offer("two", amount_off(200), scope=only("cup"), phase=Phase.PRODUCT, group="shop"),
            offer("one", amount_off(100), scope=only("mug"), phase=Phase.PRODUCT, group="shop"),
            offer("tiers", tiers, scope=only("mug")),
        )

        assert names(found) == {"one", "tiers"}

    def test_using_up_a_cheap_unit_may_give_a_dear_one_away(self) -> None:
        """24.2: again the smaller of two rivals is the better one."""
        found = best(
            cart(line("lamp", 9000, 2), line("cup", 100)),
            offer("hundreds", amount_off(300), scope=only("lamp"), phase=Phase.PRODUCT, group="shop"),
            offer("fifty", FixedPrice(50), scope=only("cup"), phase=Phase.PRODUCT, group="shop"),
            offer("one free", BuyXGetY(1, 1)),
        )

        assert names(found) == {"fifty", "one free"}
        assert found.quote.payable == 9050

    def test_automatic_promotions_take_part_and_are_no_choice(self) -> None:
        """24.4"""
        promotion = Offer(
            offer_id="promotion",
            coupon_id="promotion",
            benefit=amount_off(500),
            phase=Phase.PRODUCT,
            is_automatic=True,
        )
        found = best(
            cart(line("mug", 10_000)),
            promotion,
            offer("out of reach", amount_off(3000), over=10_000),
            offer("in reach", amount_off(300), over=9000),
        )

        assert names(found) == {"in reach"}
        assert found.quote.payable == 9200

    def test_a_coupon_that_gives_no_money_is_kept(self) -> None:
        """24.5: a gift costs nothing to leave in the wallet, and the search only counts money."""
        found = best(cart(line("mug", 100)), offer("gift", GiftItem("cup")), offer("ship", ShippingOff()))

        assert found.offers == ()

    def test_the_quote_is_the_engine_s_own(self) -> None:
        priced_cart = cart(line("mug", 999, 3), line("cup", 333), shipping=900)
        offers = (offer("a", percent_off(10)), offer("b", amount_off(77), scope=only("cup"), phase=Phase.PRODUCT))

        found = best(priced_cart, *offers)

        assert found.quote == price_cart(priced_cart, found.offers, NOW)
        assert [chosen.offer_id for chosen in found.offers] == ["b", "a"]


class TestTies:
    def test_fewer_coupons(self) -> None:
        """24.6"""
        found = best(
            cart(line("mug", 1000)),
            offer("one", amount_off(500), expires_at=TOMORROW),
            offer("two", amount_off(500), expires_at=TOMORROW),
            offer("all", amount_off(1000), expires_at=LATER),
        )

        assert names(found) == {"all"}

    def test_those_that_expire_first(self) -> None:
        found = best(
            cart(line("mug", 1000)),
            offer("a", amount_off(500), group="shop"),
            offer("b", amount_off(500), group="shop", expires_at=LATER),
            offer("c", amount_off(500), group="shop", expires_at=TOMORROW),
        )

        assert names(found) == {"c"}

    def test_then_their_names(self) -> None:
        found = best(
            cart(line("mug", 1000)),
            offer("b", amount_off(500), group="shop", priority=1),
            offer("a", amount_off(500), group="shop"),
        )

        assert names(found) == {"a"}

    def test_many_alike_of_which_some_are_enough(self) -> None:
        coupons = [offer(f"{number:02}", amount_off(100), expires_at=LATER) for number in range(40)]

        found = best(cart(line("mug", 1000)), *coupons)

        assert [chosen.offer_id for chosen in found.offers] == [f"{number:02}" for number in range(10)]
        assert found.is_proven


class TestRequired:
    def test_the_best_set_that_holds_it(self) -> None:
        """24.7"""
        ten = offer("ten", amount_off(1000), group="shop")
        twenty = offer("twenty", amount_off(2000), group="shop")
        other = offer("other", amount_off(10))

        found = best(cart(line("mug", 10_000)), ten, twenty, other, required=["ten"])

        assert names(found) == {"ten", "other"}

    def test_a_gift_is_kept_when_it_is_wanted(self) -> None:
        found = best(cart(line("mug", 100)), offer("gift", GiftItem("cup")), required=["gift"])

        assert names(found) == {"gift"}

    @pytest.mark.parametrize(
        "wanted",
        [
            offer("wanted", amount_off(10), over=101),
            offer("wanted", amount_off(10), scope=only("cup")),
            offer("wanted", amount_off(10), expires_at=NOW),
        ],
    )
    def test_one_that_cannot_apply_is_explained(self, wanted: Offer) -> None:
        with pytest.raises(RequiredOffersError) as raised:
            best(cart(line("mug", 100)), wanted, offer("other", amount_off(5)), required=["wanted"])

        assert set(refusals(raised.value.quote)) == {"wanted"}

    def test_one_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match="nobody"):
            best(cart(line("mug", 100)), required=["nobody"])

    @sampled(200)
    @given(carts(), wallets())
    def test_random_wallets(self, priced_cart: Cart, offers: list[Offer]) -> None:
        wanted = offers[0].offer_id
        if offers[0].is_automatic:
            return
        legal = [one for one in legal_sets(priced_cart, offers) if wanted in one[3]]

        try:
            found = best(priced_cart, *offers, required=[wanted])
        except RequiredOffersError:
            assert not legal
        else:
            assert rank(found.quote.payable, found.offers) == min(legal)


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
