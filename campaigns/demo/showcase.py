"""The live campaigns: made anew when the clock has passed them, so that the showcase is alive whenever it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from django.db import transaction

from campaigns.demo.coupons import Window, can_be_made, make_coupon
from campaigns.demo.kinds import KINDS
from campaigns.demo.offers import EVERYDAY, TODAY, TOMORROW, CampaignPlan, Offer
from campaigns.demo.shelves import best_selling_categories
from campaigns.models import Campaign, CampaignCoupon
from campaigns.services.campaigns import campaign_publish
from config.kernel.clock import end_of_shop_day, shop_date, shop_zone
from coupons.enums import ClaimChannel
from coupons.models import Category, Coupon
from coupons.services.claims import claim_create
from coupons.services.stock import stock_open
from users.models import User

EVERYDAY_LASTS = timedelta(days=30)
# Open for a while already, so that yesterday's claims could be made.
EVERYDAY_OPENED = timedelta(days=4)
# After the shopper's first order, whose price its promotions must not change.
KINDS_OPENED = timedelta(days=2)
TODAY_OPENED = timedelta(hours=12)
DROP_HOUR = time(10)
DROP_LASTS = timedelta(days=3)
SHELVES = 7


def ensure_showcase(*, actor: User, now: datetime) -> list[Campaign]:
    """Makes each of the campaigns unless it runs, or is to come, as it should; returns the new ones.

    What a marketer has changed stays: only the clock makes a campaign old.
    """
    tomorrow = shop_date(now) + timedelta(days=1)
    opens_at = datetime.combine(tomorrow, DROP_HOUR, tzinfo=shop_zone())
    wanted = [
        (EVERYDAY, Window(now - EVERYDAY_OPENED, end_of_shop_day(shop_date(now + EVERYDAY_LASTS)))),
        (KINDS, Window(now - KINDS_OPENED, end_of_shop_day(shop_date(now + EVERYDAY_LASTS)))),
        (TODAY, Window(now - TODAY_OPENED, end_of_shop_day(shop_date(now)))),
        (TOMORROW, Window(opens_at, opens_at + DROP_LASTS)),
    ]
    missing = [(plan, window) for plan, window in wanted if not _is_fresh(plan, now)]
    if not missing:
        return []
    shelves = best_selling_categories(SHELVES)
    return [_make_campaign(plan, window, shelves, actor, now) for plan, window in missing]


def latest_campaign(plan: CampaignPlan) -> Campaign | None:
    """Returns the newest campaign of a plan."""
    return Campaign.objects.filter(key__startswith=f"{plan.key}-").order_by("-starts_at").first()


def coupon_of(plan: CampaignPlan, key: str) -> Coupon | None:
    """Returns the coupon that the newest campaign of a plan has for an offer, unless somebody took it out."""
    position = next(number for number, offer in enumerate(plan.offers) if offer.key == key)
    place = CampaignCoupon.objects.filter(campaign=latest_campaign(plan), position=position).first()
    return place.coupon if place else None


def _is_fresh(plan: CampaignPlan, now: datetime) -> bool:
    campaign = latest_campaign(plan)
    if campaign is None:
        return False
    # The drop of tomorrow is fresh as long as it is to come.
    return now < (campaign.starts_at if plan is TOMORROW else campaign.ends_at)


def _make_campaign(
    plan: CampaignPlan, window: Window, shelves: Sequence[Category], actor: User, now: datetime
) -> Campaign:
    with transaction.atomic():
        campaign = Campaign.objects.create(
            key=f"{plan.key}-{shop_date(now):%Y%m%d}",
            title_en=plan.title.en,
            title_zh=plan.title.zh,
            description_en=plan.description.en,
            description_zh=plan.description.zh,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
        )
        opened_at = min(window.starts_at, now)
        for position, offer in enumerate(plan.offers):
            if not can_be_made(offer):
                continue
            coupon = make_coupon(offer, window, shelves, budget_name=f"{campaign.key}: {offer.key}", now=now)
            stock_open(
                coupon=coupon,
                released=offer.stock,
                reserve=offer.reserve,
                bucket_count=offer.bucket_count,
                actor=actor,
                now=opened_at,
            )
            CampaignCoupon.objects.create(campaign=campaign, coupon=coupon, position=position)
        campaign = campaign_publish(campaign=campaign, actor=actor, now=opened_at)
        for place in campaign.campaign_coupons.select_related("coupon"):
            _claim_before(place.coupon, plan.offers[place.position], now)
    return campaign


def _claim_before(coupon: Coupon, offer: Offer, now: datetime) -> None:
    for shopper in User.objects.shoppers().filter(external_id__isnull=False).order_by("pk")[: offer.claimed_before]:
        claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=now - timedelta(hours=1))
