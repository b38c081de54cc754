"""Lotteries as their tests plan, enter and draw them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from coupons.enums import Handout
from coupons.models import Lottery, LotteryEntry
from coupons.selectors.lotteries import proof_parts
from coupons.services.lotteries import (
    LotteryPlan,
    lottery_draw,
    lottery_enter,
)
from tests.factories import NOW, make_coupon, make_lottery, make_shopper
from users.models import User

INSTANT = timedelta(microseconds=1)
IN_AN_HOUR = NOW + timedelta(hours=1)
A_DAY = timedelta(days=1)


def plan(**changes: Any) -> LotteryPlan:
    wanted: dict[str, Any] = {
        "title_en": "Win a coupon",
        "title_zh": "抽优惠券",
        "opens_at": NOW,
        "closes_at": IN_AN_HOUR,
        "winner_count": 3,
    }
    return LotteryPlan(**({"coupon": make_coupon(handout=Handout.LOTTERY)} | wanted | changes))


def enter(lottery: Lottery, shopper: User | None = None) -> LotteryEntry:
    return lottery_enter(lottery=lottery, shopper=shopper or make_shopper(), now=NOW)


def entered(count: int = 10, **changes: Any) -> Lottery:
    """A lottery that closes in an hour, with so many entries."""
    lottery = make_lottery(closes_at=IN_AN_HOUR, **changes)
    for _ in range(count):
        enter(lottery)
    return lottery


def drawn(lottery: Lottery) -> Lottery:
    return lottery_draw(lottery=lottery, now=IN_AN_HOUR)


def winners(lottery: Lottery) -> list[LotteryEntry]:
    return list(LotteryEntry.objects.winners().filter(lottery=lottery))


def proof(lottery: Lottery) -> dict[str, Any]:
    return json.loads("".join(proof_parts(Lottery.objects.get(pk=lottery.pk))))
