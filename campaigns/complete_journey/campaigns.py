"""The chain's campaigns and coupons become ended campaigns and ended coupons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import translation

from campaigns.complete_journey.conversion import to_shop_money
from campaigns.complete_journey.matching import FaceValues
from campaigns.complete_journey.promotions import CouponKey, Promotions, SourceCampaign
from campaigns.complete_journey.shoppers import KEY_PREFIX
from campaigns.enums import CampaignKind, CampaignStatus
from campaigns.models import Campaign, CampaignCoupon, CampaignRecipient
from config.kernel.bulk import copy_rows
from config.kernel.clock import end_of_shop_day, start_of_shop_day
from config.kernel.money import format_money
from config.kernel.progress import progress
from coupons.enums import BenefitType, CouponStatus, ScopeMode
from coupons.models import Category, Coupon, Product, ScopeEntry

FOR_EVERYBODY = (
    "Every recipient got every coupon of this campaign, so that all of them are claims.",
    "每位收件人都收到了本活动的全部优惠券,因此全部计为领取。",
)
FOR_SOME = (
    "Every recipient got 16 coupons out of this campaign's pool, chosen by past purchases; which ones is not "
    "recorded. Only redeemed coupons are claims here: measure rates on recipients, and read no uplift from them.",
    "每位收件人按以往购买从券池中收到 16 张券,具体哪些没有记录。此处只有已核销的券计为领取:"
    "比率须以收件人为基数,且不能据此推断增量。",
)


@dataclass(frozen=True, slots=True)
class CategoryName:
    en: str
    zh: str


def load_campaigns(
    *,
    promotions: Promotions,
    faces: FaceValues,
    limits: Mapping[CouponKey, int],
    shopper_ids: Mapping[int, int],
    product_ids: Mapping[int, int],
) -> dict[CouponKey, Coupon]:
    """Writes campaigns, their coupons with scope, and their recipients.

    Args:
        faces: what each coupon took off.
        limits: the most claims that one shopper has of a coupon, where it is more than one.
        product_ids: primary keys by product number; other products stay out of the scopes.

    Returns:
        The coupon of every key.
    """
    campaigns = _write_campaigns(promotions)
    coupons = _write_coupons(promotions, faces, limits, product_ids)
    CampaignCoupon.objects.bulk_create(
        CampaignCoupon(campaign=campaigns[campaign_id], coupon=coupons[key], position=position)
        for campaign_id in campaigns
        for position, key in enumerate(promotions.coupons_of(campaign_id))
    )
    CampaignRecipient.objects.bulk_create(
        [
            CampaignRecipient(
                campaign=campaigns[campaign_id],
                shopper_id=shopper_ids[household_id],
                addressed_at=campaigns[campaign_id].starts_at,
            )
            for campaign_id, recipients in promotions.recipients.items()
            for household_id in recipients
        ],
        batch_size=2000,
    )
    copy_rows(
        ScopeEntry,
        ["coupon_id", "mode", "product_id"],
        progress(_scope_rows(promotions, coupons, product_ids), label="Products of coupons", unit="product"),
    )
    return coupons


def _write_campaigns(promotions: Promotions) -> dict[int, Campaign]:
    campaigns = Campaign.objects.bulk_create(_campaign(source) for source in promotions.campaigns.values())
    return dict(zip(promotions.campaigns, campaigns, strict=True))


def _campaign(source: SourceCampaign) -> Campaign:
    english, chinese = FOR_EVERYBODY if source.is_for_everybody else FOR_SOME
    letter = source.kind.removeprefix("Type ")
    return Campaign(
        key=f"{KEY_PREFIX}{source.campaign_id}",
        kind=CampaignKind.DROP,
        title_en=f"Mailing {source.campaign_id} (type {letter})",
        title_zh=f"直邮活动 {source.campaign_id}({letter} 类)",
        description_en=f"Type {letter}. {english}",
        description_zh=f"{letter} 类。{chinese}",
        status=CampaignStatus.ENDED,
        starts_at=start_of_shop_day(source.start_date),
        ends_at=end_of_shop_day(source.end_date),
    )


def _write_coupons(
    promotions: Promotions, faces: FaceValues, limits: Mapping[CouponKey, int], product_ids: Mapping[int, int]
) -> dict[CouponKey, Coupon]:
    names = _category_names(product_ids)
    coupons = Coupon.objects.bulk_create(
        (
            _coupon(
                key,
                promotions.campaigns[key.campaign_id],
                amount=to_shop_money(faces.of(key)),
                observations=faces.observations(key),
                limit=limits.get(key, 1),
                category=_commonest(names[product] for product in covered if product in names),
            )
            for key, covered in promotions.coverage.items()
        ),
        batch_size=500,
    )
    return dict(zip(promotions.coverage, coupons, strict=True))


def _coupon(
    key: CouponKey,
    campaign: SourceCampaign,
    *,
    amount: int,
    observations: int,
    limit: int,
    category: tuple[CategoryName, bool],
) -> Coupon:
    starts_at, ends_at = start_of_shop_day(campaign.start_date), end_of_shop_day(campaign.end_date)
    name, is_alone = category
    amount = max(1, amount)
    with translation.override("en"):
        price_en = format_money(amount)
    with translation.override("zh-hans"):
        price_zh = format_money(amount)
    if observations:
        source_en = f"Amount: the median of {observations} redemptions."
        source_zh = f"金额为 {observations} 次核销的中位数。"
    else:
        source_en = "Amount: the median of similar coupons; no redemption of this one shows it."
        source_zh = "金额取自同类券的中位数,本券没有可见金额的核销。"
    return Coupon(
        title_en=f"{price_en} off {name.en}{'' if is_alone else ' and more'}"[:80],
        title_zh=f"{name.zh or name.en}{'' if is_alone else '等'}立减 {price_zh}"[:80],
        description_en=f"Coupon {key.upc} of mailing {key.campaign_id}. {source_en}",
        description_zh=f"直邮活动 {key.campaign_id} 的优惠券 {key.upc}。{source_zh}",
        status=CouponStatus.ENDED,
        benefit_type=BenefitType.AMOUNT_OFF,
        amount_off=amount,
        claim_starts_at=starts_at,
        claim_ends_at=ends_at,
        usable_from=starts_at,
        usable_until=ends_at,
        limit_per_shopper=limit,
        published_at=starts_at,
        created_at=starts_at,
    )


def _category_names(product_ids: Mapping[int, int]) -> dict[int, CategoryName]:
    """Returns the shelf's names by product number."""
    shelves = {
        pk: CategoryName(english, chinese)
        for pk, english, chinese in Category.objects.values_list("pk", "name_en", "name_zh")
    }
    category_of = dict(Product.objects.values_list("pk", "category_id"))
    return {number: shelves[category_of[pk]] for number, pk in product_ids.items()}


def _commonest(names: Iterator[CategoryName]) -> tuple[CategoryName, bool]:
    """Returns the shelf of most products, and whether all lie on it."""
    counts = Counter(names)
    ((name, _),) = sorted(counts.items(), key=lambda item: (-item[1], item[0].en))[:1]
    return name, len(counts) == 1


def _scope_rows(
    promotions: Promotions, coupons: Mapping[CouponKey, Coupon], product_ids: Mapping[int, int]
) -> Iterator[tuple[Any, ...]]:
    for key, covered in promotions.coverage.items():
        for product_id in sorted(covered):
            if product_id in product_ids:
                yield coupons[key].pk, ScopeMode.INCLUDE.value, product_ids[product_id]
