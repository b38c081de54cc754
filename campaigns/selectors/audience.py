"""Whom a campaign can reach."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.models import Campaign
from coupons.enums import AudienceKind, Handout, OrderState
from coupons.models import Coupon, Order
from users.models import Tag, User


def campaign_audience(*, campaign: Campaign, now: datetime) -> QuerySet[User]:
    """Returns the active shoppers who may claim at least one of the campaign's coupons, stock and limits aside.

    Coupons that need a code count for nobody: who has the code is not known here.
    """
    eligible = Q(pk__in=[])
    for coupon in campaign.coupons.filter(handout=Handout.SHOWCASE):
        eligible |= _eligible_for(coupon, now)
    return User.objects.shoppers().filter(eligible, is_active=True)


def _eligible_for(coupon: Coupon, now: datetime) -> Q:
    match AudienceKind(coupon.audience):
        case AudienceKind.EVERYONE:
            return Q(pk__isnull=False)
        case AudienceKind.NEW_SHOPPERS:
            return ~Q(Exists(Order.objects.filter(shopper=OuterRef("pk"), state=OrderState.REDEEMED)))
        case AudienceKind.TAGGED:
            return Q(Exists(Tag.objects.active(now).filter(shopper=OuterRef("pk"), name=coupon.audience_tag)))
