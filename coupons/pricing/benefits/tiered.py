"""The more is bought, the more is taken off."""

from dataclasses import dataclass
from enum import StrEnum

from coupons.pricing.benefits.base import EligiblePart, Grant
from coupons.pricing.whole_numbers import require_share, require_whole, require_whole_or_none, share_of


class TierBasis(StrEnum):
    """What tiers count."""

    AMOUNT = "amount"
    QUANTITY = "quantity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One step: from ``minimum`` on (minor units or units), an amount or a share off.

    Raises:
        ValueError: without exactly one of ``amount`` and ``basis_points``, or on a number out of range.
    """

    minimum: int
    amount: int | None = None
    basis_points: int | None = None

    def __post_init__(self) -> None:
        require_whole("minimum", self.minimum, at_least=0)
        require_whole_or_none("amount", self.amount, at_least=1)
        if self.basis_points is not None:
            require_share("basis_points", self.basis_points)
        if (self.amount is None) == (self.basis_points is None):
            raise ValueError("a tier takes off either an amount or a share")


@dataclass(frozen=True, slots=True)
class Tiered:
    """The highest tier that is reached; reaching it exactly is enough.

    Args:
        tiers: in any order, each with a minimum of its own.
        counts: the amount on the threshold base, or the units.
        cap: the most to take off, in minor units.

    Raises:
        ValueError: without tiers, on two of one minimum, or on a cap under 1.
    """

    tiers: tuple[Tier, ...]
    counts: TierBasis = TierBasis.AMOUNT
    cap: int | None = None

    def __post_init__(self) -> None:
        if not self.tiers or len({tier.minimum for tier in self.tiers}) != len(self.tiers):
            raise ValueError("tiers need a minimum each of its own")
        require_whole_or_none("cap", self.cap, at_least=1)
        object.__setattr__(self, "counts", TierBasis(self.counts))

    def grant(self, part: EligiblePart) -> Grant:
        """Take what the highest tier gives; a share is one of what the lines cost now."""
        counted = part.base_amount if self.counts is TierBasis.AMOUNT else part.quantity
        reached = [tier for tier in self.tiers if tier.minimum <= counted]
        if not reached:
            return part.nothing()
        tier = max(reached, key=lambda tier: tier.minimum)
        amount = tier.amount if tier.basis_points is None else share_of(part.amount, tier.basis_points)
        assert amount is not None
        return part.spread(amount if self.cap is None else min(amount, self.cap))
