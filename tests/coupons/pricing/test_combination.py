"""The best legal combination, as ``docs/pricing.md`` defines it; its numbers stand at the tests."""

from datetime import timedelta

import pytest
from hypothesis import given

from coupons.pricing import (
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
from coupons.pricing.combination import RequiredOffersError
from tests.coupons.pricing.builders import (
    NOW,
    amount_off,
    cart,
    line,
    offer,
    only,
    percent_off,
    refusals,
    sampled,
)
from tests.coupons.pricing.combination_checks import best, legal_sets, names, rank
from tests.coupons.pricing.combination_wallets import carts, wallets

TOMORROW, LATER = NOW + timedelta(days=1), NOW + timedelta(days=9)


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
