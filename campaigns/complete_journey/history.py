"""Campaigns, orders and claims in one transaction: they point to each other, so that half of them is worth nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from statistics import median_low
from typing import Any

from campaigns.complete_journey.campaigns import load_campaigns
from campaigns.complete_journey.catalogue import fuel_products
from campaigns.complete_journey.claims import (
    PlannedClaim,
    assign_claim_ids,
    limits_of,
    load_claims,
    plan_claims,
    write_used_up_stock,
)
from campaigns.complete_journey.conversion import to_shop_time
from campaigns.complete_journey.matching import Evidence, FaceValues, Match, match_redemptions
from campaigns.complete_journey.orders import EVENT_FIELDS, EVENT_SENDER, History, ReceiptReader, load_orders
from campaigns.complete_journey.promotions import CouponKey, Promotions
from campaigns.complete_journey.shoppers import shopper_ids
from campaigns.complete_journey.source import Basket, Households, read_baskets
from config.kernel.bulk import copy_rows
from config.kernel.clock import end_of_shop_day, start_of_shop_day
from config.kernel.progress import progress
from coupons.enums import BenefitType, CouponStatus
from coupons.models import Coupon, OrderLineDiscount, Product
from users.enums import BehaviourKind
from users.models import BehaviourEvent

NOON = time(12)
FIRST_DAY, LAST_DAY = date(2017, 1, 1), date(2017, 12, 31)


def load_history(*, households: Households, promotions: Promotions, now: datetime) -> dict[str, int]:
    """Writes campaigns, coupons, orders, claims, redemptions and events; returns what became of what."""
    shoppers = shopper_ids()
    products = {int(sku): pk for sku, pk in Product.objects.values_list("sku", "pk") if sku.isdigit()}
    matches, faces = _match(promotions)
    claims = plan_claims(promotions, matches)
    assign_claim_ids(claims)
    coupons = load_campaigns(
        promotions=promotions, faces=faces, limits=limits_of(claims), shopper_ids=shoppers, product_ids=products
    )
    reader = ReceiptReader(claims=claims, coverage=promotions.coverage, faces=faces, fuel=fuel_products())
    history = load_orders(
        baskets=progress(
            read_baskets(set(households.first_bought_at) if households.is_sample else None),
            label="Orders",
            total=households.basket_count,
            unit="order",
        ),
        reader=reader,
        shopper_ids=shoppers,
        product_ids=products,
        now=now,
    )
    amounts: Counter[int] = Counter()
    for _, claim_id, amount in history.discounts:
        if claim_id is not None:
            amounts[claim_id] += amount
    load_claims(claims=claims, coupons=coupons, shopper_ids=shoppers, orders=history.placed, amounts=amounts)
    other = _coupon_of_unknown_campaigns(median_low(reader.unclaimed_amounts or [1]))
    _write_line_discounts(history, claims, coupons, other)
    copy_rows(
        BehaviourEvent,
        EVENT_FIELDS,
        _redemption_events(matches, claims, coupons, history, shoppers, amounts, now),
    )
    return _report(promotions, matches, claims, history)


def _match(promotions: Promotions) -> tuple[list[Match], FaceValues]:
    redeemers = {redemption.household_id for redemption in promotions.redemptions}
    days = {(redemption.household_id, redemption.redeemed_on) for redemption in promotions.redemptions}
    baskets: dict[int, Basket] = {
        basket.basket_id: basket
        for basket in progress(read_baskets(redeemers), label="Matching redemptions", unit="receipt")
        if (basket.household_id, basket.store_date) in days
    }
    matches = match_redemptions(promotions.redemptions, baskets.values(), promotions.coverage)
    return matches, FaceValues(matches, baskets)


def _write_line_discounts(
    history: History, claims: Iterable[PlannedClaim], coupons: Mapping[CouponKey, Coupon], other: Coupon
) -> None:
    coupon_of: dict[int | None, int] = {claim.claim_id: coupons[claim.coupon].pk for claim in claims}
    coupon_of[None] = other.pk
    copy_rows(
        OrderLineDiscount,
        ["line_id", "coupon_id", "claim_id", "amount"],
        ((line_id, coupon_of[claim_id], claim_id, amount) for line_id, claim_id, amount in history.discounts),
    )


def _coupon_of_unknown_campaigns(amount: int) -> Coupon:
    """Writes the one coupon that stands for all that came from newspapers and packages, without a claim."""
    starts_at, ends_at = start_of_shop_day(FIRST_DAY), end_of_shop_day(LAST_DAY)
    coupon = Coupon.objects.create(
        title_en="Manufacturers' coupons from outside any campaign",
        title_zh="活动之外的厂商优惠券",
        description_en="Stands for all coupons that tills took in 2017 without a campaign being known; nobody claimed "
        "them here. Its amount is the median of what they took off a line.",
        description_zh="代表 2017 年收银台收取、但不属于任何已知活动的全部优惠券;没有领取记录。"
        "金额为每行抵扣的中位数。",
        status=CouponStatus.ENDED,
        benefit_type=BenefitType.AMOUNT_OFF,
        amount_off=amount,
        claim_starts_at=starts_at,
        claim_ends_at=ends_at,
        usable_until=ends_at,
        published_at=starts_at,
        created_at=starts_at,
    )
    write_used_up_stock({coupon: 0})
    return coupon


def _redemption_events(
    matches: Iterable[Match],
    claims: Iterable[PlannedClaim],
    coupons: Mapping[CouponKey, Coupon],
    history: History,
    shoppers: Mapping[int, int],
    amounts: Mapping[int, int],
    now: datetime,
) -> Iterator[tuple[Any, ...]]:
    """Yields an event for every redemption, also for one of which no receipt is known (at noon of its day)."""
    claim_of = {id(claim.match): claim.claim_id for claim in claims if claim.match is not None}
    for match in matches:
        household_id, key, day = match.redemption
        order = None if match.basket_id is None else history.placed[match.basket_id]
        noon = to_shop_time(datetime.combine(day, NOON))
        amount = amounts.get(claim_of.get(id(match), 0))
        data = {"campaign": f"cj-{key.campaign_id}", "evidence": match.evidence.value}
        yield (
            EVENT_SENDER,
            f"redeem:{household_id}:{key.upc}:{key.campaign_id}:{day:%Y%m%d}",
            shoppers[household_id],
            BehaviourKind.REDEEM.value,
            "" if match.product_id is None else str(match.product_id),
            coupons[key].public_id,
            amount,
            data,
            order.placed_at if order else noon,
            now,
        )


def _report(
    promotions: Promotions, matches: Iterable[Match], claims: Iterable[PlannedClaim], history: History
) -> dict[str, int]:
    evidence = Counter(match.evidence for match in matches)
    states = Counter("redeemed" if claim.match else "expired" for claim in claims)
    tally = history.tally
    return {
        "campaigns": len(promotions.campaigns),
        "coupons": len(promotions.coverage),
        "recipients": sum(len(recipients) for recipients in promotions.recipients.values()),
        "duplicate coupon rows left out": promotions.duplicate_coverage_rows,
        "receipt rows": tally.rows,
        "of them sold": tally.sold_rows,
        "of them coupons on lines of their own": tally.coupon_rows,
        "of them empty": tally.empty_rows,
        "receipts without a sale left out": tally.empty_receipts,
        "orders": tally.orders,
        "order lines": tally.lines,
        "line discounts": len(history.discounts),
        "coupon money beyond a whole receipt": tally.dropped_discount,
        "claims redeemed": states["redeemed"],
        "claims expired": states["expired"],
        **{f"redemptions found by {kind.value}": evidence[kind] for kind in Evidence},
    }
