"""The shoppers whom a campaign leaves out, so that it can be told what it earned."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress

from django.db import transaction

from campaigns.errors import HoldoutTaken, HoldoutTooLate
from campaigns.models import Campaign
from campaigns.selectors.holdouts import HOLDING, other_holder
from config.kernel.locks import busy_when_locked
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
        HoldoutTaken: a draft keeps shoppers out for another campaign, which would measure nothing any more.
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
        _hold_out(campaign, coupon)


def campaign_holdout_settle(*, campaign: Campaign) -> None:
    """Makes the holdout of a campaign that was published that of its drafts, and of no other draft.

    Call it after coupons were added or taken out, and when the campaign has ended. The second time it changes nothing.

    Raises:
        HoldoutTaken: a draft that was added keeps shoppers out for another campaign.
    """
    if not campaign.holdout_salt or not campaign.holdout_percent:
        return
    holds = campaign.status in HOLDING
    with busy_when_locked(), transaction.atomic():
        drafts = Coupon.objects.filter(status=CouponStatus.DRAFT).order_by("pk")
        for coupon in drafts.filter(holdout_salt=campaign.holdout_salt):
            if not holds or not campaign.campaign_coupons.filter(coupon=coupon).exists():
                with suppress(HoldoutFixed):
                    coupon_hold_out(coupon=coupon, salt="", percent=0)
        for coupon in drafts.filter(campaigns=campaign) if holds else ():
            # One that is published at this very moment has escaped it.
            with suppress(HoldoutFixed):
                _hold_out(campaign, coupon)


def _hold_out(campaign: Campaign, coupon: Coupon) -> None:
    with transaction.atomic():
        # Two campaigns may want the same draft at once: the second one sees whom the first one keeps out.
        fresh = Coupon.objects.select_for_update().get(pk=coupon.pk)
        holder = other_holder(coupon=fresh, campaign=campaign)
        if holder is not None:
            raise HoldoutTaken(coupon=str(fresh.public_id), title=fresh.title, campaign=holder.title)
        coupon_hold_out(coupon=fresh, salt=campaign.holdout_salt, percent=campaign.holdout_percent or 0)
