"""Red packets as shoppers and marketers look at them, and who bought what before one is cut."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from config.kernel.errors import NotFound
from coupons.enums import CouponStatus, OrderState, RedPacketSplit
from coupons.models import Order, RedPacket, RedPacketShare
from users.models import User


def red_packet_known(*, public_id: UUID) -> RedPacket:
    """Returns a red packet with what its look depends on, see `RedPacketQuerySet.known`.

    Raises:
        NotFound: there is none.
    """
    packet = RedPacket.objects.known().filter(public_id=public_id).first()
    if packet is None:
        raise NotFound
    return packet


def share_held(*, packet: RedPacket, shopper: User | None) -> RedPacketShare | None:
    """Returns the share that a shopper grabbed, with its claim; None for a stranger and for who has none."""
    if shopper is None:
        return None
    shares = RedPacketShare.objects.select_related("claim__coupon", "claim__shopper", "claim__order")
    return shares.filter(packet=packet, shopper=shopper).first()


def is_meant_for(*, packet: RedPacket, shopper: User | None) -> bool:
    """Tells whether a shopper may grab at all; a stranger may be anybody."""
    if packet.split != RedPacketSplit.BY_PURCHASE or shopper is None:
        return True
    return RedPacketShare.objects.filter(packet=packet, reserved_for=shopper).exists()


def shares_taken(*, packet: RedPacket) -> QuerySet[RedPacketShare]:
    """Returns who got what, the newest first."""
    # Of the person only the name, which is sealed at rest; its opening is what costs here.
    shown = ("packet", "amount", "taken_at", "shopper__name")
    return RedPacketShare.objects.taken().filter(packet=packet).select_related("shopper").only(*shown)


def luckiest_share(*, packet: RedPacket) -> RedPacketShare | None:
    """Returns the largest share of a packet cut by luck, the earliest taken of equals; None for other packets."""
    if packet.split != RedPacketSplit.RANDOM:
        return None
    return RedPacketShare.objects.filter(packet=packet).order_by("-amount", "taken_at", "pk").first()


def open_red_packets(*, now: datetime, shopper: User | None) -> QuerySet[RedPacket]:
    """Returns the packets from which this visitor can still get a share, those that end first before the others."""
    shares = RedPacketShare.objects.filter(packet=OuterRef("pk"))
    # What is reserved is shown only to whom it is reserved for.
    mine = shares.free().filter(Q(reserved_for=None) | Q(reserved_for=shopper)) if shopper else shares.free()
    if shopper is None:
        mine = mine.filter(reserved_for=None)
    packets = RedPacket.objects.known().open_at(now).filter(Exists(mine), coupon__status=CouponStatus.PUBLISHED)
    if shopper is not None:
        packets = packets.exclude(Exists(shares.filter(shopper=shopper)))
    return packets.order_by("ends_at", "pk")


def paid_by_shoppers(*, since: datetime, until: datetime, limit: int | None = None) -> list[tuple[int, int]]:
    """Returns who paid how much in `[since, until)`, refunds taken off: (shopper's key, minor units), largest first.

    Args:
        limit: only so many, those who paid the most.
    """
    orders = Order.objects.filter(
        state=OrderState.REDEEMED, redeemed_at__gte=since, redeemed_at__lt=until, shopper__is_active=True
    )
    paid = orders.values("shopper").annotate(paid=Sum(F("payable") - F("refunded"))).filter(paid__gt=0)
    return list(paid.order_by("-paid", "shopper").values_list("shopper", "paid")[:limit])
