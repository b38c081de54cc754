"""Who may claim a coupon and when, and the refusals of whoever may not."""

from __future__ import annotations

from datetime import datetime, timedelta

from config.kernel.clock import shop_date, start_of_shop_day
from coupons.enums import AudienceKind, ClaimChannel, CouponState, CouponStatus, Handout
from coupons.errors import Ended, LimitReached, NotEligible, NotStarted, Paused, TermsFixed, TermsNeeded
from coupons.fitting import ChosenTerms, refuse_outside
from coupons.models import Coupon
from coupons.selectors.audience import reason_not_for
from users.models import User


def refuse_unless_claimable(*, coupon: Coupon, shopper: User, now: datetime) -> None:
    """Refuses whom a coupon is not open to, whatever limits and stock say.

    Args:
        coupon: read by `coupons.services.claim_writing.coupon_with_stock`.

    Raises:
        The errors of `coupons.services.claims.claim_create` but `LimitReached` and `SoldOut`.
    """
    refuse_unless_open(coupon, now)
    refuse_unless_handed_out(coupon, with_code=False)
    refuse_unless_in_audience(coupon, shopper, now)
    refuse_unless_fitting(coupon, None)


def refuse_unless_handing_out(*, coupon: Coupon, channel: ClaimChannel, now: datetime) -> None:
    """Refuses a coupon that nobody gets by a channel now; what is only granted is granted by that channel alone.

    Raises:
        NotStarted, Ended, Paused, NotEligible: as `coupons.services.claims.claim_create`.
    """
    refuse_unless_open(coupon, now)
    if not (channel == ClaimChannel.GRANT and coupon.handout == Handout.GRANT):
        refuse_unless_handed_out(coupon, with_code=False)


def refuse_unless_open(coupon: Coupon, now: datetime) -> None:
    """Refuses everybody before and after a coupon's claim window, and while it is paused.

    Raises:
        NotStarted, Ended, Paused: the coupon is not open.
    """
    match coupon.state(now):
        case CouponState.LIVE:
            return
        case CouponState.SCHEDULED:
            raise NotStarted(starts_at=coupon.claim_starts_at)
        case CouponState.PAUSED:
            raise Paused
        case _:
            raise Ended


def refuse_unless_handed_out(coupon: Coupon, *, with_code: bool) -> None:
    """Refuses a claim of what nobody claims, or of what is claimed only with a code, without one.

    Raises:
        NotEligible: with `reason`.
    """
    match Handout(coupon.handout):
        case Handout.SHOWCASE:
            return
        case Handout.CODE:
            if not with_code:
                raise NotEligible(reason="code_needed")
        case _:
            raise NotEligible(reason="not_claimable")


def refuse_unless_in_audience(coupon: Coupon, shopper: User, now: datetime) -> None:
    """Refuses a shopper whom a coupon is not meant for.

    Raises:
        NotEligible: with `reason`.
    """
    if not shopper.is_active:
        raise NotEligible(reason="account_closed")
    # Most coupons are for everybody: nothing has to be asked.
    if coupon.audience == AudienceKind.EVERYONE and not coupon.holdout_below:
        return
    reason = Coupon.objects.filter(pk=coupon.pk).values_list(reason_not_for(shopper, now), flat=True).get()
    if reason:
        raise NotEligible(reason=reason)


def refuse_unless_won(coupon: Coupon, shopper: User) -> None:
    """Refuses a winner whom a coupon cannot be handed to; its claim window is not asked.

    Raises:
        Ended, Paused: the coupon is not published any more, or not at the moment.
        NotEligible: with `reason`.
    """
    if coupon.handout != Handout.LOTTERY:
        raise NotEligible(reason="not_claimable")
    if coupon.status == CouponStatus.PAUSED:
        raise Paused
    if coupon.status != CouponStatus.PUBLISHED:
        raise Ended
    if not shopper.is_active:
        raise NotEligible(reason="account_closed")


def refuse_unless_fitting(coupon: Coupon, terms: ChosenTerms | None) -> None:
    """Refuses terms that a coupon does not allow, and their absence where it wants them.

    Args:
        coupon: read by `coupons.services.claim_writing.coupon_with_stock`.
        terms: what the shopper chose.

    Raises:
        TermsNeeded, TermsFixed, OutsideLimits: the terms do not fit the coupon.
    """
    has_envelope = bool(vars(coupon)["has_envelope"])
    if terms is None:
        if has_envelope:
            raise TermsNeeded(parameter="terms")
        return
    if not has_envelope:
        raise TermsFixed(parameter="terms")
    refuse_outside(coupon.envelope, terms)


def limit_of_shopper_reached(*, coupon: Coupon, claimed: int, now: datetime) -> LimitReached:
    """Returns the refusal of a shopper whose own limit is used up, who has claimed so many of the coupon."""
    if claimed >= coupon.limit_per_shopper:
        return LimitReached(limit=coupon.limit_per_shopper, scope="shopper")
    return LimitReached(limit=coupon.limit_per_shopper_per_day, scope="shopper_day", resets_at=_tomorrow(now))


def limit_of_day_reached(*, coupon: Coupon, now: datetime) -> LimitReached:
    """Returns the refusal of everybody who comes after the day's last claim."""
    return LimitReached(limit=coupon.limit_per_day, scope="day", resets_at=_tomorrow(now))


def _tomorrow(now: datetime) -> datetime:
    return start_of_shop_day(shop_date(now) + timedelta(days=1))
