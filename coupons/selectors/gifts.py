"""Gifts as their givers see them, and as whoever holds a link does."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from config.kernel.crypto import token_checksum
from config.kernel.errors import NotFound
from coupons.enums import ClaimState, GiftState
from coupons.errors import GiftInvalid
from coupons.models import Claim, Gift
from users.models import User


def gifts_given(*, shopper: User | None, state: str = "", now: datetime) -> QuerySet[Gift]:
    """Returns gifts with what their answer shows.

    Args:
        shopper: who gave them; None for everybody's.
        state: a `GiftState` as its giver sees it: one past its end is expired, whether or not a job has run.
    """
    gifts = Gift.objects.select_related("claim__coupon", "giver", "received")
    if shopper is not None:
        gifts = gifts.filter(giver=shopper)
    match state:
        case GiftState.OFFERED:
            return gifts.filter(state=state, expires_at__gt=now)
        case GiftState.EXPIRED:
            return gifts.filter(Q(state=state) | Q(state=GiftState.OFFERED, expires_at__lte=now))
        case "":
            return gifts
        case _:
            return gifts.filter(state=state)


def gift_given(*, public_id: UUID, shopper: User | None, now: datetime) -> Gift:
    """Returns one gift.

    Raises:
        NotFound: there is none, or this shopper did not give it.
    """
    gift = gifts_given(shopper=shopper, now=now).filter(public_id=public_id).first()
    if gift is None:
        raise NotFound
    return gift


def gift_behind(*, token: str, now: datetime) -> Gift:
    """Returns the open gift that a link's secret stands for.

    Raises:
        GiftInvalid: there is none, or it is not open any more; both read the same.
    """
    gift = Gift.objects.select_related("claim__coupon", "giver").filter(checksum=token_checksum(token)).first()
    if gift is None or gift.state_at(now) != GiftState.OFFERED:
        raise GiftInvalid
    return gift


def may_be_given(claim: Claim, now: datetime) -> bool:
    """Tells whether a claim could be offered as a gift now; its coupon should be at hand."""
    return (
        claim.state_at(now) == ClaimState.AVAILABLE
        and claim.coupon.is_giftable
        and claim.gift_depth < settings.GIFT_CHAIN_DEPTH
    )
