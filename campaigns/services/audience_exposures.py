"""Exposing whole audiences: what shoppers claim by themselves reaches everybody it is meant for, claimed or not."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from campaigns.models import Campaign, Exposure
from campaigns.services.exposures import campaign_exposures_log
from coupons.enums import AudienceKind, Handout
from coupons.models import Coupon
from coupons.selectors.audience import meant_for
from users.models import User

# Grants and allocations log those whom they reach; these reach whoever looks.
CLAIMED_BY_SHOPPERS = (Handout.SHOWCASE, Handout.CODE)
CHUNK = 5_000


def audiences_expose(*, now: datetime) -> int:
    """Logs everybody whom the coupons of running campaigns with a holdout are meant for, in both arms alike.

    Who would have claimed among those held out is not known, so that neither arm is asked for it: the effect that
    shows is that of being offered a coupon. Each shopper is logged once; a run that was cut off is completed by the
    next.

    Returns:
        how many were logged.
    """
    return sum(
        _expose(campaign, coupon, now)
        for campaign in Campaign.objects.live(now).filter(holdout_percent__gt=0).order_by("pk")
        for coupon in campaign.coupons.filter(
            holdout_salt=campaign.holdout_salt, handout__in=CLAIMED_BY_SHOPPERS, claim_starts_at__lte=now
        ).exclude(audience=AudienceKind.ALLOCATED)
    )


def _expose(campaign: Campaign, coupon: Coupon, now: datetime) -> int:
    exposed = Exposure.objects.filter(experiment=campaign.experiment, shopper=OuterRef("pk"))
    unexposed: QuerySet[User] = (
        User.objects.shoppers().filter(meant_for(coupon, now), ~Exists(exposed), is_active=True).order_by("pk")
    )
    logged = last = 0
    while chunk := list(unexposed.filter(pk__gt=last).values_list("pk", flat=True)[:CHUNK]):
        campaign_exposures_log(campaign=campaign, shopper_ids=chunk, now=now)
        logged, last = logged + len(chunk), chunk[-1]
    return logged
