"""Who held which coupon and what became of it: claims, their ledger, redemptions and stock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.complete_journey.matching import Evidence, Match
from campaigns.complete_journey.promotions import CouponKey, Promotions
from config.kernel.bulk import IdSource, copy_rows
from config.kernel.clock import shop_date
from config.kernel.ids import uuid7
from config.kernel.progress import progress
from coupons.enums import ClaimChannel, ClaimState, RedemptionEntryKind, StockMovementKind
from coupons.models import (
    Claim,
    ClaimCounter,
    ClaimEntry,
    Coupon,
    Redemption,
    RedemptionEntry,
    Stock,
    StockBucket,
    StockMovement,
)

REASON = "complete journey"
CLAIM_FIELDS = [
    "id",
    "public_id",
    "coupon_id",
    "shopper_id",
    "ordinal",
    "state",
    "channel",
    "claimed_at",
    "usable_from",
    "expires_at",
    "order_id",
]


@dataclass(slots=True)
class PlannedClaim:
    """A claim to be written: redeemed when it has a match, expired otherwise."""

    household_id: int
    coupon: CouponKey
    ordinal: int
    match: Match | None
    claim_id: int = 0


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order that coupons were redeemed on."""

    order_id: int
    placed_at: datetime


def plan_claims(promotions: Promotions, matches: Iterable[Match]) -> list[PlannedClaim]:
    """Returns every claim that the package proves.

    Of a campaign whose recipients got everything these are all coupons of all recipients, of the others only
    the redeemed ones. A coupon redeemed nobody knows where is none: it did not expire, and no order holds it.
    """
    found: defaultdict[tuple[int, CouponKey], list[Match]] = defaultdict(list)
    for match in sorted(matches, key=lambda one: one.redemption):
        found[match.redemption.household_id, match.redemption.coupon].append(match)
    claims: list[PlannedClaim] = []
    for campaign in promotions.campaigns.values():
        coupons = promotions.coupons_of(campaign.campaign_id)
        for household_id in promotions.recipients[campaign.campaign_id]:
            for coupon in coupons:
                redeemed = found.get((household_id, coupon), [])
                on_orders = [match for match in redeemed if match.evidence != Evidence.NONE]
                claims += [
                    PlannedClaim(household_id, coupon, ordinal, match)
                    for ordinal, match in enumerate(on_orders, start=1)
                ]
                if campaign.is_for_everybody and not redeemed:
                    claims.append(PlannedClaim(household_id, coupon, 1, None))
    return claims


def limits_of(claims: Iterable[PlannedClaim]) -> dict[CouponKey, int]:
    """Returns the most claims that one shopper has of each coupon."""
    limits: dict[CouponKey, int] = {}
    for claim in claims:
        limits[claim.coupon] = max(limits.get(claim.coupon, 1), claim.ordinal)
    return limits


def load_claims(
    *,
    claims: list[PlannedClaim],
    coupons: Mapping[CouponKey, Coupon],
    shopper_ids: Mapping[int, int],
    orders: Mapping[int, PlacedOrder],
    amounts: Mapping[int, int],
) -> None:
    """Writes claims with their ledgers, counters, redemptions and the stock that they came from.

    Args:
        orders: by basket number, those that claims were redeemed on.
        amounts: what each claim took off its order, by claim.
    """
    copy_rows(
        Claim,
        CLAIM_FIELDS,
        progress(
            (_claim_row(claim, coupons[claim.coupon], shopper_ids, orders) for claim in claims),
            label="Claims",
            total=len(claims),
            unit="claim",
        ),
    )
    copy_rows(
        ClaimEntry,
        ["claim_id", "from_state", "to_state", "order_id", "reason", "data", "created_at"],
        (row for claim in claims for row in _entry_rows(claim, coupons[claim.coupon], orders)),
    )
    _write_counters(claims, coupons, shopper_ids)
    _write_redemptions(claims, coupons, orders, amounts)
    counts = Counter(claim.coupon for claim in claims)
    write_used_up_stock({coupon: counts[key] for key, coupon in coupons.items()})


