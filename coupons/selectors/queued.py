"""Coupons in queued mode, and tickets as their shopper, or the shop for everybody, looks them up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from config.kernel.clock import database_now
from coupons.enums import CouponStatus, Handout
from coupons.models import ClaimTicket, Coupon
from users.models import User

# What became of a ticket is shown on the coupon's page for so long.
SHOWN_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class QueuedCoupon:
    """What a request for a place has to know of a coupon.

    Attributes:
        coupon: as it was read at `read_at`, the database's time.
    """

    coupon: Coupon
    read_at: datetime
    _clock: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        """Seconds since it was read."""
        return time.monotonic() - self._clock

    def now(self) -> datetime:
        """Returns the database's time, carried on since it was read: no clock of a web worker has a say."""
        return self.read_at + timedelta(seconds=self.age)


def queued_coupon_read(*, public_id: UUID) -> QueuedCoupon | None:
    """Returns a coupon that is in queued mode; None for any other, and for none.

    One whose terms its shoppers choose has no queue, whatever its switch says.
    """
    queued = Coupon.objects.exclude(status=CouponStatus.DRAFT).filter(is_queued=True, envelope=None)
    coupon = queued.filter(public_id=public_id, handout=Handout.SHOWCASE).first()
    return None if coupon is None else QueuedCoupon(coupon, database_now())


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
