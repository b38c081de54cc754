"""What a made-up shop offers, however large it is: coupons, campaigns, and a plan with a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analytics.models import AllocationPlan
from benchmarks.nightly.statements import APART, ENDED, FIRST_BEGAN, LASTED, PLACES, PRODUCTS_A_TYPE, SHELVES, TYPES
from campaigns.enums import CampaignKind, CampaignStatus
from campaigns.models import Campaign, CampaignCoupon
from config.kernel.lots import border_of
from coupons.enums import AudienceKind, BenefitType, CouponStatus
from coupons.models import Coupon, ScopeEntry
from coupons.services.stock import stock_open

DAY = timedelta(days=1)
HOLDOUT_PERCENT = 10
# Minor units for each shopper; enough for some of them.
BUDGET_A_SHOPPER = 20
LIMITED = 12


@dataclass(frozen=True, slots=True)
class Offers:
    """Keys of what was made. Of each ended campaign one coupon after another, as `PLACES` says."""

    ended_campaigns: list[int]
    ended: list[int]
    limited: list[int]
    allocated: list[int]
    # The live campaign that addresses recorded recipients.
    chosen: int
    # The ended campaign with a holdout.
    experiment: str
    salt: str
    border: str


def make_offers(*, shoppers: int, now: datetime) -> Offers:
    """Makes forty live coupons and thirty ended ones, with their scopes, stock and campaigns.

    Args:
        shoppers: how many will be there; stock and budget are enough for so many.
    """
    ended_campaigns, ended = [], []
    for number in range(ENDED):
        begin = now - (FIRST_BEGAN - APART * number) * DAY
        mailed = [_shelf_coupon(place, begin, begin + LASTED * DAY, CouponStatus.ENDED) for place in range(PLACES)]
        # The last one shows what its coupons were good for.
        holdout = {"holdout_percent": HOLDOUT_PERCENT, "holdout_salt": "shown"} if number == ENDED - 1 else {}
        ended_campaigns.append(
            _campaign(f"night-{number}", mailed, begin, begin + LASTED * DAY, CampaignStatus.ENDED, **holdout)
        )
        ended += mailed
    begin, end = now - 10 * DAY, now + 20 * DAY
    _campaign("night-all", [_shelf_coupon(place, begin, end) for place in range(4)], begin, end)
    chosen = _campaign("night-chosen", [_shelf_coupon(place, begin, end) for place in range(PLACES)], begin, end)
    allocated = [
        _coupon(begin, end, audience=AudienceKind.ALLOCATED, amount_off=amount, minimum_spend=4 * amount)
        for amount in (2_00, 4_00, 6_00, 8_00, 10_00)
    ]
    plan = _campaign("night-plan", allocated, begin, end, holdout_percent=HOLDOUT_PERCENT, holdout_salt="given")
    for coupon in allocated:
        coupon.holdout_salt, coupon.holdout_below = "given", border_of(HOLDOUT_PERCENT / 100)
    Coupon.objects.bulk_update(allocated, ["holdout_salt", "holdout_below"])
    AllocationPlan.objects.create(campaign=plan, budget=BUDGET_A_SHOPPER * shoppers, most_claims=4)
    limited = [_typed_coupon(number, now) for number in range(LIMITED)]
    for coupon in limited:
        stock_open(coupon=coupon, released=2 * shoppers, actor=None, now=now - 56 * DAY)
    for number in range(LIMITED, LIMITED + 11):
        _typed_coupon(number, now)
    # Two for the whole shop.
    _coupon(begin, end, amount_off=1_00)
    _coupon(begin, end, amount_off=2_00)
    last = ended_campaigns[-1]
    return Offers(
        ended_campaigns=[campaign.pk for campaign in ended_campaigns],
        ended=[coupon.pk for coupon in ended],
        limited=[coupon.pk for coupon in limited],
        allocated=[coupon.pk for coupon in allocated],
        chosen=chosen.pk,
        experiment=last.experiment,
        salt=last.holdout_salt,
        border=border_of(HOLDOUT_PERCENT / 100),
    )


def _coupon(begin: datetime, end: datetime, status: CouponStatus = CouponStatus.PUBLISHED, **fields: Any) -> Coupon:
    return Coupon.objects.create(
        title_en="Night",
        status=status,
        benefit_type=BenefitType.AMOUNT_OFF,
        claim_starts_at=begin,
        claim_ends_at=end,
        usable_until=end,
        published_at=begin,
        **fields,
    )


def _shelf_coupon(place: int, begin: datetime, end: datetime, status: CouponStatus = CouponStatus.PUBLISHED) -> Coupon:
    coupon = _coupon(begin, end, status, amount_off=(place + 1) * 100)
    ScopeEntry.objects.bulk_create(
        ScopeEntry(coupon=coupon, category_id=shelf + 1) for shelf in range(SHELVES) if shelf % PLACES == place
    )
    return coupon


def _typed_coupon(number: int, now: datetime) -> Coupon:
    """A coupon for the products of three types, of which one is among those that many like."""
    coupon = _coupon(now - 56 * DAY, now + 30 * DAY, amount_off=50 + 10 * number, limit_per_shopper=1000)
    types = (number, 60 + number, 150 + number)
    ScopeEntry.objects.bulk_create(
        ScopeEntry(coupon=coupon, product_id=1 + kind + TYPES * each)
        for kind in types
        for each in range(PRODUCTS_A_TYPE)
    )
    return coupon


def _campaign(
    key: str,
    coupons: Sequence[Coupon],
    begin: datetime,
    end: datetime,
    status: CampaignStatus = CampaignStatus.PUBLISHED,
    **fields: Any,
) -> Campaign:
    campaign = Campaign.objects.create(
        key=key, kind=CampaignKind.DROP, title_en=key, status=status, starts_at=begin, ends_at=end, **fields
    )
    CampaignCoupon.objects.bulk_create(
        CampaignCoupon(campaign=campaign, coupon=coupon, position=position) for position, coupon in enumerate(coupons)
    )
    return campaign
