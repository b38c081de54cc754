"""What a cart must meet: one file and one registry line per kind of condition."""

from coupons.pricing.conditions.base import Condition, ConditionFacts
from coupons.pricing.conditions.minimum_spend import MinimumSpend
from coupons.pricing.conditions.registry import CONDITIONS, make_condition

__all__ = ["CONDITIONS", "Condition", "ConditionFacts", "MinimumSpend", "make_condition"]
