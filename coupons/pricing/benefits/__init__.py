"""What an offer gives: one file and one registry line per kind of benefit."""

from coupons.pricing.benefits.amount_off import AmountOff
from coupons.pricing.benefits.application import Application
from coupons.pricing.benefits.base import (
    Benefit,
    DiscountableLine,
    EligiblePart,
    Gift,
    Grant,
    ReachingBenefit,
    UsedUnits,
)
from coupons.pricing.benefits.bundle_price import BundlePrice
from coupons.pricing.benefits.buy_x_get_y import BuyXGetY
from coupons.pricing.benefits.cash import Cash
from coupons.pricing.benefits.every_amount_off import EveryAmountOff
from coupons.pricing.benefits.fixed_price import FixedPrice
from coupons.pricing.benefits.fixed_total import FixedTotal
from coupons.pricing.benefits.gift_item import GiftItem
from coupons.pricing.benefits.percent_off import PercentOff
from coupons.pricing.benefits.registry import BENEFITS, make_benefit
from coupons.pricing.benefits.shipping_off import ShippingOff
from coupons.pricing.benefits.tiered import Tier, TierBasis, Tiered

__all__ = [
    "BENEFITS",
    "AmountOff",
    "Application",
    "Benefit",
    "BundlePrice",
    "BuyXGetY",
    "Cash",
    "DiscountableLine",
    "EligiblePart",
    "EveryAmountOff",
    "FixedPrice",
    "FixedTotal",
    "Gift",
    "GiftItem",
    "Grant",
    "PercentOff",
    "ReachingBenefit",
    "ShippingOff",
    "Tier",
    "TierBasis",
    "Tiered",
    "UsedUnits",
    "make_benefit",
]
