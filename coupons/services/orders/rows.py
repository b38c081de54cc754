"""Orders and claims taken for a change, always in the order of their keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from config.kernel.errors import NotFound
from coupons.enums import ClaimState, OrderState
from coupons.errors import WrongOrderState
from coupons.models import Claim, Order
from coupons.offers import claims_with_offers
from users.models import User


def take_shopper(order: Order) -> None:
    """Lets one order of a shopper be paid at a time, so that only one of two is the first."""
    User.objects.select_for_update(no_key=True).get(pk=order.shopper_id)


def take_order(order: Order, state: OrderState) -> Order:
    """Locks the row of an order and returns it as it is now.

    Raises:
        WrongOrderState: it is not in this state.
    """
    order = Order.objects.select_for_update().get(pk=order.pk)
    if order.state != state:
        raise WrongOrderState(state=order.state)
    return order


def take_overdue_orders(
    *, shopper_id: int, claim_ids: Sequence[UUID], now: datetime, beside: Order | None = None
) -> list[Order]:
    """Locks the rows of unpaid orders whose time is over and which still hold one of these claims.

    Ask each row again by `Order.is_overdue`: it may have been paid or edited just before it was locked.

    Args:
        beside: an order whose row is needed too, whatever its state; returned with the others.
    """
    overdue = Order.objects.filter(
        claims__public_id__in=claim_ids, shopper=shopper_id, state=OrderState.LOCKED, lock_expires_at__lte=now
    )
    wanted = Q(pk__in=overdue.values("pk"))
    if beside is not None:
        wanted |= Q(pk=beside.pk)
    return list(Order.objects.select_for_update().filter(wanted).order_by("pk"))


def take_claims(*, shopper: User, claim_ids: Sequence[UUID], order: Order | None = None) -> list[Claim]:
    """Locks the rows of chosen claims, and of those that an order holds already.

    Raises:
        NotFound: a chosen one is not the shopper's.
    """
    wanted = Q(public_id__in=claim_ids, shopper=shopper)
    if order is not None:
        wanted |= Q(order=order)
    claims = _taken(wanted)
    if not set(claim_ids) <= {claim.public_id for claim in claims}:
        raise NotFound
    return claims


def take_claims_on(order: Order, state: ClaimState) -> list[Claim]:
    """Locks the rows of the claims that an order holds or has used."""
    return _taken(Q(order=order, state=state))


def _taken(wanted: Q) -> list[Claim]:
    return list(
        Claim.objects.select_for_update(of=("self",))
        .filter(wanted)
        .select_related("coupon")
        .prefetch_related(*claims_with_offers())
        .order_by("pk")
    )
