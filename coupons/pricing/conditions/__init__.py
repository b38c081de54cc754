"""What a cart must meet: one registry line per kind of condition."""

from coupons.pricing.conditions.base import Condition, ConditionFacts
from coupons.pricing.conditions.buyer import Audience, NewShopper, OrderNumber
from coupons.pricing.conditions.contains import Contains, ContainsNone, ContainsWorth
from coupons.pricing.conditions.minimum_quantity import MinimumQuantity
from coupons.pricing.conditions.minimum_spend import MinimumSpend
from coupons.pricing.conditions.place import Channel, Region
from coupons.pricing.conditions.registry import CONDITIONS, make_condition
from coupons.pricing.conditions.weekday_and_hour import WeekdayAndHour

__all__ = [
    "CONDITIONS",
    "Audience",
    "Channel",
    "Condition",
    "ConditionFacts",
    "Contains",
    "ContainsNone",
    "ContainsWorth",
    "MinimumQuantity",
    "MinimumSpend",
    "NewShopper",
    "OrderNumber",
    "Region",
    "WeekdayAndHour",
    "make_condition",
]
