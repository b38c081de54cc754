"""A campaign with a coupon of every further kind: each benefit and condition once, promotions, a coupon to fit."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from campaigns.demo.offers import CampaignPlan, Limits, Offer, Step, Texts
from coupons.enums import Application, BenefitType, Handout, TierBasis

FRIDAY_TO_SUNDAY = [4, 5, 6]

BENEFITS = (
    Offer(
        key="every",
        title=Texts("{amount_off} off every {every_amount}", "每满 {every_amount} 减 {amount_off}"),
        description=Texts("The more you buy, the more it takes off.", "买得越多,减得越多。"),
        benefit_type=BenefitType.EVERY_AMOUNT_OFF,
        amount_off=Decimal(3),
        discount_cap=Decimal(12),
        amounts={"every_amount": Decimal(30)},
        fields={"stacking_group": "order"},
    ),
    Offer(
        key="tiers",
        title=Texts("The more, the better", "阶梯满减"),
        description=Texts("The highest step that you reach counts.", "按达到的最高一档优惠。"),
        benefit_type=BenefitType.TIERED,
        steps=(
            Step(spend=Decimal(40), amount_off=Decimal(4)),
            Step(spend=Decimal(80), amount_off=Decimal(10)),
            Step(spend=Decimal(120), amount_off=Decimal(18)),
        ),
        fields={"tier_basis": TierBasis.AMOUNT, "stacking_group": "order"},
    ),
    Offer(
        key="tiers-quantity",
        title=Texts("Stock up on {shelf}", "{shelf}多件多折"),
        description=Texts("Counts units of {shelf}, of any kind.", "{shelf}任选,按件数打折。"),
        benefit_type=BenefitType.TIERED,
        shelf=0,
        steps=(Step(quantity=2, percent_off=Decimal(5)), Step(quantity=4, percent_off=Decimal(12))),
        fields={"tier_basis": TierBasis.QUANTITY},
    ),
    Offer(
        key="fixed-price",
        title=Texts("{shelf} for {unit_price} each", "{shelf}一口价 {unit_price}"),
        description=Texts("What costs less stays as it is.", "低于此价的商品按原价。"),
        benefit_type=BenefitType.FIXED_PRICE,
        shelf=1,
        amounts={"unit_price": Decimal("1.99")},
        fields={"maximum_units": 3},
    ),
    Offer(
        key="bundle",
        title=Texts("Any 3 of {shelf} for {bundle_price}", "{shelf}任选3件 {bundle_price}"),
        description=Texts("Mix as you like.", "可任意搭配。"),
        benefit_type=BenefitType.BUNDLE_PRICE,
        shelf=2,
        amounts={"bundle_price": Decimal(5)},
        fields={"bundle_quantity": 3, "maximum_sets": 2},
    ),
    Offer(
        key="buy-get",
        title=Texts("Buy 2, get 1: {shelf}", "{shelf}买二送一"),
        description=Texts("The cheapest of three is free.", "三件中价格最低的一件免费。"),
        benefit_type=BenefitType.BUY_X_GET_Y,
        shelf=3,
        fields={"buy_quantity": 2, "get_quantity": 1},
    ),
    Offer(
        key="second-half",
        title=Texts("Second one half price: {shelf}", "{shelf}第2件半价"),
        description=Texts("For up to three pairs.", "最多三对。"),
        benefit_type=BenefitType.BUY_X_GET_Y,
        shelf=4,
        percent_off=Decimal(50),
        fields={"buy_quantity": 1, "get_quantity": 1, "maximum_sets": 3},
    ),
    Offer(
        key="gift",
        title=Texts("A gift from {minimum_spend} on", "满 {minimum_spend} 赠好礼"),
        description=Texts("{gift}, as long as there are any.", "赠 {gift},送完即止。"),
        benefit_type=BenefitType.GIFT_ITEM,
        minimum_spend=Decimal(35),
        gift_shelf=5,
        stock=300,
        fields={"gift_quantity": 1},
    ),
    Offer(
        key="shipping",
        title=Texts("Free shipping from {minimum_spend} on", "满 {minimum_spend} 包邮"),
        description=Texts("Together with any other coupon.", "可与任何优惠券同享。"),
        benefit_type=BenefitType.SHIPPING_OFF,
        minimum_spend=Decimal(25),
        fields={"limit_per_shopper": 3},
    ),
    Offer(
        key="cash",
        title=Texts("{amount_off} to spend as you like", "现金券 {amount_off}"),
        description=Texts("Like money; what is left stays in your wallet.", "当钱花,用不完的留着下次用。"),
        benefit_type=BenefitType.CASH,
        amount_off=Decimal(3),
        stock=1000,
    ),
    Offer(
        key="each-unit",
        title=Texts("{amount_off} off each: {shelf}", "{shelf}每件立减 {amount_off}"),
        description=Texts("For up to five of them.", "最多五件。"),
        amount_off=Decimal("0.30"),
        shelf=5,
        fields={"application": Application.EACH_UNIT, "maximum_units": 5},
    ),
    Offer(
        key="cheapest",
        title=Texts("The cheapest at half price", "最低价商品半价"),
        description=Texts("With four products or more.", "满 4 件可用。"),
        percent_off=Decimal(50),
        fields={"application": Application.CHEAPEST_UNIT, "minimum_quantity": 4},
    ),
)

CONDITIONS = (
    Offer(
        key="evenings",
        title=Texts("Weekend evenings: 12% off", "周末晚间八八折"),
        description=Texts("From Friday to Sunday, six to ten in the evening.", "周五至周日 18 点至 22 点可用。"),
        percent_off=Decimal(12),
        discount_cap=Decimal(6),
        fields={
            "weekdays": FRIDAY_TO_SUNDAY,
            "hour_from": time(18),
            "hour_until": time(22),
            "channels": ["web"],
            "stacking_group": "order",
        },
    ),
    Offer(
        key="first-weeks",
        title=Texts("Your first month: {amount_off} off", "新客首月立减 {amount_off}"),
        description=Texts("In the first 30 days after signing up.", "注册后 30 天内可用。"),
        amount_off=Decimal(4),
        minimum_spend=Decimal(20),
        fields={"new_shopper_days": 30},
    ),
    Offer(
        key="together",
        title=Texts("{amount_off} off {shelf} with {required}", "同购{required},{shelf}减 {amount_off}"),
        description=Texts("When {required} is in the cart too.", "购物车中同时有{required}时可用。"),
        amount_off=Decimal("1.20"),
        shelf=0,
        required_shelf=6,
    ),
    Offer(
        key="dear",
        title=Texts("15% off what costs {minimum_unit_price} or more", "单价 {minimum_unit_price} 起的商品八五折"),
        description=Texts("For the good things.", "好物专享。"),
        percent_off=Decimal(15),
        discount_cap=Decimal(10),
        amounts={"minimum_unit_price": Decimal(5)},
        fields={"refund_policy": "recalculate"},
    ),
    Offer(
        key="fit",
        title=Texts("Make your own coupon", "自选优惠券"),
        description=Texts("Choose how much, from where on and how long.", "金额、门槛、有效期由你定。"),
        amount_off=Decimal(30),
        limits=Limits(Decimal(5), Decimal(30), Decimal(1), Decimal(240)),
    ),
    Offer(
        key="budget",
        title=Texts("{amount_off} off, while the money lasts", "立减 {amount_off},预算用完即止"),
        description=Texts("This coupon shares a budget.", "本券设有总预算。"),
        amount_off=Decimal(6),
        minimum_spend=Decimal(30),
        budget=Decimal(2000),
    ),
)

PROMOTIONS = (
    Offer(
        key="automatic-shelf",
        title=Texts("5% off {shelf} by itself", "{shelf}自动九五折"),
        description=Texts("Nothing to claim.", "无需领券。"),
        percent_off=Decimal(5),
        shelf=6,
        stock=None,
        fields={"handout": Handout.AUTOMATIC},
    ),
    Offer(
        key="automatic-order",
        title=Texts("{amount_off} off large orders by itself", "大单自动减 {amount_off}"),
        description=Texts("Nothing to claim.", "无需领券。"),
        amount_off=Decimal(5),
        minimum_spend=Decimal(100),
        stock=None,
        fields={"handout": Handout.AUTOMATIC},
    ),
)

KINDS = CampaignPlan(
    key="demo-kinds",
    title=Texts("More ways to save", "更多优惠玩法"),
    description=Texts("A coupon of every kind.", "各种玩法,总有一款适合你。"),
    offers=(*BENEFITS, *CONDITIONS, *PROMOTIONS),
)
