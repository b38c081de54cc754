"""The showcase as data: what a coupon of the demo is made of, and the three campaigns of a shop's week."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from coupons.enums import AudienceKind, BenefitType

LOYAL_TAG = "segment:loyal"
CODE = "WELCOME5"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Texts:
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Step:
    """One tier: from so much money, or so many units, on; so much or so many percent off."""

    spend: Decimal | None = None
    quantity: int | None = None
    amount_off: Decimal | None = None
    percent_off: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Within which a shopper fits the coupon to taste."""

    amount_minimum: Decimal
    amount_maximum: Decimal
    amount_step: Decimal
    spend_maximum: Decimal


@dataclass(frozen=True, slots=True)
class Watch:
    """What happens by itself when less than `low_below` is left: operators are told, and so much reserve opens."""

    low_below: int
    open_reserve: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """One coupon to be made. Amounts are decimals of the shop's currency.

    `{shelf}` in its texts is the name of the category at `shelf` in the list of best-selling ones, and the name of
    an amount is that amount; `{required}` and `{gift}` name the category and the product of these.
    """

    key: str
    title: Texts
    description: Texts
    stock: int | None = 5000
    bucket_count: int = 1
    reserve: int = 0
    # When further slices of stock open, counted from when the coupon is made, and how large they are.
    batches: tuple[tuple[timedelta, int], ...] = ()
    watch: Watch | None = None
    amount_off: Decimal | None = None
    percent_off: Decimal | None = None
    discount_cap: Decimal | None = None
    minimum_spend: Decimal = Decimal(0)
    # None: an amount or a percentage off, whichever is given.
    benefit_type: BenefitType | None = None
    # Further columns that hold an amount.
    amounts: dict[str, Decimal] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    limits: Limits | None = None
    budget: Decimal | None = None
    # Positions of the category that must be in the cart, and of the one whose cheapest product is the gift.
    required_shelf: int | None = None
    gift_shelf: int | None = None
    # Position among the best-selling categories; None for the whole shop.
    shelf: int | None = None
    # Counted from the campaign's opening for this coupon's use; None for the campaign's end.
    usable_days: int | None = None
    usable_in: timedelta | None = None
    code: str = ""
    # So many are claimed by shoppers of the history before anybody looks.
    claimed_before: int = 0
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    key: str
    title: Texts
    description: Texts
    offers: tuple[Offer, ...]


EVERYDAY = CampaignPlan(
    key="demo-everyday",
    title=Texts("Everyday savings", "天天省"),
    description=Texts("A month of coupons for the weekly shop.", "为每周采购准备的一整月优惠。"),
    offers=(
        Offer(
            key="newcomer",
            title=Texts("New here? {amount_off} off your first order", "新人专享：首单立减 {amount_off}"),
            description=Texts("For shoppers who have not ordered yet.", "仅限尚未下过单的顾客。"),
            amount_off=Decimal(10),
            minimum_spend=Decimal(25),
            fields={"audience": AudienceKind.NEW_SHOPPERS, "priority": 10},
        ),
        Offer(
            key="basket",
            title=Texts("{amount_off} off your basket", "全场满减 {amount_off}"),
            description=Texts("For everything in the shop. Not together with 15% off.", "全场通用，不与八五折券同享。"),
            amount_off=Decimal(5),
            minimum_spend=Decimal(30),
            reserve=1000,
            batches=((timedelta(days=7), 1000), (timedelta(days=14), 1000)),
            watch=Watch(low_below=200, open_reserve=250),
            fields={"stacking_group": "order", "limit_per_shopper": 2},
        ),
        Offer(
            key="percent",
            title=Texts("15% off everything", "全场八五折"),
            description=Texts(
                "Not together with the basket coupon: the better one counts.", "不与满减券同享，择优使用。"
            ),
            percent_off=Decimal(15),
            discount_cap=Decimal(8),
            minimum_spend=Decimal(20),
            fields={"stacking_group": "order"},
        ),
        Offer(
            key="shelf-amount",
            title=Texts("{amount_off} off {shelf}", "{shelf}立减 {amount_off}"),
            description=Texts("Counts {shelf} only.", "仅限{shelf}。"),
            amount_off=Decimal("1.50"),
            minimum_spend=Decimal(4),
            shelf=0,
        ),
        Offer(
            key="shelf-percent",
            title=Texts("20% off {shelf}", "{shelf}八折"),
            description=Texts("Counts {shelf} only; use it with any basket coupon.", "仅限{shelf}，可与全场券叠加。"),
            percent_off=Decimal(20),
            discount_cap=Decimal(3),
            shelf=1,
        ),
        Offer(
            key="loyal",
            title=Texts("A thank-you for loyal shoppers: {amount_off} off", "忠实顾客回馈：立减 {amount_off}"),
            description=Texts("For shoppers of the segment “loyal”.", "仅限“忠实顾客”分群。"),
            amount_off=Decimal(8),
            minimum_spend=Decimal(40),
            stock=500,
            fields={"audience": AudienceKind.TAGGED, "audience_tag": LOYAL_TAG, "priority": 5},
        ),
        Offer(
            key="unlimited",
            title=Texts("{amount_off} off {shelf}, every day", "{shelf}每日立减 {amount_off}"),
            description=Texts("One a day for everybody; it never runs out.", "每人每天一张，不限量。"),
            amount_off=Decimal("0.75"),
            minimum_spend=Decimal(2),
            stock=None,
            shelf=2,
            usable_days=3,
            fields={"limit_per_shopper": 30, "limit_per_shopper_per_day": 1},
        ),
        Offer(
            key="exclusive",
            title=Texts("25% off a big shop", "大采购七五折"),
            description=Texts("Alone on the order, no other coupon with it.", "单独使用，不与其他券同享。"),
            percent_off=Decimal(25),
            discount_cap=Decimal(20),
            minimum_spend=Decimal(60),
            stock=1000,
            reserve=500,
            fields={"is_exclusive": True},
        ),
        Offer(
            key="one-day",
            title=Texts("{amount_off} off, good for one day", "限用一天：立减 {amount_off}"),
            description=Texts("Use it within 24 hours of claiming.", "领取后 24 小时内有效。"),
            amount_off=Decimal(2),
            minimum_spend=Decimal(10),
            usable_days=1,
            fields={"limit_per_shopper": 40, "limit_per_shopper_per_day": 1},
        ),
        Offer(
            key="later",
            title=Texts(
                "{amount_off} off {shelf}, from the day after tomorrow", "后天起可用：{shelf}立减 {amount_off}"
            ),
            description=Texts("Claim now, use it from the day after tomorrow.", "现在领取，后天起可用。"),
            amount_off=Decimal(1),
            minimum_spend=Decimal(5),
            shelf=3,
            usable_in=2 * DAY,
        ),
        Offer(
            key="code",
            title=Texts("Welcome: {amount_off} off", "欢迎礼：立减 {amount_off}"),
            description=Texts(f"With the code {CODE}.", f"凭券码 {CODE} 领取。"),
            amount_off=Decimal(5),
            minimum_spend=Decimal(20),
            code=CODE,
            fields={"handout": "code"},
        ),
    ),
)

