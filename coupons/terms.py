"""A coupon's columns as the parts of the pricing engine: benefit, conditions, scope."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from decimal import Decimal
from typing import TypeVar

from django.conf import settings

from coupons.enums import Application as ApplicationChoice
from coupons.enums import AudienceKind, BenefitType, Handout, ScopeMode
from coupons.models import Coupon, ScopeEntry
from coupons.pricing import (
    AmountOff,
    Application,
    Audience,
    Benefit,
    BundlePrice,
    BuyXGetY,
    Cash,
    Channel,
    Condition,
    Contains,
    ContainsNone,
    EveryAmountOff,
    FixedPrice,
    GiftItem,
    MinimumQuantity,
    MinimumSpend,
    NewShopper,
    OrderNumber,
    PercentOff,
    Phase,
    Region,
    Scope,
    ShippingOff,
    Tier,
    TierBasis,
    Tiered,
    WeekdayAndHour,
)

FREE = 10_000  # basis points
EVERY_DAY = range(7)
MINUTES_OF_DAY = 24 * 60

Figure = TypeVar("Figure")


def benefit_of(coupon: Coupon) -> Benefit:
    """Returns what a coupon gives; its tiers should be prefetched.

    Raises:
        ValueError: a figure is missing, such as the amount of a share that no claim has brought.
    """
    match BenefitType(coupon.benefit_type):
        case BenefitType.AMOUNT_OFF:
            return AmountOff(
                _given(coupon.amount_off),
                application=Application(coupon.application),
                maximum_units=coupon.maximum_units,
            )
        case BenefitType.PERCENT_OFF:
            return PercentOff(
                basis_points=_basis_points(_given(coupon.percent_off)),
                cap=coupon.discount_cap,
                application=Application(coupon.application),
                maximum_units=coupon.maximum_units,
            )
        case BenefitType.EVERY_AMOUNT_OFF:
            return EveryAmountOff(_given(coupon.every_amount), _given(coupon.amount_off), cap=coupon.discount_cap)
        case BenefitType.TIERED:
            counts = TierBasis(coupon.tier_basis)
            return Tiered(tuple(_tiers_of(coupon, counts)), counts=counts, cap=coupon.discount_cap)
        case BenefitType.FIXED_PRICE:
            return FixedPrice(_given(coupon.unit_price), maximum_units=coupon.maximum_units)
        case BenefitType.BUNDLE_PRICE:
            quantity, price = _given(coupon.bundle_quantity), _given(coupon.bundle_price)
            return BundlePrice(quantity, price, maximum_sets=coupon.maximum_sets)
        case BenefitType.BUY_X_GET_Y:
            return BuyXGetY(
                _given(coupon.buy_quantity),
                _given(coupon.get_quantity),
                basis_points=FREE if coupon.percent_off is None else _basis_points(coupon.percent_off),
                maximum_sets=coupon.maximum_sets,
                get_scope=_scope_of_mode(coupon, ScopeMode.GIVE),
            )
        case BenefitType.GIFT_ITEM:
            return GiftItem(_given(coupon.gift_product).sku, _given(coupon.gift_quantity))
        case BenefitType.SHIPPING_OFF:
            share = None if coupon.percent_off is None else _basis_points(coupon.percent_off)
            return ShippingOff(amount=coupon.amount_off, basis_points=share, cap=coupon.discount_cap)
        case BenefitType.CASH:
            return Cash(_given(coupon.amount_off))


def conditions_of(coupon: Coupon) -> tuple[Condition, ...]:
    """Returns what a cart and its shopper must meet; the coupon's scope entries should be prefetched."""
    return (*_of_the_cart(coupon), *_of_the_shopper(coupon), *_of_the_sale(coupon))


def scope_of(coupon: Coupon) -> Scope:
    """Returns the products that a coupon counts and discounts."""
    including = _entries(coupon, ScopeMode.INCLUDE)
    excluding = _entries(coupon, ScopeMode.EXCLUDE)
    return Scope(
        include_skus=_skus(including),
        include_categories=_categories(including),
        exclude_skus=_skus(excluding),
        exclude_categories=_categories(excluding),
        minimum_unit_price=coupon.minimum_unit_price,
        maximum_unit_price=coupon.maximum_unit_price,
    )


