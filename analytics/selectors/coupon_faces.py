"""What a coupon takes off, as one number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from django.db.models import Avg
from numpy.typing import NDArray

from coupons.models import Coupon, Order

# Of a basket, where a coupon's terms name neither an amount nor a percentage.
USUAL_SHARE = 0.1


def usual_basket(*, until: datetime) -> float:
    """Returns the mean of what paid orders came to before a moment, in minor units; 0 without orders."""
    mean = Order.objects.filter(redeemed_at__lt=until).aggregate(mean=Avg("payable"))["mean"]
    return float(mean or 0)


def coupon_faces(*, coupon_ids: Sequence[int], basket: float) -> NDArray[np.float64]:
    """Returns what each coupon takes off a usual basket, in minor units, in the order of `coupon_ids`.

    An amount off is itself; a percentage is taken of the basket or of the minimum spend, whichever is more, up to its
    cap; of everything else a tenth of the basket is assumed.
    """
    coupons = Coupon.objects.in_bulk(coupon_ids)
    return np.array([_face(coupons[pk], basket) for pk in coupon_ids], dtype=np.float64)


def _face(coupon: Coupon, basket: float) -> float:
    if coupon.amount_off is not None:
        return float(coupon.amount_off)
    base = max(basket, float(coupon.minimum_spend))
    share = float(coupon.percent_off) / 100 if coupon.percent_off is not None else USUAL_SHARE
    face = base * share
    return min(face, float(coupon.discount_cap)) if coupon.discount_cap is not None else face
