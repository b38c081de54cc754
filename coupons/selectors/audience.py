"""Whom a coupon is meant for, as a condition on shoppers, and whether the shop may grant it to them."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.lookups import LessThan

from config.kernel.lots_in_database import lots_of_numbers
from coupons.enums import AudienceKind, Handout, OrderState
from coupons.models import Allocation, Coupon, Order
from users.models import Tag


def in_audience(coupon: Coupon, now: datetime) -> Q:
    """Returns what `coupons.services.claim_refusals.refuse_unless_in_audience` asks, closed accounts aside."""
    meant = meant_for(coupon, now)
    if not coupon.holdout_below:
        return meant
    return meant & ~Q(LessThan(lots_of_numbers(coupon.holdout_salt), Value(coupon.holdout_below)))


def meant_for(coupon: Coupon, now: datetime) -> Q:
    """Returns who is meant, those of a holdout with the others."""
    match AudienceKind(coupon.audience):
        case AudienceKind.EVERYONE:
            return Q(pk__isnull=False)
        case AudienceKind.NEW_SHOPPERS:
            return ~Q(Exists(Order.objects.filter(shopper=OuterRef("pk"), state=OrderState.REDEEMED)))
        case AudienceKind.TAGGED:
            return Q(Exists(Tag.objects.active(now).filter(shopper=OuterRef("pk"), name=coupon.audience_tag)))
        case AudienceKind.ALLOCATED:
            return Q(Exists(Allocation.objects.active(now).filter(shopper=OuterRef("pk"), coupon=coupon)))


def can_be_granted(coupon: Coupon) -> bool:
    """Tells whether the shop can hand a coupon out by itself: no code, lot or share, and no terms to be chosen."""
    return coupon.handout in (Handout.SHOWCASE, Handout.GRANT) and not coupon.is_fitted
