"""Whom a grant reaches, and how far it is."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Sum

from campaigns.models import Grant
from coupons.enums import AudienceKind, OrderState
from coupons.models import Order
from users.models import Tag, User


def grant_audience(*, grant: Grant, now: datetime) -> QuerySet[User]:
    """Returns the shoppers whom a grant is for at a moment; the coupon's own rules may still refuse some."""
    shoppers = User.objects.shoppers().filter(is_active=True)
    match AudienceKind(grant.audience):
        case AudienceKind.EVERYONE:
            return shoppers
        case AudienceKind.NEW_SHOPPERS:
            ordered = Order.objects.filter(shopper=OuterRef("pk"), state=OrderState.REDEEMED)
            return shoppers.filter(~Exists(ordered))
        case AudienceKind.TAGGED:
            return shoppers.filter(
                Q(tags__expires_at__isnull=True) | Q(tags__expires_at__gt=now), tags__name=grant.audience_tag
            )
        case AudienceKind.ALLOCATED:
            return shoppers.filter(
                allocations__coupon=grant.coupon_id,
                allocations__edition__is_in_force=True,
                allocations__until__gt=now,
            )


def grant_next_shoppers(*, grant: Grant, count: int, now: datetime) -> list[int]:
    """Returns the primary keys of the shoppers whose turn it is, in their order."""
    if grant.audience == AudienceKind.TAGGED:
        # From the tags, whose index has the shoppers of a name in order: a rare tag among millions costs no more.
        tags = Tag.objects.active(now).filter(name=grant.audience_tag, shopper__is_staff=False, shopper__is_active=True)
        due = tags.filter(shopper__gt=grant.cursor, shopper__lte=grant.last_shopper).order_by("shopper_id")
        return list(due.values_list("shopper_id", flat=True)[:count])
    shoppers = grant_audience(grant=grant, now=now).filter(pk__gt=grant.cursor, pk__lte=grant.last_shopper)
    return list(shoppers.order_by("pk").values_list("pk", flat=True)[:count])


def last_shopper() -> int:
    """Returns the highest primary key of a shopper; 0 without any."""
    return User.objects.aggregate(last=Max("pk"))["last"] or 0


def shoppers_still_to_see() -> int:
    """Returns about how many shoppers open grants have still to go through."""
    left = Grant.objects.open().aggregate(left=Sum(F("expected") - F("seen")))["left"]
    return max(0, left or 0)
