"""The pricing engine: a cart and offers in, a quote out. Integers only, no Django, no clock."""

from coupons.pricing.benefits import AmountOff, Benefit, PercentOff, make_benefit
from coupons.pricing.cart import Cart, CartLine
from coupons.pricing.conditions import Condition, MinimumSpend, make_condition
from coupons.pricing.engine import evaluate_each, price_cart
from coupons.pricing.offer import EVERYTHING, Offer, Phase, Scope, ThresholdBase
from coupons.pricing.quote import Applied, LineDiscount, Outcome, Quote, QuotedLine, Refused
from coupons.pricing.refusal import RefusalCode, RefusalData, Unmet

__all__ = [
    "EVERYTHING",
    "AmountOff",
    "Applied",
    "Benefit",
    "Cart",
    "CartLine",
    "Condition",
    "LineDiscount",
    "MinimumSpend",
    "Offer",
    "Outcome",
    "PercentOff",
    "Phase",
    "Quote",
    "QuotedLine",
    "RefusalCode",
    "RefusalData",
    "Refused",
    "Scope",
    "ThresholdBase",
    "Unmet",
    "evaluate_each",
    "make_benefit",
    "make_condition",
    "price_cart",
]
