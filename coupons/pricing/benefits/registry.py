"""Every kind of benefit by the code under which it is stored."""

from collections.abc import Callable, Mapping
from typing import Any

from coupons.pricing.benefits.amount_off import AmountOff
from coupons.pricing.benefits.base import Benefit
from coupons.pricing.benefits.bundle_price import BundlePrice
from coupons.pricing.benefits.buy_x_get_y import BuyXGetY
from coupons.pricing.benefits.cash import Cash
from coupons.pricing.benefits.every_amount_off import EveryAmountOff
from coupons.pricing.benefits.fixed_price import FixedPrice
from coupons.pricing.benefits.fixed_total import FixedTotal
from coupons.pricing.benefits.gift_item import GiftItem
from coupons.pricing.benefits.percent_off import PercentOff
from coupons.pricing.benefits.shipping_off import ShippingOff
from coupons.pricing.benefits.tiered import Tiered

BENEFITS: Mapping[str, Callable[..., Benefit]] = {
    "amount_off": AmountOff,
    "percent_off": PercentOff,
    "every_amount_off": EveryAmountOff,
    "tiered": Tiered,
    "fixed_price": FixedPrice,
    "fixed_total": FixedTotal,
    "bundle_price": BundlePrice,
    "buy_x_get_y": BuyXGetY,
    "gift_item": GiftItem,
    "shipping_off": ShippingOff,
    "cash": Cash,
}


def make_benefit(kind: str, **parameters: Any) -> Benefit:
    """Build the benefit stored as ``kind`` from its parameters.

    Raises:
        ValueError: on an unknown kind, unknown or missing parameters, or impossible values.
    """
    if kind not in BENEFITS:
        raise ValueError(f"unknown kind of benefit: {kind!r}")
    try:
        return BENEFITS[kind](**parameters)
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from error
