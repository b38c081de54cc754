"""What an order does not use of cash stays in the wallet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from coupons.enums import BenefitType, ClaimChannel, ClaimState
from coupons.models import Claim, ClaimEntry


def keep_rests(*, claims: Sequence[Claim], used: Mapping[int, int], now: datetime) -> list[Claim]:
    """Puts the rests of partly used cash into the wallet as claims of their own, with the same end.

    The used claim is from then on worth what was used of it, so that a refund gives back just that. Cash whose
    coupon is not partly usable forfeits its rest.

    Args:
        used: what the order took of each claim in minor units, by primary key.

    Returns:
        The new claims.
    """
    rests = []
    for claim in claims:
        worth = _worth_of_cash(claim)
        if worth is None or used[claim.pk] >= worth:
            continue
        claim.amount_off = used[claim.pk]
        claim.save(update_fields=["amount_off"])
        rests.append(_rest_of(claim, worth - used[claim.pk], now))
    ClaimEntry.objects.bulk_create(
        ClaimEntry(
            claim=rest,
            to_state=ClaimState.AVAILABLE,
            reason="rest_kept",
            data={"source": str(rest.source.public_id), "used": used[rest.source.pk], "rest": rest.amount_off},
            created_at=now,
        )
        for rest in rests
        if rest.source is not None
    )
    return rests


def _worth_of_cash(claim: Claim) -> int | None:
    coupon = claim.coupon_as_held
    return coupon.amount_off if coupon.benefit_type == BenefitType.CASH and coupon.is_partly_usable else None


def _rest_of(claim: Claim, amount: int, now: datetime) -> Claim:
    return Claim.objects.create(
        coupon=claim.coupon,
        shopper_id=claim.shopper_id,
        channel=ClaimChannel.REST,
        source=claim,
        amount_off=amount,
        minimum_spend=claim.minimum_spend,
        gift_depth=claim.gift_depth,
        claimed_at=now,
        usable_from=claim.usable_from,
        expires_at=claim.expires_at,
    )
