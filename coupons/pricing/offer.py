"""A coupon as the engine sees it: what it gives, on which terms, and when it is its turn."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from coupons.pricing.benefits.base import Benefit, ReachingBenefit
from coupons.pricing.conditions.base import Condition
from coupons.pricing.scope import EVERYTHING, Scope


class Phase(IntEnum):
    """When an offer is applied; a lower phase is finished before the next one starts."""

    ITEM_PRICE = 1
    PRODUCT = 2
    ORDER = 3
    SHIPPING = 4
    RED_PACKET = 5
    POINTS = 6


# Flash prices, red packets and points are prices and money, not coupons: an exclusive coupon
# neither forbids them nor is forbidden by them.
COUPON_PHASES = frozenset({Phase.PRODUCT, Phase.ORDER, Phase.SHIPPING})


class ThresholdBase(StrEnum):
    """Which amounts conditions, tiers and steps look at."""

    # After earlier phases, before anything of the offer's own phase.
    CURRENT = "current"
    # List prices, before any offer.
    INITIAL = "initial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One coupon that a shopper would like to use, or one automatic promotion.

    Args:
        offer_id: the caller's name for this use, e.g. of the claim; unique among the offers.
        coupon_id: the coupon behind it; several offers may come from one coupon.
        benefit: what it gives.
        phase: when it is applied.
        conditions: all must hold.
        scope: the products it counts and discounts.
        priority: within a phase the higher is applied first.
        stacking_group: at most one offer of a non-empty group applies to an order.
        exclusive: applies only as the order's one coupon.
        threshold_base: which amounts conditions, tiers and steps look at.
        is_automatic: a promotion that applies without being chosen; it is settled like any other offer.
        consumes_units: it sees only units that no offer used up, and uses up all of its scope.
        usable_from: first moment of use, aware; None for always.
        expires_at: first moment at which it is no longer usable, aware; None for never.

    Raises:
        ValueError: on an empty ``offer_id`` or a naive moment.
    """

    offer_id: str
    coupon_id: str
    benefit: Benefit
    phase: Phase
    conditions: tuple[Condition, ...] = ()
    scope: Scope = EVERYTHING
    priority: int = 0
    stacking_group: str = ""
    exclusive: bool = False
    threshold_base: ThresholdBase = ThresholdBase.CURRENT
    is_automatic: bool = False
    consumes_units: bool = False
    usable_from: datetime | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.offer_id:
            raise ValueError("offer_id must not be empty")
        for moment in (self.usable_from, self.expires_at):
            if moment is not None and moment.utcoffset() is None:
                raise ValueError("moments must be aware of their time zone")

    @property
    def is_coupon(self) -> bool:
        """Whether exclusivity concerns this offer."""
        return self.phase in COUPON_PHASES

    @property
    def must_be_alone(self) -> bool:
        """Whether it shares an order with no other coupon."""
        return self.exclusive and self.is_coupon

    @property
    def get_scope(self) -> Scope | None:
        """Products that its benefit may discount beyond its scope."""
        return self.benefit.get_scope if isinstance(self.benefit, ReachingBenefit) else None
