"""Writing down who was exposed to an experiment, once each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from django.db import transaction

from campaigns.assignment import holdout_arm_of
from campaigns.models import Campaign, Exposure
from coupons.models import Coupon

BATCH = 2_000


def exposures_log(*, experiment: str, arms: Iterable[tuple[int, str]], now: datetime) -> None:
    """Logs shoppers and their arms; whoever was exposed before keeps the first arm and moment."""
    exposures = (
        Exposure(experiment=experiment, shopper_id=shopper_id, arm=arm, first_exposed_at=now)
        for shopper_id, arm in arms
    )
    with transaction.atomic():
        # Django makes a list of whatever it is given: a million shoppers come in parts.
        while batch := list(islice(exposures, BATCH)):
            Exposure.objects.bulk_create(batch, ignore_conflicts=True)


def campaign_exposures_log(*, campaign: Campaign, shopper_ids: Iterable[int], now: datetime) -> None:
    """Logs shoppers whom a campaign reaches or would have reached, each in the arm that its lot says.

    A campaign without a holdout is no experiment and logs nobody.
    """
    percent = campaign.holdout_percent or 0
    if not percent:
        return
    exposures_log(
        experiment=campaign.experiment,
        arms=(
            (shopper_id, holdout_arm_of(salt=campaign.holdout_salt, shopper_id=shopper_id, percent=percent))
            for shopper_id in shopper_ids
        ),
        now=now,
    )


def coupon_exposures_log(*, coupon: Coupon, shopper_ids: Iterable[int], now: datetime) -> None:
    """Logs shoppers for the campaign whose holdout a coupon has; none for a coupon without one."""
    if not coupon.holdout_below:
        return
    campaign = Campaign.objects.filter(holdout_salt=coupon.holdout_salt).first()
    if campaign is not None:
        campaign_exposures_log(campaign=campaign, shopper_ids=shopper_ids, now=now)
