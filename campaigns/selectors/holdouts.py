"""Which campaign a coupon keeps shoppers out for."""

from __future__ import annotations

from campaigns.enums import CampaignStatus
from campaigns.models import Campaign
from coupons.models import Coupon

# A draft has drawn nobody yet, and an ended one measures no further coupon.
HOLDING = (CampaignStatus.PUBLISHED, CampaignStatus.PAUSED)


def other_holder(*, coupon: Coupon, campaign: Campaign) -> Campaign | None:
    """Returns the other campaign that runs and keeps shoppers out from a coupon; None if there is none."""
    if not coupon.holdout_below:
        return None
    holders = Campaign.objects.filter(status__in=HOLDING, holdout_salt=coupon.holdout_salt)
    return holders.exclude(pk=campaign.pk).first()
