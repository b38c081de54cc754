"""What holds for every cart and every handful of coupons."""

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coupons.pricing import Applied, Cart, CartLine, Offer, Outcome
from coupons.pricing.benefits import AmountOff, PercentOff
from coupons.pricing.running_order import RunningOrder
from coupons.pricing.selection import Selection
from tests.coupons.pricing.builders import NOW, assert_books_balance, cart, discounts, line, offer, only, quote, sampled
from tests.coupons.pricing.strategies import SKUS, carts, proportional_benefits, wallets


def shuffled(priced_cart: Cart, random: Random) -> Cart:
    order = list(priced_cart.lines)
    random.shuffle(order)
    return replace(priced_cart, lines=tuple(order))


def without_lines(outcome: Outcome) -> Outcome:
    return replace(outcome, lines=()) if isinstance(outcome, Applied) else outcome


def reach(given: Offer, one: CartLine) -> bool:
    return given.scope.covers(one) or (given.get_scope is not None and given.get_scope.covers(one))


@pytest.mark.reliability(31)
@sampled(80)
@given(carts(), wallets())
def test_discounts_stay_between_nothing_and_what_is_eligible(priced_cart: Cart, offers: list[Offer]) -> None:
    priced = quote(priced_cart, *offers)

    assert_books_balance(priced, offers)
    by_id = {given.offer_id: given for given in offers}
    lines = {one.line_id: one for one in priced_cart.lines}
    for applied in priced.applied:
        assert all(reach(by_id[applied.offer_id], lines[part.line_id]) for part in applied.lines)
    for quoted in priced.lines:
        own = [part.amount for applied in priced.applied for part in applied.lines if part.line_id == quoted.line_id]
        assert quoted.discount == sum(own)


@sampled(60)
@given(carts(), wallets(least=1))
def test_no_line_falls_below_its_floor(priced_cart: Cart, offers: list[Offer]) -> None:
    priced = quote(priced_cart, *offers)

    for one, quoted in zip(priced_cart.lines, priced.lines, strict=True):
        assert quoted.payable >= min(one.amount, one.floor_amount)


@sampled(80)
@given(carts(), wallets(least=2))
def test_no_unit_is_used_twice(priced_cart: Cart, offers: list[Offer]) -> None:
    selection = Selection(RunningOrder.at_list_price(priced_cart), NOW)
    selection.run(offers)

    order = selection.order
    for i, one in enumerate(order.lines):
        assert 0 <= order.used_units[i] <= one.quantity
        assert 0 <= order.used_amounts[i] <= order.amounts[i]
        assert order.used_units[i] or not order.used_amounts[i]
        assert order.used_units[i] < one.quantity or order.used_amounts[i] == order.amounts[i]


@sampled(60)
@given(carts(), wallets(least=1))
def test_stacking_rules_hold(priced_cart: Cart, offers: list[Offer]) -> None:
    priced = quote(priced_cart, *offers)

    by_id = {given.offer_id: given for given in offers}
    applied = [by_id[outcome.offer_id] for outcome in priced.applied]
    groups = [one.stacking_group for one in applied if one.stacking_group]
    coupons = [one for one in applied if one.is_coupon]
    assert len(groups) == len(set(groups))
    assert len(coupons) <= 1 or not any(one.exclusive for one in coupons)
    winners = {one.offer_id for one in applied}
    for refused in priced.refused:
        assert refused.data.get("conflicting_offer_id", refused.offer_id) in winners | {refused.offer_id}


@pytest.mark.reliability(34)
@sampled(120)
@given(carts(), wallets(least=1), st.randoms())
def test_how_the_cart_was_filled_does_not_change_its_price(
    priced_cart: Cart, offers: list[Offer], random: Random
) -> None:
    priced = quote(priced_cart, *offers)
    again = quote(shuffled(priced_cart, random), *offers)

    assert again.payable == priced.payable
    assert [without_lines(one) for one in again.outcomes] == [without_lines(one) for one in priced.outcomes]
    assert (again.tax, again.gifts) == (priced.tax, priced.gifts)


@pytest.mark.reliability(34)
@sampled(60)
@given(carts(), wallets(least=1, giving=proportional_benefits), st.randoms())
def test_a_permuted_cart_moves_a_coupons_odd_unit_at_most(
    priced_cart: Cart, offers: list[Offer], random: Random
) -> None:
    priced = quote(priced_cart, offers[0])
    again = quote(shuffled(priced_cart, random), offers[0])

    before = {quoted.line_id: quoted.discount for quoted in priced.lines}
    assert all(abs(quoted.discount - before[quoted.line_id]) <= 1 for quoted in again.lines)


