"""Every kind of benefit by the code under which it is stored."""

from collections.abc import Callable, Mapping
from typing import Any

from coupons.pricing.benefits.amount_off import AmountOff
from coupons.pricing.benefits.base import Benefit
from coupons.pricing.benefits.percent_off import PercentOff

BENEFITS: Mapping[str, Callable[..., Benefit]] = {
    "amount_off": AmountOff,
    "percent_off": PercentOff,
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
