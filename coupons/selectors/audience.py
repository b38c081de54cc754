"""Whom a coupon is meant for: of many shoppers, and for one shopper why it is not; whether the shop may grant it."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, Value, When
from django.db.models.lookups import LessThan

from config.kernel.lots_in_database import lots_of_numbers, lots_with_salts
from coupons.enums import AudienceKind, Handout, OrderState
from coupons.models import Allocation, Coupon, Order
from users.models import Tag, User

NOT_SELECTED = "not_selected"


def reason_not_for(shopper: User | None, now: datetime) -> Case | Value:
    """Returns, as an expression on coupons, why each is not for a shopper, as `NotEligible` names it; empty if it is.

    The claim core, the pages and the API all ask here, so that none offers what another refuses. Of a stranger nothing
    is known.
    """
    if shopper is None:
        return Value("")
    has_ordered = Exists(Order.objects.filter(shopper=shopper, state=OrderState.REDEEMED))
    has_tag = Exists(Tag.objects.active(now).filter(shopper=shopper, name=OuterRef("audience_tag")))
    is_given = Exists(Allocation.objects.active(now).filter(coupon=OuterRef("pk"), shopper=shopper))
    held_out = Q(LessThan(lots_with_salts("holdout_salt", shopper.pk), F("holdout_below")))
    return Case(
        When(Q(Value(not shopper.is_active)), then=Value("account_closed")),
        When(~Q(holdout_below="") & held_out, then=Value(NOT_SELECTED)),
        When(Q(audience=AudienceKind.NEW_SHOPPERS) & Q(has_ordered), then=Value("new_shoppers_only")),
        When(Q(audience=AudienceKind.TAGGED) & ~Q(has_tag), then=Value("tag_needed")),
        When(Q(audience=AudienceKind.ALLOCATED) & ~Q(is_given), then=Value(NOT_SELECTED)),
        default=Value(""),
        output_field=CharField(),
    )


def in_audience(coupon: Coupon, now: datetime) -> Q:
    """Returns what `reason_not_for` asks as a condition on shoppers, closed accounts aside."""
    meant = meant_for(coupon, now)
    if not coupon.holdout_below:
        return meant
    return meant & ~Q(LessThan(lots_of_numbers(coupon.holdout_salt), Value(coupon.holdout_below)))


def meant_for(coupon: Coupon, now: datetime) -> Q:
    """Returns who is meant, those of a holdout with the others."""
    match AudienceKind(coupon.audience):
        case AudienceKind.EVERYONE:
            return Q(pk__isnull=False)
        case AudienceKind.NEW_SHOPPERS:
            return ~Q(Exists(Order.objects.filter(shopper=OuterRef("pk"), state=OrderState.REDEEMED)))
        case AudienceKind.TAGGED:
            return Q(Exists(Tag.objects.active(now).filter(shopper=OuterRef("pk"), name=coupon.audience_tag)))
        case AudienceKind.ALLOCATED:
            return Q(Exists(Allocation.objects.active(now).filter(shopper=OuterRef("pk"), coupon=coupon)))


def can_be_granted(coupon: Coupon) -> bool:
    """Tells whether the shop can hand a coupon out by itself: no code, lot or share, and no terms to be chosen."""
    return coupon.handout in (Handout.SHOWCASE, Handout.GRANT) and not coupon.is_fitted