@st.composite
def tied_carts(draw: st.DrawFn) -> Cart:
    """Different products of one price: every odd unit ties."""
    price, skus = draw(st.integers(1, 9)), draw(st.lists(st.sampled_from(SKUS), min_size=2, unique=True))
    return cart(*(line(sku, price) for sku in skus))


@pytest.mark.reliability(34)
@sampled(60)
@given(tied_carts(), st.integers(1, 9), st.sampled_from(SKUS), st.sampled_from([2500, 5000, 7500]))
def test_nor_do_ties_between_products_of_which_a_later_coupon_covers_one(
    priced_cart: Cart, amount: int, covered: str, basis_points: int
) -> None:
    coupons = (
        offer("first", AmountOff(amount), priority=1),
        offer("second", PercentOff(basis_points), scope=only(covered)),
    )

    backwards = Cart(priced_cart.lines[::-1])

    assert quote(backwards, *coupons).payable == quote(priced_cart, *coupons).payable


def test_a_cent_that_ties_cannot_change_what_a_later_coupon_takes() -> None:
    """5.6: were ties settled by the place in the cart alone, fig first would cost a cent less."""
    apple, fig = line("apple", 3), line("fig", 3)
    coupons = (
        offer("first", AmountOff(1), priority=1),
        offer("second", PercentOff(5000), scope=only("apple")),
    )

    one_way = quote(cart(apple, fig), *coupons)
    other_way = quote(cart(fig, apple), *coupons)

    assert discounts(one_way) == [2, 0]
    assert discounts(other_way) == [0, 2]


@sampled(60)
@given(carts(), wallets(least=1), st.randoms())
def test_the_order_in_which_coupons_are_chosen_does_not_matter(
    priced_cart: Cart, offers: list[Offer], random: Random
) -> None:
    order = list(offers)
    random.shuffle(order)

    priced, again = quote(priced_cart, *offers), quote(priced_cart, *order)

    assert again.lines == priced.lines
    assert {one.offer_id: one for one in again.outcomes} == {one.offer_id: one for one in priced.outcomes}


@sampled(80)
@given(carts(), wallets(least=1))
def test_a_coupon_that_does_not_apply_changes_nothing_for_the_others(priced_cart: Cart, offers: list[Offer]) -> None:
    priced = quote(priced_cart, *offers)
    refused = {outcome.offer_id for outcome in priced.refused}

    without = quote(priced_cart, *(one for one in offers if one.offer_id not in refused))

    assert without.lines == priced.lines
    assert without.outcomes == priced.applied


@pytest.mark.reliability(32)
@pytest.mark.parametrize(("currency", "exponent"), [("JPY", 0), ("CNY", 2), ("KWD", 3)])
@sampled(40)
@given(prices=st.lists(st.integers(1, 99_999), min_size=1, max_size=5), amount=st.integers(1, 150_000))
def test_allocations_sum_exactly_in_every_currency(
    currency: str, exponent: int, prices: list[int], amount: int
) -> None:
    """Inside are minor units only; read as the currency's decimals the parts still sum up."""
    priced_cart = cart(*(line(f"sku-{number}", price) for number, price in enumerate(prices)))

    priced = quote(priced_cart, offer(currency, AmountOff(amount)))

    unit = Decimal(1).scaleb(-exponent)
    parts = [discount * unit for discount in discounts(priced)]
    assert sum(parts) == min(amount, sum(prices)) * unit
    assert all(-part.as_tuple().exponent == exponent for part in parts if isinstance(part, Decimal))


@pytest.mark.reliability(32)
@pytest.mark.parametrize("exponent", [pytest.param(0, id="JPY"), pytest.param(2, id="CNY"), pytest.param(3, id="KWD")])
@sampled(30)
@given(priced_cart=carts(), offers=wallets(least=1))
def test_every_sum_of_a_quote_is_exact_as_decimals(exponent: int, priced_cart: Cart, offers: list[Offer]) -> None:
    priced = quote(priced_cart, *offers)

    unit = Decimal(1).scaleb(-exponent)
    paid = [quoted.payable * unit for quoted in priced.lines]
    given_away = [applied.amount * unit for applied in priced.applied]
    tax = 0 if priced.prices_include_tax else priced.tax
    assert sum(paid) + priced.shipping_payable * unit + tax * unit == priced.payable * unit
    assert sum(given_away) == (priced.subtotal + priced.shipping + tax - priced.payable) * unit
