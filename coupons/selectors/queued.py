"""Coupons in queued mode, and tickets as their shopper, or the shop for everybody, looks them up."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from coupons.models import ClaimTicket, Coupon
from users.models import User

# What became of a ticket is shown on the coupon's page for so long.
SHOWN_FOR = timedelta(minutes=10)


def queued_coupons_live(*, now: datetime) -> list[UUID]:
    """Returns the public ids of coupons that shoppers can queue up for now."""
    return list(Coupon.objects.live(now).filter(is_queued=True).order_by("pk").values_list("public_id", flat=True))


def coupon_public_id(*, pk: int) -> UUID | None:
    """Returns the public id of a coupon; None when there is none."""
    return Coupon.objects.filter(pk=pk).values_list("public_id", flat=True).first()


def ticket_answered(*, ticket: UUID, shopper: User | None = None) -> ClaimTicket | None:
    """Returns a ticket that was answered, with its claim; None when it was not, or is somebody else's.

    Args:
        shopper: whose it has to be; None for anybody's.
    """
    answered = ClaimTicket.objects.select_related("coupon", "claim__coupon", "claim__shopper", "claim__order")
    if shopper is not None:
        answered = answered.filter(shopper=shopper)
    return answered.filter(pk=ticket).first()


def ticket_refused_lately(*, coupon: Coupon, shopper: User, now: datetime) -> ClaimTicket | None:
    """Returns the refusal that a shopper may not have seen yet: the last answer, when it was one, of these minutes."""
    last = ClaimTicket.objects.filter(coupon=coupon, shopper=shopper, answered_at__gt=now - SHOWN_FOR)
    ticket = last.select_related("coupon").order_by("-answered_at", "-arrival").first()
    return ticket if ticket is not None and ticket.claim_id is None else None
