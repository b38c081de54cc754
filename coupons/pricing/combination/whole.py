"""Benefits that look at sums only: what they take is one number, which is then spread over the lines."""

from coupons.pricing.benefits import (
    AmountOff,
    Application,
    Benefit,
    Cash,
    EveryAmountOff,
    FixedTotal,
    PercentOff,
    Tiered,
)
from coupons.pricing.benefits.tiered import TierBasis
from coupons.pricing.whole_numbers import share_of


def looks_at_sums_only(benefit: Benefit) -> bool:
    """Whether ``whole_amount`` knows all that the benefit does."""
    if isinstance(benefit, AmountOff | PercentOff):
        is_limited = benefit.maximum_units is not None or benefit.maximum_units_per_line is not None
        return benefit.application is Application.WHOLE and not is_limited
    return isinstance(benefit, Cash | EveryAmountOff | FixedTotal | Tiered)


def whole_amount(benefit: Benefit, *, now: int, listed: int, base: int, units: int) -> int:
    """What such a benefit takes where there is room enough; the twin of its ``grant`` without the lines.

    Args:
        now: what the covered lines cost now, in minor units.
        listed: what they cost before any offer.
        base: what they cost on the threshold base.
        units: how many they are.
    """
    if isinstance(benefit, AmountOff | Cash):
        return benefit.amount
    if isinstance(benefit, PercentOff):
        return _at_most(benefit.cap, share_of(listed if benefit.of_list_price else now, benefit.basis_points))
    if isinstance(benefit, EveryAmountOff):
        return _at_most(benefit.cap, base // benefit.every * benefit.amount)
    if isinstance(benefit, Tiered):
        gains = tier_amounts(benefit, now=now, base=base, units=units)
        return gains[max(gains)] if gains else 0
    assert isinstance(benefit, FixedTotal)
    return max(0, now - benefit.total)


def tier_amounts(benefit: Tiered, *, now: int, base: int, units: int) -> dict[int, int]:
    """What each tier that is reached would take, by its minimum."""
    counted = base if benefit.counts is TierBasis.AMOUNT else units
    return {
        tier.minimum: _at_most(
            benefit.cap, share_of(now, tier.basis_points) if tier.basis_points is not None else tier.amount or 0
        )
        for tier in benefit.tiers
        if tier.minimum <= counted
    }


def _at_most(cap: int | None, amount: int) -> int:
    return amount if cap is None else min(amount, cap)
