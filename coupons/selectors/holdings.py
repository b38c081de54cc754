"""Claims and orders as their shopper, or the shop for everybody, looks them up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from config.kernel.errors import NotFound
from coupons.enums import ClaimState, CouponStatus
from coupons.models import (
    Claim,
    Coupon,
    Order,
    OrderGift,
    OrderLineDiscount,
    OrderShippingDiscount,
    RefundLine,
)
from coupons.selectors.shelf import shelf
from users.models import User


def claims_held(*, now: datetime, shopper: User | None = None, state: str = "") -> QuerySet[Claim]:
    """Returns claims with what their answer shows.

    Args:
        shopper: whose; None for everybody's.
        state: a `ClaimState` as a shopper sees it: a claim past its end is expired, whether or not a job has run.
    """
    claims = Claim.objects.select_related("coupon__gift_product", "shopper", "order")
    claims = claims.prefetch_related("coupon__tiers")
    if shopper is not None:
        claims = claims.of(shopper.pk)
    match state:
        case ClaimState.AVAILABLE:
            return claims.filter(state=state, expires_at__gt=now)
        case ClaimState.EXPIRED:
            return claims.filter(Q(state=state) | Q(state=ClaimState.AVAILABLE, expires_at__lte=now))
        case "":
            return claims
        case _:
            return claims.filter(state=state)


def claim_held(*, public_id: UUID, shopper: User | None) -> Claim:
    """Returns one claim.

    Raises:
        NotFound: there is none, or it is not this shopper's.
    """
    claims = Claim.objects.select_related("coupon", "shopper", "order").filter(public_id=public_id)
    claim = (claims.of(shopper.pk) if shopper is not None else claims).first()
    if claim is None:
        raise NotFound
    return claim


def orders_placed(*, shopper: User | None = None, state: str = "", reference: str = "") -> QuerySet[Order]:
    """Returns orders with what their answer shows.

    Args:
        shopper: whose; None for everybody's.
    """
    orders = Order.objects.select_related("shopper").prefetch_related(
        "lines__product",
        Prefetch("lines__discounts", OrderLineDiscount.objects.select_related("coupon", "claim").order_by("pk")),
        Prefetch("shipping_discounts", OrderShippingDiscount.objects.select_related("coupon", "claim").order_by("pk")),
        Prefetch("gifts", OrderGift.objects.select_related("coupon", "claim", "product").order_by("pk")),
        Prefetch("refunds__lines", RefundLine.objects.select_related("line")),
    )
    if shopper is not None:
        orders = orders.filter(shopper=shopper)
    if state:
        orders = orders.filter(state=state)
    if reference:
        orders = orders.filter(reference=reference)
    return orders


def order_placed(*, public_id: UUID, shopper: User | None) -> Order:
    """Returns one order.

    Raises:
        NotFound: there is none, or it is not this shopper's.
    """
    order = orders_placed(shopper=shopper).filter(public_id=public_id).first()
    if order is None:
        raise NotFound
    return order


@dataclass(slots=True)
class CouponOnOrder:
    """What one coupon gives on an order, in minor units; `claim` is None for an automatic promotion.

    `shipping_amount` is the part of `amount` that was taken off shipping. A coupon that only adds a gift has 0.
    """

    coupon: Coupon
    claim: Claim | None
    amount: int = 0
    shipping_amount: int = 0


def coupons_on(order: Order) -> list[CouponOnOrder]:
    """Returns every coupon that gives something on an order read by `orders_placed`, without further queries."""
    coupons: dict[tuple[int, int | None], CouponOnOrder] = {}

    def entry(part: OrderLineDiscount | OrderShippingDiscount | OrderGift) -> CouponOnOrder:
        return coupons.setdefault((part.coupon_id, part.claim_id), CouponOnOrder(part.coupon, part.claim))

    for line in order.lines.all():
        for discount in line.discounts.all():
            entry(discount).amount += discount.amount
    for off_shipping in order.shipping_discounts.all():
        on_order = entry(off_shipping)
        on_order.amount += off_shipping.amount
        on_order.shipping_amount += off_shipping.amount
    for gift in order.gifts.all():
        entry(gift)
    return list(coupons.values())


def coupon_known(*, public_id: UUID) -> Coupon:
    """Returns a coupon that was ever published, as it was a moment ago; to be read only.

    Whether it can be claimed is for the claim to say.

    Raises:
        NotFound: there is none, or it is still a draft.
    """
    coupon = shelf.get(public_id)
    if coupon.status == CouponStatus.DRAFT:
        raise NotFound(parameter="coupon")
    return coupon
