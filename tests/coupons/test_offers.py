"""Every column of a coupon reaches the pricing engine: what it gives, when it counts, whose turn it is."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from coupons.enums import BenefitType, ClaimChannel, CouponState, Handout, OrderState
from coupons.models import Claim, Coupon, Order, Product, ScopeEntry, Tier
from coupons.offers import (
    CartItem,
    automatic_promotions,
    buyer_of,
    cart_of,
    claims_with_offers,
    offer_of,
    offer_of_promotion,
    read_items,
)
from coupons.pricing import Application, Applied, Buyer, Cart, Cash, Phase, Quote, RefusalCode, price_cart
from tests import factories
from tests.factories import NOW
from users.models import Tag, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk() -> Product:
    return factories.make_product(sku="milk", price=10_00, category=factories.make_category(key="dairy"))


@pytest.fixture
def pen() -> Product:
    return factories.make_product(sku="pen", price=3_00, category=factories.make_category(key="desk"))


def cart(*lines: tuple[str, int], shipping: int = 0, **more: Any) -> Cart:
    return cart_of(read_items([CartItem(sku, quantity) for sku, quantity in lines]), shipping=shipping, **more)


def quote(coupon: Coupon, of: Cart, now: datetime = NOW) -> Quote:
    return price_cart(of, [offer_of(factories.make_claim(coupon=coupon))], now)


def refusal(coupon: Coupon, of: Cart, now: datetime = NOW) -> RefusalCode | None:
    (outcome,) = quote(coupon, of, now).outcomes
    return None if isinstance(outcome, Applied) else outcome.code


def scope(coupon: Coupon, mode: str, **thing: Any) -> Coupon:
    ScopeEntry.objects.create(coupon=coupon, mode=mode, **thing)
    return coupon


# What it gives: 3 × 10.00 and 4 × 3.00, shipping 8.00


@pytest.mark.parametrize(
    ("fields", "saved"),
    [
        ({"benefit_type": "amount_off", "amount_off": 5_00}, 5_00),
        ({"benefit_type": "amount_off", "amount_off": 50, "application": "each_unit"}, 3_50),
        ({"benefit_type": "amount_off", "amount_off": 50, "application": "each_unit", "maximum_units": 2}, 1_00),
        ({"benefit_type": "amount_off", "amount_off": 50, "application": "each_line"}, 1_00),
        ({"benefit_type": "percent_off", "percent_off": Decimal("12.5")}, 5_25),
        ({"benefit_type": "percent_off", "percent_off": 50, "discount_cap": 4_00}, 4_00),
        ({"benefit_type": "percent_off", "percent_off": 100, "application": "cheapest_unit"}, 3_00),
        ({"benefit_type": "every_amount_off", "every_amount": 20_00, "amount_off": 2_00}, 4_00),
        (
            {"benefit_type": "every_amount_off", "every_amount": 20_00, "amount_off": 2_00, "discount_cap": 3_00},
            3_00,
        ),
        ({"benefit_type": "fixed_price", "unit_price": 9_00}, 3_00),
        ({"benefit_type": "fixed_price", "unit_price": 9_00, "maximum_units": 1}, 1_00),
        ({"benefit_type": "bundle_price", "bundle_quantity": 3, "bundle_price": 20_00}, 10_00),
        ({"benefit_type": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1}, 6_00),
        ({"benefit_type": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1, "maximum_sets": 1}, 3_00),
        ({"benefit_type": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1, "percent_off": 50}, 3_00),
        ({"benefit_type": "shipping_off"}, 8_00),
        ({"benefit_type": "shipping_off", "amount_off": 5_00}, 5_00),
        ({"benefit_type": "shipping_off", "percent_off": 50, "discount_cap": 3_00}, 3_00),
        ({"benefit_type": "cash", "amount_off": 7_00}, 7_00),
    ],
)
def test_every_benefit_takes_off_what_its_figures_say(
    milk: Product, pen: Product, fields: dict[str, Any], saved: int
) -> None:
    coupon = factories.make_coupon(**fields)
    priced = quote(coupon, cart((milk.sku, 3), (pen.sku, 4), shipping=8_00))
    assert priced.discount_total + priced.shipping_discount == saved


def test_a_gift_is_named_and_costs_nothing(milk: Product, pen: Product) -> None:
    coupon = factories.make_coupon(benefit_type=BenefitType.GIFT_ITEM, gift_product=pen, gift_quantity=2)
    priced = quote(coupon, cart((milk.sku, 1)))
    assert [(gift.sku, gift.quantity) for gift in priced.gifts] == [("pen", 2)]
    assert priced.payable == 10_00


@pytest.mark.parametrize(("quantity", "saved"), [(1, 0), (2, 2_00), (4, 8_00), (9, 18_00)])
def test_the_highest_tier_reached_counts(milk: Product, quantity: int, saved: int) -> None:
    coupon = factories.make_coupon(benefit_type=BenefitType.TIERED, tier_basis="quantity")
    Tier.objects.create(coupon=coupon, minimum_quantity=2, amount_off=2_00)
    Tier.objects.create(coupon=coupon, minimum_quantity=4, percent_off=20)
    assert quote(coupon, cart((milk.sku, quantity))).discount_total == saved


def test_tiers_may_count_money(milk: Product) -> None:
    coupon = factories.make_coupon(benefit_type=BenefitType.TIERED, tier_basis="amount", discount_cap=5_00)
    Tier.objects.create(coupon=coupon, minimum_spend=20_00, percent_off=50)
    assert quote(coupon, cart((milk.sku, 2))).discount_total == 5_00


def test_buy_some_get_some_gives_from_another_scope(milk: Product, pen: Product) -> None:
    coupon = factories.make_coupon(benefit_type=BenefitType.BUY_X_GET_Y, buy_quantity=1, get_quantity=1)
    scope(scope(coupon, "include", product=milk), "give", category=pen.category)
    priced = quote(coupon, cart((milk.sku, 2), (pen.sku, 1)))
    assert [line.discount for line in priced.lines] == [0, 3_00]


# When it counts


def test_scope_and_unit_prices_choose_the_products(milk: Product, pen: Product) -> None:
    whole = cart((milk.sku, 1), (pen.sku, 1))
    ten_percent = {"benefit_type": "percent_off", "percent_off": 10}
    by_category = scope(factories.make_coupon(**ten_percent), "include", category=milk.category)
    without = scope(factories.make_coupon(**ten_percent), "exclude", product=milk)
    cheap = factories.make_coupon(**ten_percent, maximum_unit_price=3_00)
    dear = factories.make_coupon(**ten_percent, minimum_unit_price=3_01)
    found = [quote(each, whole).discount_total for each in (by_category, without, cheap, dear)]
    assert found == [1_00, 30, 30, 1_00]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"minimum_spend": 10_01}, RefusalCode.THRESHOLD_NOT_MET),
        ({"minimum_quantity": 2}, RefusalCode.QUANTITY_NOT_MET),
        ({"order_number": 2}, RefusalCode.TOO_FEW_ORDERS),
        ({"new_shopper_days": 30}, RefusalCode.NOT_A_NEW_SHOPPER),
        ({"weekdays": [0, 6]}, RefusalCode.OUTSIDE_HOURS),
        ({"hour_from": time(13), "hour_until": time(14)}, RefusalCode.OUTSIDE_HOURS),
        ({"channels": ["app"]}, RefusalCode.CHANNEL_NOT_ALLOWED),
        ({"regions": ["浙江"]}, RefusalCode.REGION_NOT_ALLOWED),
    ],
)
def test_a_condition_that_is_not_met_refuses(milk: Product, fields: dict[str, Any], code: RefusalCode) -> None:
    coupon = factories.make_coupon(amount_off=1_00, **fields)
    assert refusal(coupon, cart((milk.sku, 1), channel="web", region="上海")) == code


@pytest.mark.parametrize(
    "fields",
    [
        {"minimum_spend": 10_00, "minimum_quantity": 1},
        {"order_number": 1},
        {"new_shopper_days": 1},
        # Noon of a Saturday in Shanghai.
        {"weekdays": [5]},
        {"weekdays": [5], "hour_from": time(12), "hour_until": time(0)},
        {"weekdays": [4], "hour_from": time(20), "hour_until": time(12, 1)},
        {"channels": ["Web"], "regions": ["CN-31"]},
    ],
)
def test_a_condition_that_is_met_lets_it_apply(milk: Product, fields: dict[str, Any]) -> None:
    coupon = factories.make_coupon(amount_off=1_00, **fields)
    buyer = Buyer(registered_at=NOW - timedelta(hours=23))
    assert refusal(coupon, cart((milk.sku, 1), channel="WEB", region="cn-31", buyer=buyer)) is None


def test_every_product_that_must_be_there_must_be_there(milk: Product, pen: Product) -> None:
    coupon = factories.make_coupon(amount_off=1_00)
    scope(scope(coupon, "require", product=milk), "require", category=pen.category)
    assert refusal(coupon, cart((milk.sku, 1))) == RefusalCode.REQUIRED_PRODUCT_MISSING
    assert quote(factories.make_coupon(), cart((milk.sku, 1), (pen.sku, 1))).outcomes


def test_nothing_forbidden_may_be_there(milk: Product, pen: Product) -> None:
    coupon = scope(factories.make_coupon(amount_off=1_00), "forbid", product=pen)
    assert refusal(coupon, cart((milk.sku, 1), (pen.sku, 1))) == RefusalCode.FORBIDDEN_PRODUCT_PRESENT
    claim = Claim.objects.create(
        coupon=coupon,
        shopper=factories.make_shopper(),
        ordinal=1,
        channel=ClaimChannel.WEB,
        claimed_at=NOW,
        usable_from=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    (outcome,) = price_cart(cart((milk.sku, 1)), [offer_of(claim)], NOW).outcomes
    assert isinstance(outcome, Applied)


# Whose turn it is


@pytest.mark.parametrize(
    ("fields", "claimed", "automatic"),
    [
        ({"benefit_type": "amount_off"}, Phase.ORDER, Phase.ORDER),
        ({"benefit_type": "percent_off", "minimum_unit_price": 5_00}, Phase.PRODUCT, Phase.ITEM_PRICE),
        ({"benefit_type": "amount_off", "application": "each_unit"}, Phase.ORDER, Phase.ITEM_PRICE),
        ({"benefit_type": "fixed_price", "unit_price": 1_00}, Phase.PRODUCT, Phase.ITEM_PRICE),
        ({"benefit_type": "buy_x_get_y", "buy_quantity": 1, "get_quantity": 1}, Phase.ORDER, Phase.ITEM_PRICE),
        ({"benefit_type": "shipping_off"}, Phase.SHIPPING, Phase.SHIPPING),
        ({"benefit_type": "cash", "amount_off": 1_00}, Phase.RED_PACKET, Phase.RED_PACKET),
    ],
)
def test_the_kind_of_benefit_and_the_scope_decide_the_phase(
    fields: dict[str, Any], claimed: Phase, automatic: Phase
) -> None:
    assert offer_of(factories.make_claim(**fields)).phase == claimed
    assert offer_of_promotion(factories.make_coupon(handout=Handout.AUTOMATIC, **fields)).phase == automatic


def test_a_named_product_or_category_makes_a_coupon_narrow_and_an_exception_does_not(milk: Product) -> None:
    named = scope(factories.make_coupon(), "include", product=milk)
    without = scope(factories.make_coupon(), "exclude", product=milk)
    phases = [offer_of(factories.make_claim(coupon=coupon)).phase for coupon in (named, without)]
    assert phases == [Phase.PRODUCT, Phase.ORDER]


def test_how_it_combines_reaches_the_engine() -> None:
    fields = {"stacking_group": "order", "is_exclusive": True, "priority": 3, "consumes_units": True}
    offer = offer_of(factories.make_claim(threshold_base="initial", **fields))
    assert (offer.stacking_group, offer.exclusive, offer.priority, offer.consumes_units) == ("order", True, 3, True)
    assert offer.threshold_base == "initial"
    assert not offer.is_automatic


def test_a_coupon_counts_once_and_shares_of_red_packets_add_up(milk: Product, shopper: User) -> None:
    once = factories.make_coupon(limit_per_shopper=2, amount_off=1_00)
    share = factories.make_coupon(benefit_type=BenefitType.CASH, handout=Handout.RED_PACKET)
    claims = [factories.make_claim(coupon=once, shopper=shopper) for _ in range(2)]
    shares = [
        Claim.objects.create(
            coupon=share,
            shopper=shopper,
            channel=ClaimChannel.RED_PACKET,
            amount_off=amount,
            claimed_at=NOW,
            usable_from=NOW,
            expires_at=NOW + timedelta(days=1),
        )
        for amount in (1_11, 2_22)
    ]
    priced = price_cart(cart((milk.sku, 1)), [offer_of(claim) for claim in [*claims, *shares]], NOW)
    assert priced.discount_total == 1_00 + 1_11 + 2_22


# A claim's own terms


def test_terms_of_a_claim_come_before_those_of_its_coupon() -> None:
    claim = factories.make_claim(amount_off=10_00, minimum_spend=50_00)
    claim.amount_off, claim.minimum_spend = 7_00, 35_00
    offer = offer_of(claim)
    assert offer.benefit.amount == 7_00  # type: ignore[attr-defined]
    assert offer.conditions[0].amount == 35_00  # type: ignore[attr-defined]
    assert (claim.coupon.amount_off, claim.coupon.minimum_spend) == (10_00, 50_00)
    claim.minimum_spend = 0
    assert offer_of(claim).conditions == ()


def test_a_share_without_a_coupons_amount_is_cash_of_its_own() -> None:
    claim = factories.make_claim()
    claim.coupon = factories.make_coupon(benefit_type=BenefitType.CASH)
    claim.amount_off = 88
    assert offer_of(claim).benefit == Cash(88)


# Promotions that nobody has to choose


def test_only_live_automatic_coupons_apply_by_themselves() -> None:
    live = factories.make_coupon(handout=Handout.AUTOMATIC, limit_per_shopper=1)
    for state in (CouponState.DRAFT, CouponState.SCHEDULED, CouponState.PAUSED, CouponState.ENDED):
        factories.make_coupon(handout=Handout.AUTOMATIC, state=state)
    factories.make_coupon()
    assert automatic_promotions(NOW) == [live]
    offer = offer_of_promotion(live)
    assert (offer.offer_id, offer.is_automatic, offer.stacking_group) == (f"promotion:{live.public_id}", True, "")
    assert (offer.usable_from, offer.expires_at) == (live.claim_starts_at, live.claim_ends_at)


def test_an_automatic_promotion_is_for_its_audience_alone(milk: Product) -> None:
    coupon = factories.make_coupon(
        handout=Handout.AUTOMATIC, amount_off=1_00, audience="tagged", audience_tag="segment:loyal"
    )
    first = factories.make_coupon(handout=Handout.AUTOMATIC, amount_off=2_00, audience="new_shoppers")
    offers = [offer_of_promotion(coupon), offer_of_promotion(first)]
    saved = [
        price_cart(cart((milk.sku, 1), buyer=buyer), offers, NOW).discount_total
        for buyer in (Buyer(), Buyer(tags=frozenset({"segment:loyal"}), order_count=1))
    ]
    assert saved == [2_00, 1_00]


def test_offers_of_many_coupons_cost_few_queries(milk: Product, shopper: User, django_assert_num_queries: Any) -> None:
    for number in range(3):
        tiered = factories.make_coupon(benefit_type=BenefitType.TIERED, tier_basis="amount", handout=Handout.AUTOMATIC)
        Tier.objects.create(coupon=tiered, minimum_spend=number, amount_off=1)
        gift = factories.make_coupon(
            benefit_type="gift_item", gift_product=milk, gift_quantity=1, handout=Handout.AUTOMATIC
        )
        scope(scope(gift, "include", product=milk), "require", category=milk.category)
        factories.make_claim(shopper=shopper)
    with django_assert_num_queries(6):
        assert len([offer_of_promotion(coupon) for coupon in automatic_promotions(NOW)]) == 6
    claims = Claim.objects.select_related("coupon").prefetch_related(*claims_with_offers())
    with django_assert_num_queries(3):
        assert len([offer_of(claim) for claim in claims]) == 3


# Who buys


def test_a_visitor_is_unknown(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert buyer_of(None, NOW) == Buyer()


def test_a_buyer_is_known_by_paid_orders_account_and_tags(shopper: User, django_assert_num_queries: Any) -> None:
    for number, state in enumerate(OrderState):
        Order.objects.create(
            reference=f"order-{number}",
            shopper=shopper,
            state=state,
            subtotal=1,
            discount=0,
            payable=1,
            placed_at=NOW,
        )
    for name, ends_at in (("loyal", None), ("vip", NOW + timedelta(days=1)), ("gone", NOW)):
        Tag.objects.create(shopper=shopper, name=name, source="marketer", set_at=factories.LONG_AGO, expires_at=ends_at)
    with django_assert_num_queries(2):
        buyer = buyer_of(shopper, NOW)
    assert buyer == Buyer(order_count=1, registered_at=shopper.joined_at, tags=frozenset({"loyal", "vip"}))


# Tax


def test_tax_is_in_the_price_or_added_to_it(milk: Product, settings: Any) -> None:
    milk.tax_rate = Decimal("6.00")
    milk.save(update_fields=["tax_rate"])
    priced = [price_cart(cart((milk.sku, 1)), [], NOW)]
    settings.SHOP_PRICES_INCLUDE_TAX = False
    priced.append(price_cart(cart((milk.sku, 1)), [], NOW))
    assert [(each.payable, each.tax) for each in priced] == [(10_00, 57), (10_60, 60)]


def test_shipping_is_taxed_at_the_shops_rate(milk: Product, settings: Any) -> None:
    settings.SHOP_SHIPPING_TAX = 6_00
    items = read_items([CartItem(sku=milk.sku, quantity=1)])
    contained = price_cart(cart_of(items, shipping=10_60), [], NOW)
    settings.SHOP_PRICES_INCLUDE_TAX = False
    added = price_cart(cart_of(items, shipping=10_00), [], NOW)
    assert [(each.payable, each.shipping_tax) for each in (contained, added)] == [(20_60, 60), (20_60, 60)]


def test_an_application_is_the_engines_own() -> None:
    offer = offer_of(factories.make_claim(amount_off=1, application="cheapest_unit"))
    assert offer.benefit.application is Application.CHEAPEST_UNIT  # type: ignore[attr-defined]


def test_moments_are_those_of_the_claim() -> None:
    claim = factories.make_claim()
    claim.expires_at = datetime(2026, 12, 1, tzinfo=UTC)
    assert offer_of(claim).expires_at == claim.expires_at
