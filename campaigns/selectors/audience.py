"""Whom a campaign can reach."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from campaigns.models import Campaign
from coupons.enums import Handout
from coupons.selectors.audience import in_audience
from users.models import User


def campaign_audience(*, campaign: Campaign, now: datetime) -> QuerySet[User]:
    """Returns the active shoppers who may claim at least one of the campaign's coupons, stock and limits aside.

    Coupons that need a code count for nobody: who has the code is not known here.
    """
    eligible = Q(pk__in=[])
    for coupon in campaign.coupons.filter(handout=Handout.SHOWCASE):
        eligible |= in_audience(coupon, now)
    return User.objects.shoppers().filter(eligible, is_active=True)
