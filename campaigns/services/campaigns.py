"""A marketer's decisions about a campaign: publish, pause, resume, end; its coupons go along."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from campaigns.enums import CampaignStatus
from campaigns.errors import CampaignEmpty, CampaignOver, CouponNotReady, CouponOutsideCampaign, WrongCampaignState
from campaigns.models import Campaign, CampaignCoupon
from campaigns.services.holdouts import campaign_hold_out, campaign_holdout_settle
from config.kernel.errors import DomainError
from config.kernel.history import set_history
from config.kernel.locks import busy_when_locked
from coupons.enums import CouponStatus
from coupons.models import Coupon
from coupons.models.coupon import CouponQuerySet
from coupons.services.publishing import coupon_end, coupon_pause, coupon_publish, coupon_resume
from users.models import User


def campaign_publish(*, campaign: Campaign, actor: User, now: datetime) -> Campaign:
    """Publishes a draft and every coupon of it that is still a draft, all or nothing.

    Raises:
        WrongCampaignState: it is no draft.
        CampaignOver: its window has passed.
        CampaignEmpty: it has no coupon that could still be claimed.
        CouponOutsideCampaign: a coupon could be claimed before the campaign starts or after it ends.
        CouponNotReady: a draft coupon was refused; says which one and why.
        HoldoutTooLate: shoppers are to be held out, and none of its coupons is a draft any more.
        HoldoutTaken: a draft coupon keeps shoppers out for another campaign that runs.
    """
    with busy_when_locked(), transaction.atomic():
        campaign = _lock(campaign)
        _refuse_unless(campaign, CampaignStatus.DRAFT)
        _refuse_when_over(campaign, now)
        # Locks in primary-key order.
        coupons = list(campaign.coupons.exclude(status=CouponStatus.ENDED).order_by("pk"))
        if not coupons:
            raise CampaignEmpty
        _refuse_coupons_outside(campaign, coupons)
        campaign_hold_out(campaign=campaign, coupons=coupons)
        for coupon in coupons:
            if coupon.status == CouponStatus.DRAFT:
                _publish_coupon(coupon, actor, now)
        return _set_status(campaign, CampaignStatus.PUBLISHED, actor, "published")


def campaign_pause(*, campaign: Campaign, actor: User, now: datetime) -> Campaign:
    """Stops a published campaign: none of its coupons is handed out any more, claims stay usable.

    A coupon that another published campaign hands out too goes on.

    Raises:
        WrongCampaignState: it is not published.
        CampaignOver: its window has passed.
    """
    with busy_when_locked(), transaction.atomic():
        campaign = _lock(campaign)
        _refuse_unless(campaign, CampaignStatus.PUBLISHED)
        _refuse_when_over(campaign, now)
        open_coupons = _own_coupons(campaign).published().filter(claim_ends_at__gt=now)
        _move_coupons(open_coupons, coupon_pause, actor, now)
        return _set_status(campaign, CampaignStatus.PAUSED, actor, "paused")


def campaign_resume(*, campaign: Campaign, actor: User, now: datetime) -> Campaign:
    """Goes on with a paused campaign and all its paused coupons.

    A coupon that is to stay paused is paused again, or taken out of the campaign before.

    Raises:
        WrongCampaignState: it is not paused.
        CampaignOver: its window has passed.
    """
    with busy_when_locked(), transaction.atomic():
        campaign = _lock(campaign)
        _refuse_unless(campaign, CampaignStatus.PAUSED)
        _refuse_when_over(campaign, now)
        paused_coupons = _own_coupons(campaign).filter(status=CouponStatus.PAUSED, claim_ends_at__gt=now)
        _move_coupons(paused_coupons, coupon_resume, actor, now)
        return _set_status(campaign, CampaignStatus.PUBLISHED, actor, "resumed")


def campaign_end(*, campaign: Campaign, actor: User, now: datetime) -> Campaign:
    """Ends a published or paused campaign and its coupons for good; claims stay usable.

    A coupon that another published campaign hands out too goes on.

    Raises:
        WrongCampaignState: it is a draft or ended.
    """
    with busy_when_locked(), transaction.atomic():
        campaign = _lock(campaign)
        _refuse_unless(campaign, CampaignStatus.PUBLISHED, CampaignStatus.PAUSED)
        running = _own_coupons(campaign).filter(status__in=[CouponStatus.PUBLISHED, CouponStatus.PAUSED])
        _move_coupons(running, coupon_end, actor, now)
        _set_status(campaign, CampaignStatus.ENDED, actor, "ended")
        campaign_holdout_settle(campaign=campaign)
        return campaign


def _lock(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_for_update().get(pk=campaign.pk)


def _refuse_unless(campaign: Campaign, *statuses: CampaignStatus) -> None:
    if campaign.status not in statuses:
        raise WrongCampaignState(state=campaign.status)


def _refuse_when_over(campaign: Campaign, now: datetime) -> None:
    if campaign.ends_at <= now:
        raise CampaignOver(ended_at=campaign.ends_at)


def _refuse_coupons_outside(campaign: Campaign, coupons: Iterable[Coupon]) -> None:
    for coupon in coupons:
        if coupon.claim_starts_at < campaign.starts_at or coupon.claim_ends_at > campaign.ends_at:
            raise CouponOutsideCampaign(
                coupon=str(coupon.public_id),
                title=coupon.title,
                starts_at=campaign.starts_at,
                ends_at=campaign.ends_at,
            )


def _publish_coupon(coupon: Coupon, actor: User, now: datetime) -> None:
    try:
        coupon_publish(coupon=coupon, actor=actor, now=now)
    except DomainError as error:
        raise CouponNotReady(
            coupon=str(coupon.public_id), title=coupon.title, reason=error.code, why=error.sentence
        ) from error


def _own_coupons(campaign: Campaign) -> CouponQuerySet:
    elsewhere = CampaignCoupon.objects.filter(coupon=OuterRef("pk"), campaign__status=CampaignStatus.PUBLISHED).exclude(
        campaign=campaign
    )
    return Coupon.objects.filter(~Exists(elsewhere), campaigns=campaign)


def _move_coupons(coupons: QuerySet[Coupon], service: Callable[..., Coupon], actor: User, now: datetime) -> None:
    for coupon in coupons.order_by("pk"):
        service(coupon=coupon, actor=actor, now=now)


def _set_status(campaign: Campaign, status: CampaignStatus, actor: User, word: str) -> Campaign:
    campaign.status = status
    set_history(campaign, actor=actor, reason=word)
    campaign.save(update_fields=["status", "holdout_percent", "holdout_salt"])
    return campaign