def write_used_up_stock(released: Mapping[Coupon, int]) -> None:
    """Gives coupons exactly the stock that was handed out, so that nothing is left of it."""
    Stock.objects.bulk_create(Stock(coupon=coupon, released=count) for coupon, count in released.items())
    StockBucket.objects.bulk_create(StockBucket(coupon=coupon, number=0, remaining=0) for coupon in released)
    StockMovement.objects.bulk_create(
        StockMovement(
            coupon=coupon,
            kind=StockMovementKind.RELEASED,
            quantity=count,
            reason=REASON,
            created_at=coupon.claim_starts_at,
        )
        for coupon, count in released.items()
        if count
    )


def _order_of(claim: PlannedClaim, orders: Mapping[int, PlacedOrder]) -> PlacedOrder | None:
    return None if claim.match is None or claim.match.basket_id is None else orders[claim.match.basket_id]


def _claim_row(
    claim: PlannedClaim, coupon: Coupon, shopper_ids: Mapping[int, int], orders: Mapping[int, PlacedOrder]
) -> tuple[Any, ...]:
    order = _order_of(claim, orders)
    return (
        claim.claim_id,
        uuid7(),
        coupon.pk,
        shopper_ids[claim.household_id],
        claim.ordinal,
        (ClaimState.REDEEMED if order else ClaimState.EXPIRED).value,
        ClaimChannel.GRANT.value,
        coupon.claim_starts_at,
        coupon.claim_starts_at,
        coupon.claim_ends_at,
        order.order_id if order else None,
    )


def _entry_rows(claim: PlannedClaim, coupon: Coupon, orders: Mapping[int, PlacedOrder]) -> Iterator[tuple[Any, ...]]:
    available, locked = ClaimState.AVAILABLE.value, ClaimState.LOCKED.value
    yield claim.claim_id, "", available, None, "claimed", {}, coupon.claim_starts_at
    order = _order_of(claim, orders)
    if order is None or claim.match is None:
        yield claim.claim_id, available, ClaimState.EXPIRED.value, None, "expired", {}, coupon.claim_ends_at
        return
    data = {"evidence": claim.match.evidence.value}
    yield claim.claim_id, available, locked, order.order_id, "order_locked", data, order.placed_at
    yield claim.claim_id, locked, ClaimState.REDEEMED.value, order.order_id, "order_redeemed", data, order.placed_at


def _write_counters(
    claims: Iterable[PlannedClaim], coupons: Mapping[CouponKey, Coupon], shopper_ids: Mapping[int, int]
) -> None:
    counts = Counter((claim.coupon, claim.household_id) for claim in claims)
    copy_rows(
        ClaimCounter,
        ["coupon_id", "shopper_id", "claimed", "day", "claimed_on_day"],
        (
            (
                coupons[key].pk,
                shopper_ids[household_id],
                count,
                shop_date(coupons[key].claim_starts_at),
                count,
            )
            for (key, household_id), count in counts.items()
        ),
    )


def _write_redemptions(
    claims: Iterable[PlannedClaim],
    coupons: Mapping[CouponKey, Coupon],
    orders: Mapping[int, PlacedOrder],
    amounts: Mapping[int, int],
) -> None:
    redeemed = [(claim, order) for claim in claims if (order := _order_of(claim, orders))]
    redemptions = Redemption.objects.bulk_create(
        Redemption(
            coupon_id=coupons[claim.coupon].pk,
            claim_id=claim.claim_id,
            order_id=order.order_id,
            amount=amounts.get(claim.claim_id, 0),
            redeemed_at=order.placed_at,
        )
        for claim, order in redeemed
    )
    RedemptionEntry.objects.bulk_create(
        RedemptionEntry(
            redemption=redemption,
            kind=RedemptionEntryKind.REDEEMED,
            amount=redemption.amount,
            created_at=redemption.redeemed_at,
        )
        for redemption in redemptions
    )


def assign_claim_ids(claims: Iterable[PlannedClaim]) -> None:
    """Gives the planned claims their primary keys, so that order lines can point to them."""
    ids = IdSource(Claim)
    for claim in claims:
        claim.claim_id = ids.take()
