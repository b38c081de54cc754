"""What lotteries add to other pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template

from coupons.enums import LotteryStanding
from coupons.models import Lottery
from coupons.selectors.lotteries import lotteries_shown

register = template.Library()

# A strip, not a list: those that close first.
SHOWN = 3


@register.simple_tag
def lotteries_for(visitor: Any, now: datetime) -> list[tuple[Lottery, LotteryStanding]]:
    """Returns the first few lotteries that concern a visitor, with how each stands."""
    shopper = visitor if getattr(visitor, "is_authenticated", False) else None
    return [(lottery, lottery.standing(now)) for lottery in lotteries_shown(now=now, shopper=shopper)[:SHOWN]]
