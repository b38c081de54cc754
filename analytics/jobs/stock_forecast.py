"""The nightly forecast: how long each live coupon lasts, what it would take to last longer, and what shelves sell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import structlog
from django.db import transaction

from analytics.enums import Job, RunState, WindowEnd
from analytics.jobs.demand import demand_ahead
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.stock import (
    Matrix,
    StockPlan,
    claims_ahead,
    days_until_spent,
    leanings_of,
    plan_stock,
    redemptions_ahead,
    use_rates,
    usual_rates,
)
from analytics.models import Run
from analytics.selectors.budget_spending import budgets_of, discount_a_use
from analytics.selectors.stock_history import CouponDays, coupon_days, holders_scores
from analytics.selectors.windows import Window
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted
from config.kernel.clock import end_of_shop_day, shop_date, start_of_shop_day
from coupons.models import StockForecast
from coupons.services.stock_forecasts import stock_forecasts_replace

DAYS_BACK = 56
DAYS_AHEAD = 28
# What a top-up is suggested for: the days until somebody has surely looked again.
DAYS_TO_COVER = 14
# Claims are followed for so long; nearly all that are ever used are used earlier.
AGES = 60
DAYS_SHOWN = 28
WEEK = 7
DAY = timedelta(days=1)

logger = structlog.get_logger(__name__)


def run_stock_forecast(*, now: datetime) -> Run:
    """Forecasts claims and uses of every live coupon with a limit of stock or money, and publishes what that means.

    What the shelves of the shop will sell is forecast along, and kept with the run. It moves no stock: if it breaks,
    the run goes on without it, and its figures say so.

    Running it again on the same data changes nothing but the moment at which it was made.

    Raises:
        RunInProgress: another one has not finished.
    """
    with exclusively(Job.FORECAST):
        watch = Stopwatch(now)
        runs_mark_interrupted(job=Job.FORECAST, now=now)
        window = Window(start=now - timedelta(days=DAYS_BACK), end=now, ends_with=WindowEnd.NOW)
        parameters = {"days_ahead": DAYS_AHEAD, "days_to_cover": DAYS_TO_COVER, "ages": AGES}
        run = run_start(job=Job.FORECAST, window=window, seed=0, parameters=parameters, now=now)
        try:
            seen = coupon_days(as_of=now, days=DAYS_BACK, ages=AGES, horizon=DAYS_AHEAD)
            forecasts = list(_forecasts(seen, now))
            demand, failure = _demand(now)
            with transaction.atomic():
                stock_forecasts_replace(forecasts=forecasts)
                metrics = {**_figures(forecasts), "seconds": round(watch.seconds(), 3)}
                metrics["peak_memory_mib"] = round(peak_memory(), 1)
                if failure:
                    metrics["demand_failed"] = failure
                if demand:
                    metrics |= {name: demand[name] for name in ("method", "wape", "wape_of_mean")}
                # Without one of tonight the last one goes on being shown.
                artefact = {} if failure else {"demand": demand}
                run_finish(run=run, state=RunState.PUBLISHED, metrics=metrics, artefact=artefact, now=watch.now())
        except Exception as error:
            run_finish(run=run, state=RunState.FAILED, reason=f"{type(error).__name__}: {error}", now=watch.now())
            raise
        logger.info("stock forecast finished", run=run.pk, coupons=len(forecasts))
        return run


def _demand(now: datetime) -> tuple[dict[str, Any], str]:
    """Returns what shelves will sell, and the error if that cannot be said tonight."""
    try:
        # A savepoint, so that what follows can still ask the database.
        with transaction.atomic():
            return demand_ahead(now=now), ""
    except Exception as error:
        logger.exception("demand forecast failed")
        return {}, f"{type(error).__name__}: {error}"[:200]


def _forecasts(seen: CouponDays, now: datetime) -> Iterator[StockForecast]:
    wanted = claims_ahead(
        seen.claims.astype(np.float64),
        counted=seen.counted,
        first_weekday=seen.first_day.weekday(),
        horizon=DAYS_AHEAD,
    )
    wanted[:, 0] *= _rest_of_today(now)
    for row, coupon in enumerate(seen.coupons):
        wanted[row] *= _open_share(coupon.claim_ends_at, now)
    plans = [
        plan_stock(ahead=wanted[row].tolist(), left=int(seen.left[row]), arrivals=seen.arriving[row].tolist(),
                   cover=DAYS_TO_COVER)
        for row in range(len(seen.coupons))
    ]  # fmt: skip
    served = np.array([plan.served for plan in plans]).reshape(-1, DAYS_AHEAD)
    coupon_ids = [coupon.pk for coupon in seen.coupons]
    rates = use_rates(
        seen.redeemed.astype(np.float64),
        seen.at_risk.astype(np.float64),
        usual=usual_rates(seen.usual_redeemed.astype(np.float64), seen.usual_at_risk.astype(np.float64)),
        leanings=leanings_of(*holders_scores(coupon_ids=coupon_ids, now=now)),
    )
    held, new_today = _by_age_yesterday(seen.open_claims.astype(np.float64))
    used_of_held = redemptions_ahead(held, new_today, rates)
    used = redemptions_ahead(held, new_today + served, rates)
    money_lasts = _money_lasts(coupon_ids, used, now)
    for row, (coupon, plan) in enumerate(zip(seen.coupons, plans, strict=True)):
        runs_out_at = _moment_of(plan.days_of_cover, now)
        budget_ends_at = _moment_of(money_lasts.get(row), now)
        yield StockForecast(
            coupon=coupon,
            made_at=now,
            claims_past=seen.claims[row, -DAYS_SHOWN:].tolist(),
            claims_ahead=wanted[row].round(2).tolist(),
            claims_a_day=round(float(wanted[row, 1 : WEEK + 1].mean()), 2),
            redemptions_a_week=round(float(used[row, :WEEK].sum()), 2),
            uses_of_held=round(float(used_of_held[row].sum()), 2),
            days_of_cover=None if runs_out_at is None else round((runs_out_at - now) / DAY, 3),
            runs_out_at=runs_out_at,
            budget_days=None if budget_ends_at is None else round((budget_ends_at - now) / DAY, 3),
            budget_ends_at=budget_ends_at,
            top_up=plan.top_up,
            batches=_batches(plan, now),
        )


def _rest_of_today(now: datetime) -> float:
    """Returns which share of the shop day is still to come."""
    today = shop_date(now)
    start, end = start_of_shop_day(today), end_of_shop_day(today)
    return (end - now) / (end - start)


def _open_share(ends_at: datetime, now: datetime) -> Matrix:
    """Returns for each day ahead which share of it a coupon is still open for claiming."""
    left = np.zeros(DAYS_AHEAD)
    today = shop_date(now)
    for day in range(DAYS_AHEAD):
        start, end = (start_of_shop_day(today + timedelta(days=day + offset)) for offset in (0, 1))
        # Of today, only what is still to come counts as a whole.
        start = max(start, now)
        left[day] = min(max((ends_at - start) / (end - start), 0.0), 1.0)
    return left


def _by_age_yesterday(open_claims: Matrix) -> tuple[Matrix, Matrix]:
    """Returns open claims by the age they had yesterday, and those made today as new ones of the first day ahead."""
    held, new = np.zeros_like(open_claims), np.zeros((len(open_claims), DAYS_AHEAD))
    held[:, :-1] = open_claims[:, 1:]
    new[:, 0] = open_claims[:, 0]
    return held, new


def _money_lasts(coupon_ids: list[int], used: Matrix, now: datetime) -> dict[int, float]:
    """Returns for each row after how many days the first of its coupon's budgets ends, if one does within the forecast.

    What a budget pays for together counts together: a campaign's coupons spend it side by side.
    """
    a_use = discount_a_use(coupon_ids=coupon_ids, now=now)
    lasts: dict[int, float] = {}
    for budget in budgets_of(coupon_ids=coupon_ids, now=now):
        rows = list(budget.places)
        spent = (used[rows] * a_use[rows, None]).sum(axis=0) + budget.others_a_day
        days = days_until_spent(ahead=spent.tolist(), left=budget.left)
        if days is not None:
            lasts |= {row: min(days, lasts.get(row, days)) for row in rows}
    return lasts


def _moment_of(days: float | None, now: datetime) -> datetime | None:
    """Returns the moment after so many days of the forecast, the first of which is what is left of today."""
    if days is None:
        return None
    day, part = divmod(days, 1)
    start = start_of_shop_day(shop_date(now) + timedelta(days=int(day)))
    end = end_of_shop_day(shop_date(now) + timedelta(days=int(day)))
    start = max(start, now)
    return start + (end - start) * part


def _batches(plan: StockPlan, now: datetime) -> list[dict[str, Any]]:
    today = shop_date(now)
    # A batch for today opens tomorrow at the earliest: it is an offer to a marketer, not an order to the clock.
    return [
        {"opens_at": start_of_shop_day(today + timedelta(days=max(day, 1))).isoformat(), "quantity": quantity}
        for day, quantity in plan.batches
    ]


def _figures(forecasts: list[StockForecast]) -> dict[str, Any]:
    return {
        "coupons": len(forecasts),
        "budgets_running_out": sum(forecast.budget_days is not None for forecast in forecasts),
        "running_out": sum(forecast.days_of_cover is not None for forecast in forecasts),
        "claims_a_day": round(sum(forecast.claims_a_day for forecast in forecasts), 1),
        "redemptions_a_week": round(sum(forecast.redemptions_a_week for forecast in forecasts), 1),
    }
