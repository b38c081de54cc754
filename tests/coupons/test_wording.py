"""What a coupon gives and asks for, in the words of both languages."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from coupons.condition_words import cash_in_words, conditions_in_words, scope_label
from coupons.enums import BenefitType
from coupons.models import Coupon, Envelope, ScopeEntry, Tier
from coupons.offers import claims_with_offers
from coupons.templatetags.coupon_words import conditions, headline_parts
from coupons.wording import benefit_in_words, headline, threshold_in_words
from tests import factories


def words(language: str, ask: Any, coupon: Coupon) -> Any:
    with translation.override(language):
        return ask(coupon)


def assert_words(ask: Any, coupon: Coupon, en: Any, zh: Any) -> None:
    assert (words("en", ask, coupon), words("zh-hans", ask, coupon)) == (en, zh)


# What it gives


BENEFITS: list[tuple[dict[str, Any], str, str]] = [
    ({"benefit_type": "amount_off", "amount_off": 10_00}, "¥10.00 off", "立减 ¥10.00"),
    (
        {"benefit_type": "amount_off", "amount_off": 1_00, "application": "each_unit"},
        "¥1.00 off each",
        "每件减 ¥1.00",
    ),
    (
        {"benefit_type": "amount_off", "amount_off": 1_00, "application": "each_line"},
        "¥1.00 off each product",
        "每种商品减 ¥1.00",
    ),
    (
        {"benefit_type": "amount_off", "amount_off": 1_00, "application": "cheapest_unit"},
        "¥1.00 off the cheapest",
        "最低价商品减 ¥1.00",
    ),
    ({"benefit_type": "percent_off", "percent_off": Decimal(15)}, "15% off", "8.5折"),
    ({"benefit_type": "percent_off", "percent_off": Decimal(100)}, "free", "免费"),
    (
        {"benefit_type": "percent_off", "percent_off": Decimal(20), "application": "cheapest_unit"},
        "the cheapest 20% off",
        "最低价商品 8折",
    ),
    (
        {"benefit_type": "every_amount_off", "every_amount": 100_00, "amount_off": 10_00},
        "¥10.00 off every ¥100.00",
        "每满 ¥100.00 减 ¥10.00",
    ),
    ({"benefit_type": "fixed_price", "unit_price": 9_90}, "¥9.90 each", "每件 ¥9.90"),
    ({"benefit_type": "bundle_price", "bundle_quantity": 3, "bundle_price": 20_00}, "3 for ¥20.00", "3件 ¥20.00"),
    ({"benefit_type": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1}, "Buy 2 get 1 free", "买二送一"),
    ({"benefit_type": "buy_x_get_y", "buy_quantity": 11, "get_quantity": 2}, "Buy 11 get 2 free", "买11送二"),
    (
        {"benefit_type": "buy_x_get_y", "buy_quantity": 1, "get_quantity": 1, "percent_off": Decimal(50)},
        "2nd unit half price",
        "第2件半价",
    ),
    (
        {"benefit_type": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1, "percent_off": Decimal(30)},
        "1 of 3 units 30% off",
        "第3件7折",
    ),
    (
        {"benefit_type": "buy_x_get_y", "buy_quantity": 3, "get_quantity": 2, "percent_off": Decimal(30)},
        "Buy 3 get 2 at 30% off",
        "买三件,再买二件7折",
    ),
    ({"benefit_type": "shipping_off"}, "Free shipping", "包邮"),
    ({"benefit_type": "shipping_off", "amount_off": 5_00}, "¥5.00 off shipping", "运费减 ¥5.00"),
    ({"benefit_type": "shipping_off", "percent_off": Decimal(50)}, "shipping 50% off", "运费5折"),
    ({"benefit_type": "cash", "amount_off": 8_00}, "¥8.00 in cash", "现金 ¥8.00"),
    ({"benefit_type": "cash"}, "Cash", "现金"),
]


@pytest.mark.parametrize(("fields", "en", "zh"), BENEFITS)
def test_every_benefit_has_a_headline(fields: dict[str, Any], en: str, zh: str) -> None:
    assert_words(headline, Coupon(**fields), en, zh)


@pytest.mark.parametrize(("fields", "en", "zh"), BENEFITS)
def test_a_stub_prints_every_headline_whole(fields: dict[str, Any], en: str, zh: str) -> None:
    for language, text in (("en", en), ("zh-hans", zh)):
        parts = words(language, headline_parts, Coupon(**fields))
        printed = "".join((parts.lead, parts.before, parts.number, parts.sign, parts.after))
        assert printed.replace(" ", "") == text.replace(" ", "").replace(".00", "")


@pytest.mark.parametrize(("language", "is_longest"), [("en", True), ("zh-hans", False)])
def test_words_without_a_number_may_break_where_they_are_long(language: str, is_longest: bool) -> None:
    parts = words(language, headline_parts, Coupon(benefit_type=BenefitType.SHIPPING_OFF))
    assert parts.is_longest is is_longest


@pytest.mark.parametrize(
    ("fields", "en", "zh"),
    [
        (
            {"benefit_type": "amount_off", "amount_off": 10_00, "minimum_spend": 100_00},
            "¥10.00 off · from ¥100.00",
            "满 ¥100.00 减 ¥10.00",
        ),
        (
            {"benefit_type": "percent_off", "percent_off": Decimal(15), "discount_cap": 30_00, "minimum_quantity": 2},
            "15% off · at most ¥30.00 · from 2 units",
            "8.5折 · 最多减 ¥30.00 · 满 2件 可用",
        ),
        (
            {"benefit_type": "fixed_price", "unit_price": 9_00, "maximum_units": 1},
            "¥9.00 each · on at most 1 unit",
            "每件 ¥9.00 · 最多1件",
        ),
        (
            {"benefit_type": "bundle_price", "bundle_quantity": 3, "bundle_price": 20_00, "maximum_sets": 2},
            "3 for ¥20.00 · at most 2 times",
            "3件 ¥20.00 · 最多2次",
        ),
    ],
)
def test_a_sentence_says_what_and_from_where_on(fields: dict[str, Any], en: str, zh: str) -> None:
    assert_words(benefit_in_words, Coupon(**fields), en, zh)


@pytest.mark.django_db
def test_tiers_are_said_one_by_one_and_the_best_in_short() -> None:
    coupon = factories.make_coupon(benefit_type=BenefitType.TIERED, tier_basis="amount")
    Tier.objects.create(coupon=coupon, minimum_spend=250_00, amount_off=30_00)
    Tier.objects.create(coupon=coupon, minimum_spend=100_00, amount_off=10_00)
    assert_words(headline, coupon, "up to ¥30.00 off", "最高减 ¥30.00")
    assert_words(
        benefit_in_words,
        coupon,
        "¥10.00 off from ¥100.00, ¥30.00 off from ¥250.00",
        "满 ¥100.00 减 ¥10.00、满 ¥250.00 减 ¥30.00",
    )
    by_quantity = factories.make_coupon(benefit_type=BenefitType.TIERED, tier_basis="quantity")
    Tier.objects.create(coupon=by_quantity, minimum_quantity=2, percent_off=Decimal(10))
    assert_words(headline, by_quantity, "up to 10% off", "低至9折")
    assert_words(benefit_in_words, by_quantity, "10% off from 2 units", "满 2件 享9折")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("quantity", "en", "zh"), [(1, "Gift: Mug", "赠品:杯子"), (2, "Gift: 2 × Mug", "赠品:2 × 杯子")]
)
def test_a_gift_is_named(quantity: int, en: str, zh: str) -> None:
    mug = factories.make_product(name_en="Mug", name_zh="杯子")
    coupon = Coupon(benefit_type=BenefitType.GIFT_ITEM, gift_product=mug, gift_quantity=quantity)
    assert_words(headline, coupon, "Free gift", "赠品")
    assert_words(benefit_in_words, coupon, en, zh)


@pytest.mark.django_db
def test_a_coupon_to_fit_is_said_by_its_limits_and_a_claim_of_it_by_its_choice() -> None:
    claim = factories.make_claim(amount_off=30_00)
    Envelope.objects.create(
        coupon=claim.coupon, amount_minimum=5_00, amount_maximum=30_00, amount_step=1_00, spend_maximum=240_00
    )
    assert_words(headline, claim.coupon, "up to ¥30.00 off", "最高减 ¥30.00")
    assert_words(threshold_in_words, claim.coupon, "you choose the terms", "条件自选")
    claim.amount_off, claim.minimum_spend = 7_00, 35_00
    assert_words(benefit_in_words, claim.coupon_as_held, "¥7.00 off · from ¥35.00", "满 ¥35.00 减 ¥7.00")


@pytest.mark.parametrize("benefit_type", [BenefitType.TIERED, BenefitType.EVERY_AMOUNT_OFF, BenefitType.BUY_X_GET_Y])
def test_no_threshold_is_said_where_the_benefit_has_its_own(benefit_type: BenefitType) -> None:
    assert threshold_in_words(Coupon(benefit_type=benefit_type)) == ""
    assert threshold_in_words(Coupon(benefit_type=BenefitType.SHIPPING_OFF)) == "no minimum spend"


# What it asks for


@pytest.mark.parametrize(
    ("fields", "en", "zh"),
    [
        ({}, [], []),
        (
            {"minimum_unit_price": 5_00, "maximum_unit_price": 50_00},
            ["only products from ¥5.00 to ¥50.00"],
            ["仅限单价 ¥5.00 至 ¥50.00 的商品"],
        ),
        ({"minimum_unit_price": 5_00}, ["only products from ¥5.00 on"], ["仅限单价 ¥5.00 起的商品"]),
        ({"maximum_unit_price": 5_00}, ["only products up to ¥5.00"], ["仅限单价不超过 ¥5.00 的商品"]),
        ({"order_number": 1}, ["only on the first order"], ["仅限首单"]),
        ({"order_number": 3}, ["only on order number 3"], ["仅限第3单"]),
        ({"new_shopper_days": 7}, ["only in the first 7 days after signing up"], ["仅限注册后7天内"]),
        ({"weekdays": [4, 5]}, ["only Friday, Saturday"], ["仅限星期五、星期六"]),
        ({"weekdays": list(range(7))}, [], []),
        ({"hour_from": time(18), "hour_until": time(21, 30)}, ["only 18:00–21:30"], ["仅限18:00–21:30"]),
        (
            {"weekdays": [0], "hour_from": time(18), "hour_until": time(0), "channels": ["app", "web"]},
            ["only Monday 18:00–00:00", "only ordered by app, web"],
            ["仅限星期一 18:00–00:00", "仅限app、web下单"],
        ),
        ({"regions": ["浙江"]}, ["only delivered to 浙江"], ["仅限配送至浙江"]),
    ],
)
def test_every_condition_is_a_sentence(fields: dict[str, Any], en: list[str], zh: list[str]) -> None:
    coupon = Coupon(benefit_type="amount_off", amount_off=1, **fields)
    assert_words(conditions_in_words, coupon, en, zh)


def test_conditions_stand_on_a_ticket_in_one_line() -> None:
    coupon = Coupon(benefit_type="shipping_off", order_number=1, minimum_unit_price=5_00)
    assert conditions(coupon) == "Only products from ¥5 on · only on the first order"


def test_it_is_said_what_becomes_of_the_rest_of_cash() -> None:
    cash = Coupon(benefit_type="cash", amount_off=1)
    assert_words(cash_in_words, cash, "what an order does not use stays in the wallet", "未用完的余额留在券包里")
    cash.is_partly_usable = False
    assert_words(cash_in_words, cash, "used up by one order", "一单用完,不找零")
    assert cash_in_words(Coupon(benefit_type="shipping_off")) == ""


# What it counts


@pytest.mark.django_db
def test_a_scope_has_a_short_name(django_assert_num_queries: Any) -> None:
    claim = factories.make_claim()
    dairy = factories.make_category(name_en="Dairy", name_zh="乳制品")
    pen = factories.make_product(name_en="Pen", name_zh="笔")

    def label(*entries: dict[str, Any]) -> tuple[str, str]:
        ScopeEntry.objects.filter(coupon=claim.coupon).delete()
        for entry in entries:
            ScopeEntry.objects.create(coupon=claim.coupon, **entry)
        fresh = type(claim).objects.select_related("coupon").prefetch_related(*claims_with_offers()).get()
        with django_assert_num_queries(0):
            return words("en", scope_label, fresh.coupon), words("zh-hans", scope_label, fresh.coupon)

    assert label() == ("", "")
    assert label({"product": pen}, {"category": dairy}) == ("Dairy, Pen", "乳制品、笔")
    assert label({"category": dairy, "mode": "exclude"}) == ("everything except Dairy", "除乳制品外的全部商品")
    more = [{"product": factories.make_product()} for _number in range(3)]
    assert label({"category": dairy}, {"product": pen}, *more)[0] == "Dairy, Pen and 3 more"
