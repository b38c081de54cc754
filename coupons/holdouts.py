"""Who is kept without a coupon so that its effect can be measured."""

from __future__ import annotations

from config.kernel.lots import lot_of
from coupons.models import Coupon


def is_held_out(coupon: Coupon, shopper_id: int) -> bool:
    """Tells whether a shopper belongs to the coupon's holdout; follows from the coupon's row alone."""
    return bool(coupon.holdout_below) and lot_of(coupon.holdout_salt, shopper_id) < coupon.holdout_below
