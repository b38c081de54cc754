"""The shoppers whom a campaign leaves out, so that it can be told what it earned."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress

from campaigns.enums import CampaignStatus
from campaigns.errors import HoldoutTooLate
from campaigns.models import Campaign
from coupons.enums import AudienceKind, CouponStatus, Handout
from coupons.errors import HoldoutFixed
from coupons.models import Coupon
from coupons.services.holdouts import coupon_hold_out

# Of a campaign for chosen shoppers, unless its marketer says otherwise: little is lost, and in a campaign for thousands
# the effect shows.
USUAL_PERCENT = 10


def campaign_hold_out(*, campaign: Campaign, coupons: Iterable[Coupon]) -> None:
    """Holds shoppers out from the drafts of a campaign that is being published; call it before they are.

    Without a choice of the marketer a tenth is held out from a campaign all of whose coupons are for chosen shoppers,
    nobody from one that has something for everyone. Coupons that were published before stay open to whom they were.

    Args:
        campaign: gets its percentage and salt; the caller saves it.
        coupons: those of the campaign that have not ended.

    Raises:
        HoldoutTooLate: a holdout was asked for, and none of the coupons can have one.
    """
    drafts = [
        coupon for coupon in coupons if coupon.status == CouponStatus.DRAFT and coupon.handout != Handout.AUTOMATIC
    ]
    percent = campaign.holdout_percent
    if percent is None:
        is_targeted = bool(drafts) and all(coupon.audience != AudienceKind.EVERYONE for coupon in drafts)
        percent = USUAL_PERCENT if is_targeted else 0
    if percent and not drafts:
        raise HoldoutTooLate
    campaign.holdout_percent, campaign.holdout_salt = percent, secrets.token_hex(16)
    for coupon in drafts:
        coupon_hold_out(coupon=coupon, salt=campaign.holdout_salt, percent=percent)


def campaign_hold_out_later(*, campaign: Campaign) -> None:
    """Holds the same shoppers out from drafts that were added to a campaign after it was published."""
    if campaign.status == CampaignStatus.DRAFT or not campaign.holdout_percent:
        return
    for coupon in campaign.coupons.filter(status=CouponStatus.DRAFT).order_by("pk"):
        # One that is published at this very moment has escaped it.
        with suppress(HoldoutFixed):
            coupon_hold_out(coupon=coupon, salt=campaign.holdout_salt, percent=campaign.holdout_percent)
