"""Watching the stock of coupons that have a policy, and telling operators when it runs low."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.enums import MessageChannel, MessageTopic
from campaigns.selectors.operators import operators
from campaigns.services.outbox import MessageDraft, messages_write
from config.kernel.clock import as_text
from config.kernel.locks import busy_when_locked
from coupons.selectors.low_stock import coupons_to_watch
from coupons.services.stock_policies import LowStock, stock_policy_apply, stock_policy_stop


def stock_watch(*, now: datetime, progressed: Callable[[int], object] = lambda _coupons: None) -> int:
    """Does what the policies of coupons that run low ask for, and stops those that are sold out for good.

    Operators are told in the app and by e-mail, once for each time that a stock falls below its limit or is expected to
    end within the days that its policy names: their
    messages and the memory of the crossing are one transaction.

    Args:
        progressed: called with 1 after each coupon.

    Returns:
        How many crossings operators were told of.
    """
    told = 0
    for coupon in coupons_to_watch(now=now):
        with busy_when_locked(), transaction.atomic():
            low = stock_policy_apply(coupon=coupon, now=now)
            if low is not None:
                messages_write(drafts=_drafts_of(low, now), now=now)
                told += 1
        stock_policy_stop(coupon=coupon, now=now)
        progressed(1)
    return told


def _drafts_of(low: LowStock, now: datetime) -> Iterator[MessageDraft]:
    for operator in operators():
        channels = [MessageChannel.IN_APP, *([MessageChannel.EMAIL] if operator.email else [])]
        for channel in channels:
            yield MessageDraft(
                dedupe_key=f"low-stock:{low.coupon.pk}:{as_text(now)}:{operator.pk}:{channel}",
                shopper_id=operator.pk,
                channel=channel,
                topic=MessageTopic.LOW_STOCK,
                data=_data_of(low),
            )


def _data_of(low: LowStock) -> dict[str, Any]:
    data: dict[str, Any] = {"coupon": low.coupon.pk, "left": low.left, "low_below": low.low_below}
    return data if low.runs_out_at is None else {**data, "runs_out_at": as_text(low.runs_out_at)}
