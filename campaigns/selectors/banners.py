"""Campaigns as the showcase announces them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch

from campaigns.models import Campaign, CampaignCoupon
from coupons.models import Coupon
from coupons.selectors.showcase import showcase_coupons
from users.models import User

MAXIMUM_BANNERS = 4
MAXIMUM_COUPONS = 4


@dataclass(frozen=True, slots=True)
class CampaignBanner:
    """A running campaign and the first of its coupons that anybody may look at."""

    campaign: Campaign
    coupons: list[Coupon]


def campaign_banners(*, now: datetime, shopper: User | None = None) -> list[CampaignBanner]:
    """Returns the running campaigns that have something to show to a shopper, or to anybody; three queries.

    Those that end first come first.
    """
    visible = showcase_coupons(now=now, shopper=shopper).order_by()
    handed_out = CampaignCoupon.objects.filter(coupon__in=visible.values("pk"))
    # What the words of a coupon need.
    handed_out = handed_out.select_related("coupon__envelope").prefetch_related("coupon__tiers")
    campaigns = (
        Campaign.objects.live(now)
        .filter(campaign_coupons__coupon__in=visible.values("pk"))
        .distinct()
        .order_by("ends_at", "pk")
        .prefetch_related(Prefetch("campaign_coupons", queryset=handed_out, to_attr="shown_coupons"))
    )
    return [
        CampaignBanner(campaign, [each.coupon for each in campaign.shown_coupons[:MAXIMUM_COUPONS]])
        for campaign in campaigns[:MAXIMUM_BANNERS]
    ]
