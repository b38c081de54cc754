"""Short ways to say a cart and an offer, so that the tests read as a specification."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from hypothesis import settings

from coupons.pricing import (
    EVERYTHING,
    AmountOff,
    Application,
    Benefit,
    Cart,
    CartLine,
    Condition,
    MinimumSpend,
    Offer,
    PercentOff,
    Phase,
    Quote,
    Scope,
    ThresholdBase,
    price_cart,
)

Test = TypeVar("Test", bound=Callable[..., None])

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def sampled(examples: int) -> Callable[[Test], Test]:
    """A sample that is the same in every run; a busy machine does not fail it."""
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None)


def line(
    sku: str,
    unit_price: int,
    quantity: int = 1,
    *,
    floor_price: int = 0,
    category: str = "",
    line_id: str = "",
    tax_rate: int = 0,
) -> CartLine:
    return CartLine(
        line_id=line_id or sku,
        sku=sku,
        categories=frozenset({category} if category else ()),
        unit_price=unit_price,
        quantity=quantity,
        floor_price=floor_price,
        tax_rate=tax_rate,
    )


def cart(*lines: CartLine, shipping: int = 0, **more: Any) -> Cart:
    return Cart(lines=lines, shipping=shipping, **more)


def amount_off(amount: int, application: str = "whole", **more: Any) -> AmountOff:
    return AmountOff(amount, Application(application), **more)


def percent_off(percent: float, cap: int | None = None, application: str = "whole", **more: Any) -> PercentOff:
    return PercentOff(round(percent * 100), cap, Application(application), **more)


def offer(
    offer_id: str,
    benefit: Benefit,
    *,
    over: int | None = None,
    conditions: tuple[Condition, ...] = (),
    scope: Scope = EVERYTHING,
    phase: Phase = Phase.ORDER,
    priority: int = 0,
    group: str = "",
    exclusive: bool = False,
    threshold_base: ThresholdBase = ThresholdBase.CURRENT,
    usable_from: datetime | None = None,
    expires_at: datetime | None = None,
    is_automatic: bool = False,
    consumes_units: bool = False,
) -> Offer:
    if over is not None:
        conditions = (MinimumSpend(over), *conditions)
    return Offer(
        offer_id=offer_id,
        coupon_id=f"coupon-{offer_id}",
        benefit=benefit,
        conditions=conditions,
        scope=scope,
        phase=phase,
        priority=priority,
        stacking_group=group,
        exclusive=exclusive,
        threshold_base=threshold_base,
        usable_from=usable_from,
        expires_at=expires_at,
        is_automatic=is_automatic,
        consumes_units=consumes_units,
    )


def only(*skus: str) -> Scope:
    return Scope(include_skus=frozenset(skus))


def only_category(*categories: str) -> Scope:
    return Scope(include_categories=frozenset(categories))


def quote(priced_cart: Cart, *offers: Offer, now: datetime = NOW) -> Quote:
    return price_cart(priced_cart, offers, now)


def discounts(priced: Quote) -> list[int]:
    """What is taken off each line, in the order of the cart."""
    return [quoted.discount for quoted in priced.lines]


def applied_ids(priced: Quote) -> set[str]:
    return {applied.offer_id for applied in priced.applied}


def refusals(priced: Quote) -> dict[str, str]:
    """The code of every refused offer."""
    return {refused.offer_id: str(refused.code) for refused in priced.refused}


def assert_books_balance(priced: Quote, offers: Iterable[Offer]) -> None:
    """What holds for every quote, whatever the cart and the offers."""
    for quoted in priced.lines:
        assert 0 <= quoted.discount <= quoted.amount
        assert quoted.payable == quoted.amount - quoted.discount
    for applied in priced.applied:
        on_lines = sum(part.amount for part in applied.lines)
        assert applied.amount == on_lines + applied.shipping_amount
        assert applied.amount > 0 or applied.gifts
        assert all(part.amount > 0 for part in applied.lines)
        assert applied.shipping_amount >= 0
    assert priced.subtotal == sum(quoted.amount for quoted in priced.lines)
    assert priced.discount_total == sum(discounts(priced))
    assert priced.saved == sum(applied.amount for applied in priced.applied)
    assert 0 <= priced.shipping_discount <= priced.shipping
    assert priced.tax == sum(quoted.tax for quoted in priced.lines) + priced.shipping_tax
    on_top = 0 if priced.prices_include_tax else priced.tax
    assert priced.payable == priced.subtotal - priced.discount_total + priced.shipping_payable + on_top >= 0
    assert [outcome.offer_id for outcome in priced.outcomes] == [given.offer_id for given in offers]
