"""Every kind of condition by the code under which it is stored."""

from collections.abc import Callable, Mapping
from typing import Any

from coupons.pricing.conditions.base import Condition
from coupons.pricing.conditions.buyer import Audience, NewShopper, OrderNumber
from coupons.pricing.conditions.contains import Contains, ContainsNone, ContainsWorth
from coupons.pricing.conditions.minimum_quantity import MinimumQuantity
from coupons.pricing.conditions.minimum_spend import MinimumSpend
from coupons.pricing.conditions.place import Channel, Region
from coupons.pricing.conditions.weekday_and_hour import WeekdayAndHour

CONDITIONS: Mapping[str, Callable[..., Condition]] = {
    "minimum_spend": MinimumSpend,
    "minimum_quantity": MinimumQuantity,
    "contains": Contains,
    "contains_worth": ContainsWorth,
    "contains_none": ContainsNone,
    "order_number": OrderNumber,
    "new_shopper": NewShopper,
    "audience": Audience,
    "weekday_and_hour": WeekdayAndHour,
    "channel": Channel,
    "region": Region,
}


def make_condition(kind: str, **parameters: Any) -> Condition:
    """Build the condition stored as ``kind`` from its parameters.

    Raises:
        ValueError: on an unknown kind, unknown or missing parameters, or impossible values.
    """
    if kind not in CONDITIONS:
        raise ValueError(f"unknown kind of condition: {kind!r}")
    try:
        return CONDITIONS[kind](**parameters)
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from error
