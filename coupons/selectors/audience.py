"""Whom a coupon is meant for, as a condition on shoppers."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from coupons.enums import AudienceKind, OrderState
from coupons.models import Coupon, Order
from users.models import Tag


def in_audience(coupon: Coupon, now: datetime) -> Q:
    """Returns the condition that `coupons.services.claims.refuse_unless_in_audience` puts, closed accounts aside."""
    match AudienceKind(coupon.audience):
        case AudienceKind.EVERYONE:
            return Q(pk__isnull=False)
        case AudienceKind.NEW_SHOPPERS:
            return ~Q(Exists(Order.objects.filter(shopper=OuterRef("pk"), state=OrderState.REDEEMED)))
        case AudienceKind.TAGGED:
            return Q(Exists(Tag.objects.active(now).filter(shopper=OuterRef("pk"), name=coupon.audience_tag)))
