"""What happens by itself when a coupon's stock runs low: alert, reserve, top-up, stop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F

from config.kernel.clock import shop_date, start_of_shop_day
from config.kernel.locks import busy_when_locked
from coupons.enums import CouponState, StockMovementKind
from coupons.models import Coupon, ReleaseBatch, Stock, StockForecast, StockMovement, StockPolicy
from coupons.selectors.stock_forecasts import forecast_in_force, topped_up_since
from coupons.services.publishing import coupon_end
from coupons.services.stock import reserve_open, stock_lock, stock_top_up

logger = structlog.get_logger(__name__)

# Written into the ledger, by which the top-ups of a day are counted.
BY_POLICY = "stock policy"


@dataclass(frozen=True, slots=True)
class LowStock:
    """A coupon's stock has just fallen below its policy's limit, or will soon end; `left` is what was left then."""

    coupon: Coupon
    left: int
    low_below: int
    # Where the stock is not low yet: when it is expected to run out.
    runs_out_at: datetime | None = None


def stock_policy_apply(*, coupon: Coupon, now: datetime) -> LowStock | None:
    """Does once what a coupon's policy asks for at this moment, each change of stock with its ledger line.

    While less than `low_below` is left, each call opens `open_reserve` of the reserve; once that is used up it tops
    up, at most `top_ups_a_day` times a shop day and only while every budget of the coupon has money left. A policy that
    follows the forecast adds what is suggested, at most `top_up` each time; while there is no forecast, or only an old
    one, it adds `top_up`.

    Returns:
        What the operators are to be told, at the call that first finds the stock low (or, by the forecast, about to
        end) and, until it has risen above the limit (or is expected to last), at no other; None for nothing. Who
        tells them does so in the same transaction.

    Raises:
        Busy: the database could not give a lock in time; nothing was changed.
    """
    with busy_when_locked(), transaction.atomic():
        stock = stock_lock(coupon_id=coupon.pk)
        policy = StockPolicy.objects.select_for_update().filter(coupon=coupon).first()
        if policy is None or coupon.state(now) != CouponState.LIVE:
            return None
        left = stock.remaining() or 0
        has_crossed = left < policy.low_below and not policy.is_low
        forecast = forecast_in_force(coupon_id=coupon.pk, now=now)
        if left < policy.low_below:
            _add_stock(coupon, stock, policy, forecast, now)
        is_low = (stock.remaining() or 0) < policy.low_below
        runs_out_at = _ends_soon(forecast, policy, now)
        is_announced = policy.is_low or policy.is_short
        if (is_low, runs_out_at is not None) != (policy.is_low, policy.is_short):
            policy.is_low, policy.is_short = is_low, runs_out_at is not None
            policy.save(update_fields=["is_low", "is_short"])
    if has_crossed:
        logger.warning("stock_low", coupon=str(coupon.public_id), left=left, low_below=policy.low_below)
        return LowStock(coupon, left, policy.low_below)
    # Who knows that it is low need not hear that it will be.
    if runs_out_at is None or is_announced or is_low:
        return None
    logger.warning("stock_ends_soon", coupon=str(coupon.public_id), left=left, runs_out_at=runs_out_at)
    return LowStock(coupon, left, policy.low_below, runs_out_at)


def stock_policy_stop(*, coupon: Coupon, now: datetime) -> bool:
    """Ends a sold-out coupon whose policy says so, once nothing more can come; tells whether it did.

    More can come from a batch that is not open yet, from the reserve, or from a top-up on any day.
    """
    policy = StockPolicy.objects.filter(coupon=coupon, stop_when_sold_out=True).first()
    if policy is None or (Stock.objects.get(coupon=coupon).remaining() or 0):
        return False
    with busy_when_locked(), transaction.atomic():
        stock = stock_lock(coupon_id=coupon.pk)
        # Waits for the claims under way: one that is rolled back gives its unit back.
        coupon = Coupon.objects.select_for_update().get(pk=coupon.pk)
        if coupon.state(now) != CouponState.LIVE or stock.remaining() or _more_can_come(coupon, stock, policy):
            return False
        coupon_end(coupon=coupon, actor=None, now=now)
    logger.info("coupon_stopped", coupon=str(coupon.public_id), reason=BY_POLICY)
    return True


def _add_stock(
    coupon: Coupon, stock: Stock, policy: StockPolicy, forecast: StockForecast | None, now: datetime
) -> None:
    if opened := min(policy.open_reserve, stock.reserve):
        reserve_open(coupon=coupon, quantity=opened, actor=None, now=now, reason=BY_POLICY)
    elif _may_top_up(coupon, policy) and _topped_up_today(coupon, now) < policy.top_ups_a_day:
        quantity = policy.top_up
        if policy.follows_forecast and forecast is not None:
            # What came since the forecast was made is part of what it asked for.
            quantity = min(quantity, forecast.top_up - topped_up_since(coupon_id=coupon.pk, since=forecast.made_at))
        if quantity > 0:
            stock_top_up(coupon=coupon, quantity=quantity, actor=None, now=now, reason=BY_POLICY)


def _ends_soon(forecast: StockForecast | None, policy: StockPolicy, now: datetime) -> datetime | None:
    if forecast is None or forecast.runs_out_at is None:
        return None
    if forecast.runs_out_at > now + timedelta(days=policy.warn_days) or not policy.warn_days:
        return None
    # Whoever has topped up as suggested has done what could be done until the next night.
    is_topped_up = topped_up_since(coupon_id=policy.coupon_id, since=forecast.made_at) >= max(forecast.top_up, 1)
    return None if is_topped_up else forecast.runs_out_at


def _more_can_come(coupon: Coupon, stock: Stock, policy: StockPolicy) -> bool:
    return (
        bool(policy.open_reserve and stock.reserve)
        or _may_top_up(coupon, policy)
        or ReleaseBatch.objects.filter(coupon=coupon, opened_at=None).exists()
    )


def _may_top_up(coupon: Coupon, policy: StockPolicy) -> bool:
    return policy.top_up > 0 and not coupon.budgets.filter(spent__gte=F("cap")).exists()


def _topped_up_today(coupon: Coupon, now: datetime) -> int:
    return StockMovement.objects.filter(
        coupon=coupon,
        kind=StockMovementKind.TOPPED_UP,
        actor=None,
        reason=BY_POLICY,
        created_at__gte=start_of_shop_day(shop_date(now)),
    ).count()
