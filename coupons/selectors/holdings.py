"""Claims and orders as their shopper, or the shop for everybody, looks them up."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from config.kernel.errors import NotFound
from coupons.enums import ClaimState, CouponStatus
from coupons.models import Claim, Coupon, Order
from users.models import User


def claims_held(*, now: datetime, shopper: User | None = None, state: str = "") -> QuerySet[Claim]:
    """Returns claims with what their answer shows.

    Args:
        shopper: whose; None for everybody's.
        state: a `ClaimState` as a shopper sees it: a claim past its end is expired, whether or not a job has run.
    """
    claims = Claim.objects.select_related("coupon", "shopper", "order")
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
        "lines__product", "lines__discounts__coupon", "lines__discounts__claim"
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


def coupon_known(*, public_id: UUID) -> Coupon:
    """Returns a coupon that was ever published, with its key alone; whether it can be claimed is for the claim to say.

    Raises:
        NotFound: there is none, or it is still a draft.
    """
    # The claim reads the coupon inside its own transaction anyway, and a rush comes by here.
    coupon = Coupon.objects.exclude(status=CouponStatus.DRAFT).filter(public_id=public_id).only("pk").first()
    if coupon is None:
        raise NotFound(parameter="coupon")
    return coupon
