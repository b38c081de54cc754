"""The live campaigns: made anew when the clock has passed them, so that the showcase is alive whenever it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import translation

from campaigns.demo.offers import EVERYDAY, TODAY, TOMORROW, CampaignPlan, Offer, Texts
from campaigns.demo.shelves import best_selling_categories
from campaigns.models import Campaign, CampaignCoupon
from campaigns.services.campaigns import campaign_publish
from config.kernel.clock import end_of_shop_day, shop_date, shop_zone
from config.kernel.money import format_money, round_to_minor
from coupons.codes import normalize_code
from coupons.enums import BenefitType, ClaimChannel, CodeKind, CouponStatus
from coupons.models import Category, Code, Coupon, ScopeEntry
from coupons.services.claims import claim_create
from coupons.services.stock import stock_open
from users.models import User

EVERYDAY_LASTS = timedelta(days=30)
# Open for a while already, so that yesterday's claims could be made.
EVERYDAY_OPENED = timedelta(days=4)
TODAY_OPENED = timedelta(hours=12)
DROP_HOUR = time(10)
DROP_LASTS = timedelta(days=3)
SHELVES = 7
LANGUAGES = ("en", "zh-hans")


@dataclass(frozen=True, slots=True)
class Window:
    """When a campaign runs: `[starts_at, ends_at)`."""

    starts_at: datetime
    ends_at: datetime


def ensure_showcase(*, actor: User, now: datetime) -> list[Campaign]:
    """Makes each of the three campaigns unless it runs, or is to come, as it should; returns the new ones.

    What a marketer has changed stays: only the clock makes a campaign old.
    """
    tomorrow = shop_date(now) + timedelta(days=1)
    opens_at = datetime.combine(tomorrow, DROP_HOUR, tzinfo=shop_zone())
    wanted = [
        (EVERYDAY, Window(now - EVERYDAY_OPENED, end_of_shop_day(shop_date(now + EVERYDAY_LASTS)))),
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
            coupon = _make_coupon(offer, window, shelves, now)
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
        for place, offer in zip(campaign.campaign_coupons.select_related("coupon"), plan.offers, strict=True):
            _claim_before(place.coupon, offer, now)
    return campaign


def _make_coupon(offer: Offer, window: Window, shelves: Sequence[Category], now: datetime) -> Coupon:
    shelf = shelves[offer.shelf % len(shelves)] if offer.shelf is not None and shelves else None
    titles, descriptions = _texts(offer.title, offer, shelf), _texts(offer.description, offer, shelf)
    is_percent = offer.percent_off is not None
    coupon = Coupon.objects.create(
        title_en=titles.en,
        title_zh=titles.zh,
        description_en=descriptions.en,
        description_zh=descriptions.zh,
        status=CouponStatus.DRAFT,
        benefit_type=BenefitType.PERCENT_OFF if is_percent else BenefitType.AMOUNT_OFF,
        amount_off=_minor(offer.amount_off),
        percent_off=offer.percent_off,
        discount_cap=_minor(offer.discount_cap),
        minimum_spend=_minor(offer.minimum_spend) or 0,
        claim_starts_at=window.starts_at,
        claim_ends_at=window.ends_at,
        usable_from=now + offer.usable_in if offer.usable_in else None,
        usable_days=offer.usable_days,
        usable_until=None if offer.usable_days else window.ends_at,
        **offer.fields,
    )
    if shelf is not None:
        ScopeEntry.objects.create(coupon=coupon, category=shelf)
    if offer.code:
        _point_code(offer.code, coupon)
    return coupon


def _point_code(text: str, coupon: Coupon) -> None:
    """Makes the shared code, or lets the one that is printed everywhere open the new coupon."""
    code = Code.objects.filter(normal=normalize_code(text)).first()
    if code is None:
        Code.objects.create(text=text, coupon=coupon, kind=CodeKind.SHARED)
        return
    code.coupon = coupon
    code.save(update_fields=["coupon"])


def _claim_before(coupon: Coupon, offer: Offer, now: datetime) -> None:
    for shopper in User.objects.shoppers().filter(external_id__isnull=False).order_by("pk")[: offer.claimed_before]:
        claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=now - timedelta(hours=1))


def _texts(texts: Texts, offer: Offer, shelf: Category | None) -> Texts:
    filled = []
    for language, text, name in zip(
        LANGUAGES,
        (texts.en, texts.zh),
        (shelf.name_en if shelf else "everything", (shelf.name_zh or shelf.name_en) if shelf else "全场"),
        strict=True,
    ):
        with translation.override(language):
            filled.append(text.format(shelf=name, amount_off=format_money(_minor(offer.amount_off) or 0)))
    return Texts(*filled)


def _minor(amount: Decimal | None) -> int | None:
    return None if amount is None else round_to_minor(amount)
