"""What an offer takes off: one file and one registry line per kind of benefit."""

from coupons.pricing.benefits.amount_off import AmountOff
from coupons.pricing.benefits.base import Benefit, DiscountableLine, EligiblePart, Grant
from coupons.pricing.benefits.percent_off import PercentOff
from coupons.pricing.benefits.registry import BENEFITS, make_benefit

__all__ = [
    "BENEFITS",
    "AmountOff",
    "Benefit",
    "DiscountableLine",
    "EligiblePart",
    "Grant",
    "PercentOff",
    "make_benefit",
]
