"""The demo's lotteries: one that can be entered, and one that was drawn an hour ago, to be checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from campaigns.demo.coupons import Window, make_coupon
from campaigns.demo.offers import LOYAL_TAG, Offer, Texts
from config.kernel.clock import end_of_shop_day, shop_date
from coupons.enums import Handout
from coupons.models import Coupon, Lottery
from coupons.services.lotteries import LotteryPlan, lottery_create, lottery_draw, lottery_enter
from coupons.services.publishing import coupon_publish
from coupons.services.stock import stock_open
from users.models import User

WINNERS = 6
ENTERED = 30
LASTS = timedelta(days=2)
DRAWN_BEFORE = timedelta(hours=1)
LOYAL_WEIGHT = 3
PRIZE = Offer(
    key="lottery",
    title=Texts("{amount_off} off, drawn by lot", "抽奖专享立减 {amount_off}"),
    description=Texts("For the whole shop, without a minimum.", "全场通用,无门槛。"),
    amount_off=Decimal(20),
    usable_days=14,
    fields={"handout": Handout.LOTTERY},
)


def ensure_lotteries(*, actor: User, now: datetime) -> list[Lottery]:
    """Makes an open lottery unless one is open, and a drawn one unless there is one; returns the new ones."""
    new = []
    if not Lottery.objects.filter(drawn_at__isnull=False).exists():
        new.append(_make_drawn(actor, now))
    if not Lottery.objects.open_at(now).exists():
        closes_at = end_of_shop_day(shop_date(now + LASTS))
        new.append(_make(Texts("Weekend lottery", "周末抽奖"), Window(now - LASTS, closes_at), actor))
    return new


def _make_drawn(actor: User, now: datetime) -> Lottery:
    window = Window(now - 2 * LASTS, now - DRAWN_BEFORE)
    lottery = _make(Texts("Last week's lottery", "上周抽奖"), window, actor)
    return lottery_draw(lottery=lottery, now=now - DRAWN_BEFORE)


def _make(title: Texts, window: Window, actor: User) -> Lottery:
    opened_at = window.starts_at
    lottery = lottery_create(
        plan=LotteryPlan(
            coupon=_make_prize(window, actor),
            title_en=title.en,
            title_zh=title.zh,
            opens_at=opened_at,
            closes_at=window.ends_at,
            winner_count=WINNERS,
            weight_tag=LOYAL_TAG,
            weight=LOYAL_WEIGHT,
        ),
        now=opened_at,
    )
    shoppers = User.objects.shoppers().filter(external_id__isnull=False).order_by("pk")[:ENTERED]
    for number, shopper in enumerate(shoppers, start=1):
        lottery_enter(lottery=lottery, shopper=shopper, now=opened_at + LASTS * number / (ENTERED + 1))
    return lottery


def _make_prize(window: Window, actor: User) -> Coupon:
    coupon = make_coupon(PRIZE, window, [], budget_name="", now=window.starts_at)
    stock_open(coupon=coupon, released=WINNERS, actor=actor, now=window.starts_at)
    return coupon_publish(coupon=coupon, actor=actor, now=window.starts_at)
