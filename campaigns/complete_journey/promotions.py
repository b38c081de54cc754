"""The chain's campaigns as the package tells of them: who got which coupons, and which were redeemed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from campaigns.complete_journey.source import Households, read_rows

# Only of these campaigns every recipient got every coupon. Of type A each got 16 out of about 200.
TYPES_FOR_EVERYBODY = {"Type B", "Type C"}


class CouponKey(NamedTuple):
    """A coupon of a campaign; some UPCs were used in several."""

    campaign_id: int
    upc: int


@dataclass(frozen=True, slots=True)
class SourceCampaign:
    campaign_id: int
    kind: str
    start_date: date
    # The last day on which its coupons were taken.
    end_date: date

    @property
    def is_for_everybody(self) -> bool:
        return self.kind in TYPES_FOR_EVERYBODY


class SourceRedemption(NamedTuple):
    """A household's coupon taken at a till on a day; the package does not say on which receipt."""

    household_id: int
    coupon: CouponKey
    redeemed_on: date


@dataclass(frozen=True, slots=True)
class Promotions:
    """All campaigns; recipients and redemptions of the chosen households."""

    campaigns: dict[int, SourceCampaign]
    recipients: dict[int, list[int]]
    # In order of their keys; the values are ordered by product number.
    coverage: dict[CouponKey, frozenset[int]]
    redemptions: list[SourceRedemption]
    duplicate_coverage_rows: int

    def coupons_of(self, campaign_id: int) -> list[CouponKey]:
        return [coupon for coupon in self.coverage if coupon.campaign_id == campaign_id]

    def covered_products(self) -> set[int]:
        return set().union(*self.coverage.values())

    def products_kept_for(self, bought: set[int]) -> set[int]:
        """Returns one covered product for every coupon of which a sample bought none: an empty scope means all."""
        return {min(covered) for covered in self.coverage.values() if not covered & bought}


def read_promotions(households: Households) -> Promotions:
    """Reads the four small files that tell of campaigns."""
    campaigns = {
        campaign_id: SourceCampaign(campaign_id, kind, start.date(), end.date())
        for campaign_id, kind, start, end in sorted(
            read_rows("campaign_descriptions", ["campaign_id", "campaign_type", "start_date", "end_date"])
        )
    }
    recipients: dict[int, list[int]] = {campaign_id: [] for campaign_id in campaigns}
    for campaign_id, household_id in sorted(read_rows("campaigns", ["campaign_id", "household_id"])):
        if household_id in households:
            recipients[campaign_id].append(household_id)
    coverage: defaultdict[CouponKey, set[int]] = defaultdict(set)
    row_count = 0
    for campaign_id, upc, product_id in read_rows("coupons", ["campaign_id", "coupon_upc", "product_id"]):
        coverage[CouponKey(campaign_id, upc)].add(product_id)
        row_count += 1
    redemptions = sorted(
        SourceRedemption(household_id, CouponKey(campaign_id, upc), day.date())
        for household_id, campaign_id, upc, day in read_rows(
            "coupon_redemptions", ["household_id", "campaign_id", "coupon_upc", "redemption_date"]
        )
        if household_id in households
    )
    return Promotions(
        campaigns=campaigns,
        recipients=recipients,
        coverage={coupon: frozenset(coverage[coupon]) for coupon in sorted(coverage)},
        redemptions=redemptions,
        duplicate_coverage_rows=row_count - sum(len(covered) for covered in coverage.values()),
    )
