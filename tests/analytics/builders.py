"""Shoppers with a history: purchases, orders and redemptions, written in bulk."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from analytics.enums import Job, WindowEnd
from analytics.models import AllocationPlan, ModelVersion
from analytics.selectors.windows import Window
from analytics.services.registry import model_save
from analytics.services.runs import run_start
from campaigns.enums import CampaignStatus
from config.kernel.lots import border_of
from coupons.enums import AudienceKind, ClaimChannel, ClaimState, OrderState
from coupons.models import Claim, Coupon, Order, Redemption
from tests import factories
from tests.campaigns.makers import make_campaign
from users.enums import BehaviourKind
from users.models import BehaviourEvent, User

_number = itertools.count(1)

NIGHT = datetime(2026, 11, 20, 3, tzinfo=UTC)
WINDOW = Window(start=datetime(2025, 11, 20, tzinfo=UTC), end=NIGHT, ends_with=WindowEnd.NOW)


def make_purchase(shopper: User, at: datetime, *, value: int = 100_00, **fields: Any) -> BehaviourEvent:
    """A purchase as another system reports it."""
    number = next(_number)
    fields.setdefault("kind", BehaviourKind.PURCHASE)
    return BehaviourEvent.objects.create(
        sender="test",
        event_id=f"purchase-{number}",
        shopper=shopper,
        value=value,
        occurred_at=at,
        received_at=at,
        **fields,
    )


def make_order(
    shopper: User,
    at: datetime,
    *,
    subtotal: int = 100_00,
    discount: int = 0,
    shipping: int = 0,
    refunded_at: datetime | None = None,
) -> Order:
    """A paid order, or one that was refunded in full; without lines and without an event."""
    payable = subtotal - discount + shipping
    return Order.objects.create(
        reference=f"order-{next(_number)}",
        shopper=shopper,
        state=OrderState.REFUNDED if refunded_at else OrderState.REDEEMED,
        subtotal=subtotal,
        discount=discount,
        shipping=shipping,
        payable=payable,
        refunded=payable if refunded_at else 0,
        placed_at=at,
        redeemed_at=at,
        closed_at=refunded_at,
    )


def make_claim_at(shopper: User, coupon: Coupon, at: datetime, *, order: Order | None = None, **fields: Any) -> Claim:
    """A claim of a moment, used on an order if one is given."""
    ordinal = Claim.objects.filter(coupon=coupon, shopper=shopper).count() + 1
    fields.setdefault("state", ClaimState.REDEEMED if order else ClaimState.AVAILABLE)
    return Claim.objects.create(
        coupon=coupon,
        shopper=shopper,
        ordinal=ordinal,
        channel=ClaimChannel.WEB,
        claimed_at=at,
        usable_from=at,
        expires_at=at + timedelta(days=30),
        order=order,
        **fields,
    )


def make_redemption(claim: Claim, order: Order, *, amount: int, refunded: int = 0) -> Redemption:
    return Redemption.objects.create(
        coupon=claim.coupon, claim=claim, order=order, amount=amount, refunded=refunded, redeemed_at=order.placed_at
    )


def make_plan(
    now: datetime, *, holdout_percent: int = 0, amounts: tuple[int, ...] = (5_00, 10_00), **fields: Any
) -> AllocationPlan:
    """A plan for a running campaign with a coupon for allocated shoppers of each amount."""
    coupons = [
        factories.make_coupon(
            audience=AudienceKind.ALLOCATED,
            amount_off=amount,
            minimum_spend=4 * amount,
            holdout_salt="salt",
            holdout_below=border_of(holdout_percent / 100),
        )
        for amount in amounts
    ]
    campaign = make_campaign(
        *coupons,
        status=CampaignStatus.PUBLISHED,
        starts_at=now - timedelta(days=10),
        ends_at=now + timedelta(days=20),
        holdout_percent=holdout_percent,
        holdout_salt="salt",
    )
    return AllocationPlan.objects.create(campaign=campaign, **fields)


# Days since the last purchase, purchases, money a purchase, days between purchases, every so many with a coupon.
HABITS = (
    (3, 40, 80_00, 7, 0),
    (4, 40, 90_00, 7, 2),
    (25, 10, 60_00, 20, 3),
    (150, 2, 30_00, 30, 0),
)


def make_population(now: datetime, *, each: int = 20, seed: int = 5) -> list[User]:
    """Shoppers of four habits, so many of each, with purchase events and orders before `now`."""
    random = np.random.default_rng(seed)
    shoppers = User.objects.bulk_create(
        User(username=f"habit-{next(_number)}", joined_at=now - timedelta(days=400)) for _ in range(each * len(HABITS))
    )
    coupon = factories.make_coupon(stock=None, limit_per_shopper=1000)
    orders: list[Order] = []
    for shopper, habit in zip(shoppers, np.repeat(np.array(HABITS), each, axis=0).tolist(), strict=True):
        orders += _orders_of(shopper, habit, now, random)
    orders = Order.objects.bulk_create(orders)
    BehaviourEvent.objects.bulk_create(
        BehaviourEvent(
            sender="quan",
            event_id=f"order:{order.public_id}",
            shopper_id=order.shopper_id,
            kind=BehaviourKind.PURCHASE,
            value=order.payable,
            occurred_at=order.placed_at,
            received_at=order.placed_at,
        )
        for order in orders
    )
    _redeem_discounted(coupon, orders)
    return shoppers


def _orders_of(shopper: User, habit: list[int], now: datetime, random: np.random.Generator) -> list[Order]:
    recency, purchases, money, gap, every = habit
    count = max(1, round(purchases * random.lognormal(0, 0.15)))
    orders = []
    for number in range(count):
        days = recency * random.lognormal(0, 0.15) + number * gap
        if days > 360:
            break
        subtotal = round(money * random.lognormal(0, 0.15))
        discount = 5_00 if every and number % every == 0 else 0
        orders.append(
            Order(
                reference=f"order-{next(_number)}",
                shopper=shopper,
                state=OrderState.REDEEMED,
                subtotal=subtotal,
                discount=discount,
                payable=subtotal - discount,
                placed_at=now - timedelta(days=days),
                redeemed_at=now - timedelta(days=days),
            )
        )
    return orders


def _redeem_discounted(coupon: Coupon, orders: list[Order]) -> None:
    discounted = [order for order in orders if order.discount]
    claims = Claim.objects.bulk_create(
        Claim(
            coupon=coupon,
            shopper_id=order.shopper_id,
            ordinal=ordinal,
            channel=ClaimChannel.WEB,
            state=ClaimState.REDEEMED,
            order=order,
            claimed_at=order.placed_at,
            usable_from=order.placed_at,
            expires_at=order.placed_at + timedelta(days=30),
        )
        for ordinal, order in enumerate(discounted, start=1)
    )
    Redemption.objects.bulk_create(
        Redemption(
            coupon_id=claim.coupon_id, claim=claim, order=order, amount=order.discount, redeemed_at=order.placed_at
        )
        for claim, order in zip(claims, discounted, strict=True)
    )


def make_model(number: float = 1.0, job: Job = Job.RESPONSE) -> ModelVersion:
    """What a run learned, as a challenger."""
    run = run_start(job=job, window=WINDOW, seed=7, parameters={}, now=NIGHT)
    arrays = {"weights": np.array([number, 2.5]), "names": np.array(["recency", "money"])}
    return model_save(run=run, arrays=arrays, metrics={"auc": 0.8}, description={"kind": "logistic"}, now=NIGHT)
