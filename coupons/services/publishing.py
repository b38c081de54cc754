"""A marketer's decisions about a coupon: publish, pause, resume, end."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.kernel.history import set_history
from config.kernel.locks import busy_when_locked
from coupons.enums import CouponStatus, Handout
from coupons.errors import BenefitIncomplete, NoStock, NothingToUse, WindowOver, WrongCouponState
from coupons.models import Coupon, Stock
from coupons.terms import benefit_of
from users.models import User


def coupon_publish(*, coupon: Coupon, actor: User, now: datetime) -> Coupon:
    """Publishes a draft: it is live from the start of its claim window on.

    Raises:
        WrongCouponState: it is no draft.
        WindowOver, NothingToUse, BenefitIncomplete, NoStock: it could never be claimed or used.
    """
    with busy_when_locked(), transaction.atomic():
        coupon = _lock(coupon)
        _refuse_unless(coupon, now, CouponStatus.DRAFT)
        if coupon.claim_ends_at <= now:
            raise WindowOver
        if coupon.usable_until is not None and coupon.usable_until <= max(now, coupon.claim_starts_at):
            raise NothingToUse
        _refuse_incomplete_benefit(coupon)
        if not Stock.objects.filter(coupon=coupon).exists():
            raise NoStock
        coupon.published_at = now
        return _set_status(coupon, CouponStatus.PUBLISHED, actor, "published")


def coupon_pause(*, coupon: Coupon, actor: User, now: datetime) -> Coupon:
    """Stops handing out at once; claims already made stay usable.

    Raises:
        WrongCouponState: it is not published, or over.
    """
    return _move(coupon, CouponStatus.PUBLISHED, CouponStatus.PAUSED, actor, now, "paused")


def coupon_resume(*, coupon: Coupon, actor: User, now: datetime) -> Coupon:
    """Goes on handing out a paused coupon.

    Raises:
        WrongCouponState: it is not paused, or over.
    """
    return _move(coupon, CouponStatus.PAUSED, CouponStatus.PUBLISHED, actor, now, "resumed")


def coupon_end(*, coupon: Coupon, actor: User | None, now: datetime) -> Coupon:
    """Ends a published or paused coupon for good; claims already made stay usable.

    Args:
        actor: who decided so; None for the coupon's stock policy.

    Raises:
        WrongCouponState: it is a draft or ended.
    """
    with busy_when_locked(), transaction.atomic():
        coupon = _lock(coupon)
        if coupon.status not in (CouponStatus.PUBLISHED, CouponStatus.PAUSED):
            raise WrongCouponState(state=coupon.state(now))
        return _set_status(coupon, CouponStatus.ENDED, actor, "ended")


def _move(
    coupon: Coupon, from_status: CouponStatus, to_status: CouponStatus, actor: User, now: datetime, word: str
) -> Coupon:
    with busy_when_locked(), transaction.atomic():
        coupon = _lock(coupon)
        _refuse_unless(coupon, now, from_status)
        if coupon.claim_ends_at <= now:
            raise WindowOver
        return _set_status(coupon, to_status, actor, word)


def _refuse_incomplete_benefit(coupon: Coupon) -> None:
    # Shares of a red packet bring their amounts themselves.
    if coupon.handout == Handout.RED_PACKET:
        return
    try:
        benefit_of(coupon)
    except ValueError as error:
        raise BenefitIncomplete from error


def _lock(coupon: Coupon) -> Coupon:
    return Coupon.objects.select_for_update().get(pk=coupon.pk)


def _refuse_unless(coupon: Coupon, now: datetime, status: CouponStatus) -> None:
    if coupon.status != status:
        raise WrongCouponState(state=coupon.state(now))


def _set_status(coupon: Coupon, status: CouponStatus, actor: User | None, word: str) -> Coupon:
    coupon.status = status
    set_history(coupon, actor=actor, reason=word)
    coupon.save(update_fields=["status", "published_at"])
    return coupon
