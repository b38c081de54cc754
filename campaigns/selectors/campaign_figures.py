"""What a marketer watches about campaigns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q

from campaigns.models import CampaignCoupon
from coupons.enums import ClaimState
from coupons.models import Claim


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """Counts over all coupons of a campaign; a coupon in two campaigns counts in both."""

    coupons: int = 0
    claimed: int = 0
    redeemed: int = 0


def campaign_figures(campaign_ids: Iterable[int]) -> dict[int, CampaignFigures]:
    """Returns the figures of some campaigns, by id, with two queries however many they are."""
    ids = list(campaign_ids)
    coupons_of: dict[int, list[int]] = {campaign_id: [] for campaign_id in ids}
    for campaign_id, coupon_id in CampaignCoupon.objects.filter(campaign_id__in=ids).values_list(
        "campaign_id", "coupon_id"
    ):
        coupons_of[campaign_id].append(coupon_id)
    claims = {
        coupon_id: (claimed, redeemed)
        for coupon_id, claimed, redeemed in Claim.objects.filter(
            coupon_id__in={coupon_id for coupon_ids in coupons_of.values() for coupon_id in coupon_ids}
        )
        .order_by()
        .values("coupon_id")
        .annotate(claimed=Count("pk"), redeemed=Count("pk", filter=Q(state=ClaimState.REDEEMED)))
        .values_list("coupon_id", "claimed", "redeemed")
    }
    return {
        campaign_id: CampaignFigures(
            coupons=len(coupon_ids),
            claimed=sum(claims.get(coupon_id, (0, 0))[0] for coupon_id in coupon_ids),
            redeemed=sum(claims.get(coupon_id, (0, 0))[1] for coupon_id in coupon_ids),
        )
        for campaign_id, coupon_ids in coupons_of.items()
    }
