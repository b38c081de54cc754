"""What a shopper holds."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from coupons.enums import ClaimState
from coupons.models import Claim
from users.models import User

TABS = ("usable", "upcoming", "used", "past")


def wallet_claims(*, shopper: User, tab: str, now: datetime) -> QuerySet[Claim]:
    """Returns the claims of one tab of a wallet.

    Every claim is in exactly one tab: `usable` (now, or on an order that awaits payment), `upcoming` (not
    usable yet), `used`, or `past` (expired, given away, revoked). What ends first comes first; what is over,
    last first.
    """
    claims = Claim.objects.of(shopper.pk).select_related("coupon__gift_product", "order")
    claims = claims.prefetch_related("coupon__tiers")
    held = Q(state=ClaimState.LOCKED) | Q(state=ClaimState.GIFTING)
    unexpired = Q(state=ClaimState.AVAILABLE, expires_at__gt=now)
    match tab:
        case "upcoming":
            return claims.filter(unexpired, usable_from__gt=now).order_by("usable_from", "pk")
        case "used":
            return (
                claims.filter(state=ClaimState.REDEEMED).select_related("rating").order_by("-order__redeemed_at", "-pk")
            )
        case "past":
            over = Q(state__in=[ClaimState.EXPIRED, ClaimState.GIFTED, ClaimState.REVOKED])
            return claims.filter(over | Q(state=ClaimState.AVAILABLE, expires_at__lte=now)).order_by(
                "-expires_at", "-pk"
            )
        case _:
            return claims.filter(held | (unexpired & Q(usable_from__lte=now))).order_by("expires_at", "pk")


def wallet_counts(*, shopper: User, now: datetime) -> dict[str, int]:
    """Returns how many claims each tab holds."""
    return {tab: wallet_claims(shopper=shopper, tab=tab, now=now).order_by().count() for tab in TABS}