TODAY = CampaignPlan(
    key="demo-today",
    title=Texts("Today only", "今日限时"),
    description=Texts("Gone at midnight.", "今晚 24 点结束。"),
    offers=(
        Offer(
            key="rush",
            title=Texts("Rush: {amount_off} off", "限时抢：立减 {amount_off}"),
            description=Texts("First come, first served.", "先到先得。"),
            amount_off=Decimal(6),
            minimum_spend=Decimal(15),
            stock=2000,
            bucket_count=16,
        ),
        Offer(
            key="queue",
            title=Texts("Queue up: {amount_off} off", "排队抢：立减 {amount_off}"),
            description=Texts("A click takes a place in the queue.", "点击即排队，按先后顺序发放。"),
            amount_off=Decimal(7),
            minimum_spend=Decimal(18),
            stock=1000,
            bucket_count=16,
            fields={"is_queued": True},
        ),
        Offer(
            key="guarded",
            title=Texts("Fair play: {amount_off} off", "公平抢：立减 {amount_off}"),
            description=Texts(
                "Your browser calculates for a moment before you claim, which slows bots down.",
                "领取前浏览器会先计算片刻，让机器人慢下来。",
            ),
            amount_off=Decimal(4),
            minimum_spend=Decimal(12),
            stock=1000,
            bucket_count=16,
            fields={"needs_proof_of_work": True},
        ),
        Offer(
            key="last-few",
            title=Texts("The last few: {amount_off} off {shelf}", "仅剩几张：{shelf}立减 {amount_off}"),
            description=Texts("Almost all are taken.", "即将领完。"),
            amount_off=Decimal(2),
            minimum_spend=Decimal(5),
            stock=40,
            shelf=4,
            claimed_before=37,
            watch=Watch(low_below=10),
        ),
        Offer(
            key="tonight",
            title=Texts("Until tonight: 10% off {shelf}", "今晚截止：{shelf}九折"),
            description=Texts("Claim and use it before midnight.", "今晚 24 点前领取并使用。"),
            percent_off=Decimal(10),
            discount_cap=Decimal(5),
            shelf=5,
        ),
    ),
)

TOMORROW = CampaignPlan(
    key="demo-tomorrow",
    title=Texts("Tomorrow's drop", "明日开抢"),
    description=Texts("Opens tomorrow at ten.", "明天 10 点开抢。"),
    offers=(
        Offer(
            key="drop",
            title=Texts("30% off {shelf}", "{shelf}七折"),
            description=Texts("A thousand of them; be there at ten.", "限量 1000 张，10 点准时开抢。"),
            percent_off=Decimal(30),
            discount_cap=Decimal(6),
            stock=1000,
            bucket_count=8,
            shelf=6,
        ),
    ),
)
