"""Keeping a share of the shoppers without a coupon, so that what it earns can be measured."""

from __future__ import annotations

from django.db import transaction

from config.kernel.lots import border_of
from coupons.enums import CouponStatus, Handout
from coupons.errors import HoldoutFixed
from coupons.models import Coupon


def coupon_hold_out(*, coupon: Coupon, salt: str, percent: int) -> None:
    """Keeps so many percent of the shoppers without a draft coupon, by lot.

    An automatic discount is claimed by nobody and has no holdout.

    Args:
        salt: of the split; coupons that share it keep the same shoppers out.
        percent: 0 to 50.

    Raises:
        HoldoutFixed: it was published: whoever has it already cannot be held out.
    """
    with transaction.atomic():
        drafts = Coupon.objects.select_for_update().filter(pk=coupon.pk, status=CouponStatus.DRAFT)
        if drafts.first() is None:
            raise HoldoutFixed
        if coupon.handout != Handout.AUTOMATIC:
            drafts.update(holdout_salt=salt if percent else "", holdout_below=border_of(percent / 100))
