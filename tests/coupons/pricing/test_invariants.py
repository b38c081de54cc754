"""What holds for every cart and every handful of coupons."""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coupons.pricing import (
    EVERYTHING,
    Benefit,
    Cart,
    CartLine,
    MinimumSpend,
    Offer,
    Phase,
    Scope,
    ThresholdBase,
)
from coupons.pricing.benefits import AmountOff, PercentOff
from tests.coupons.pricing.builders import NOW, assert_books_balance, cart, discounts, line, offer, only, quote, sampled

SKUS = ("apple", "fig", "kiwi", "pear")
CATEGORIES = ("fruit", "fresh")

# Small sums make ties, floors that bite and coupons without effect frequent; large ones find
# what a float would lose.
sums = st.integers(0, 60) | st.integers(0, 10**12)
scopes = st.just(EVERYTHING) | st.builds(
    Scope,
    include_skus=st.frozensets(st.sampled_from(SKUS), max_size=2),
    include_categories=st.frozensets(st.sampled_from(CATEGORIES), max_size=1),
    exclude_skus=st.frozensets(st.sampled_from(SKUS), max_size=1),
    exclude_categories=st.frozensets(st.sampled_from(CATEGORIES), max_size=1),
)
benefits: st.SearchStrategy[Benefit] = st.builds(AmountOff, st.integers(1, 80) | st.integers(1, 10**12)) | st.builds(
    PercentOff, st.integers(1, 10_000), st.none() | st.integers(1, 80)
)
moments = st.none() | st.sampled_from([NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)])


@st.composite
def carts(draw: st.DrawFn) -> Cart:
    lines = tuple(
        CartLine(
            line_id=f"line-{number}",
            sku=draw(st.sampled_from(SKUS)),
            categories=draw(st.frozensets(st.sampled_from(CATEGORIES))),
            unit_price=draw(sums),
            quantity=draw(st.integers(1, 4)),
            floor_price=draw(st.just(0) | st.integers(0, 40)),
        )
        for number in range(draw(st.integers(0, 6)))
    )
    return Cart(lines=lines, shipping=draw(sums))


@st.composite
def wallets(draw: st.DrawFn, *, least: int = 0) -> list[Offer]:
    return [
        Offer(
            offer_id=f"offer-{number}",
            coupon_id=f"coupon-{draw(st.integers(1, 3))}",
            benefit=draw(benefits),
            phase=draw(st.sampled_from(Phase)),
            conditions=draw(st.just(()) | st.builds(lambda over: (MinimumSpend(over),), st.integers(1, 200))),
            scope=draw(scopes),
            priority=draw(st.integers(0, 2)),
            stacking_group=draw(st.sampled_from(["", "", "brand", "bank"])),
            exclusive=draw(st.integers(0, 5).map(lambda roll: roll == 5)),
            threshold_base=draw(st.sampled_from(ThresholdBase)),
            usable_from=draw(st.none() | moments),
            expires_at=draw(st.none() | st.none() | moments),
        )
        for number in range(draw(st.integers(least, 5)))
    ]


def shuffled(lines: tuple[CartLine, ...], random: Random) -> Cart:
    order = list(lines)
    random.shuffle(order)
    return Cart(tuple(order))


@pytest.mark.reliability(31)
@sampled(80)
@given(carts(), wallets())
def test_discounts_stay_between_nothing_and_what_is_eligible(priced_cart: Cart, offers: list[Offer]) -> None:
    priced = quote(priced_cart, *offers)

    assert_books_balance(priced, offers)
    by_id = {given.offer_id: given for given in offers}
    lines = {one.line_id: one for one in priced_cart.lines}
    for applied in priced.applied:
        scope = by_id[applied.offer_id].scope
        assert all(scope.covers(lines[part.line_id]) for part in applied.lines)
    for quoted in priced.lines:
        own = [part.amount for applied in priced.applied for part in applied.lines if part.line_id == quoted.line_id]
        assert quoted.discount == sum(own)


@sampled(60)
@given(carts(), wallets(least=1))
def test_no_line_falls_below_its_floor(priced_cart: Cart, offers: list[Offer]) -> None:
    priced = quote(priced_cart, *offers)

    for one, quoted in zip(priced_cart.lines, priced.lines, strict=True):
        assert quoted.payable >= min(one.amount, one.floor_amount)


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
    priced = quote(Cart(priced_cart.lines), *offers)
    again = quote(shuffled(priced_cart.lines, random), *offers)

    assert again.payable == priced.payable
    assert [getattr(one, "amount", one) for one in again.outcomes] == [
        getattr(one, "amount", one) for one in priced.outcomes
    ]


@pytest.mark.reliability(34)
@sampled(60)
@given(carts(), wallets(least=1), st.randoms())
def test_a_permuted_cart_moves_a_coupons_odd_unit_at_most(
    priced_cart: Cart, offers: list[Offer], random: Random
) -> None:
    priced = quote(Cart(priced_cart.lines), offers[0])
    again = quote(shuffled(priced_cart.lines, random), offers[0])

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