def phase_of(coupon: Coupon, scope: Scope) -> Phase:
    """Returns when it is a coupon's turn.

    What applies by itself and names products, or changes the price of units, makes item prices; of what a shopper
    chooses, coupons for some products come before those for the whole order.
    """
    benefit = BenefitType(coupon.benefit_type)
    is_narrow = bool(scope.include_skus or scope.include_categories) or (
        scope.minimum_unit_price is not None or scope.maximum_unit_price is not None
    )
    if benefit == BenefitType.SHIPPING_OFF:
        return Phase.SHIPPING
    if benefit == BenefitType.CASH:
        return Phase.RED_PACKET
    if coupon.handout == Handout.AUTOMATIC and (is_narrow or _is_of_units(coupon)):
        return Phase.ITEM_PRICE
    return Phase.PRODUCT if is_narrow or benefit == BenefitType.FIXED_PRICE else Phase.ORDER


def _is_of_units(coupon: Coupon) -> bool:
    of_units = {BenefitType.FIXED_PRICE, BenefitType.BUNDLE_PRICE, BenefitType.BUY_X_GET_Y}
    return coupon.benefit_type in of_units or coupon.application != ApplicationChoice.WHOLE


def _tiers_of(coupon: Coupon, counts: TierBasis) -> Iterable[Tier]:
    for tier in coupon.tiers.all():
        yield Tier(
            minimum=_given(tier.minimum_spend if counts is TierBasis.AMOUNT else tier.minimum_quantity),
            amount=tier.amount_off,
            basis_points=None if tier.percent_off is None else _basis_points(tier.percent_off),
        )


def _of_the_cart(coupon: Coupon) -> Iterable[Condition]:
    if coupon.minimum_spend:
        yield MinimumSpend(coupon.minimum_spend)
    if coupon.minimum_quantity:
        yield MinimumQuantity(coupon.minimum_quantity)
    # Each row asks for something of its own; all of them are needed.
    for entry in _entries(coupon, ScopeMode.REQUIRE):
        yield Contains(Scope(include_skus=_skus([entry]), include_categories=_categories([entry])))
    forbidden = _scope_of_mode(coupon, ScopeMode.FORBID)
    if forbidden is not None:
        yield ContainsNone(forbidden)


def _of_the_shopper(coupon: Coupon) -> Iterable[Condition]:
    if coupon.order_number:
        yield OrderNumber(coupon.order_number, coupon.order_number)
    if coupon.new_shopper_days:
        yield NewShopper(coupon.new_shopper_days)
    # Of a coupon that is claimed, the claim decided for whom it is.
    if coupon.handout == Handout.AUTOMATIC and coupon.audience == AudienceKind.TAGGED:
        yield Audience(any_of=frozenset({coupon.audience_tag}))
    if coupon.handout == Handout.AUTOMATIC and coupon.audience == AudienceKind.NEW_SHOPPERS:
        yield OrderNumber(1, 1)


def _of_the_sale(coupon: Coupon) -> Iterable[Condition]:
    if coupon.weekdays or coupon.hour_from is not None:
        yield WeekdayAndHour(
            weekdays=frozenset(coupon.weekdays or EVERY_DAY),
            start_minute=_minutes(coupon.hour_from) if coupon.hour_from else 0,
            # Midnight ends a day here; as a beginning it would make the window empty.
            end_minute=(_minutes(coupon.hour_until) if coupon.hour_until else 0) or MINUTES_OF_DAY,
            zone=settings.TIME_ZONE,
        )
    if coupon.channels:
        yield Channel(frozenset(word.casefold() for word in coupon.channels))
    if coupon.regions:
        yield Region(frozenset(word.casefold() for word in coupon.regions))


def _scope_of_mode(coupon: Coupon, mode: ScopeMode) -> Scope | None:
    entries = _entries(coupon, mode)
    return Scope(include_skus=_skus(entries), include_categories=_categories(entries)) if entries else None


def _entries(coupon: Coupon, mode: ScopeMode) -> list[ScopeEntry]:
    return [entry for entry in coupon.scope_entries.all() if entry.mode == mode]


def _skus(entries: Iterable[ScopeEntry]) -> frozenset[str]:
    return frozenset(entry.product.sku for entry in entries if entry.product is not None)


def _categories(entries: Iterable[ScopeEntry]) -> frozenset[str]:
    return frozenset(entry.category.key for entry in entries if entry.category is not None)


def _basis_points(percent: Decimal) -> int:
    return int(percent * 100)


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _given(figure: Figure | None) -> Figure:
    if figure is None:
        raise ValueError("a figure of this kind of benefit is missing")
    return figure
