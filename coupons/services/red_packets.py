"""Red packets: made with all their shares, grabbed by shoppers, closed with the remainder."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from config.kernel.bulk import copy_rows
from config.kernel.errors import DomainError
from config.kernel.history import set_history
from config.kernel.locks import busy_when_locked
from coupons.enums import (
    BenefitType,
    ClaimChannel,
    ClaimState,
    CouponStatus,
    Handout,
    RedPacketSplit,
    RedPacketState,
)
from coupons.errors import (
    NobodyBought,
    PacketClosed,
    PacketEnded,
    PacketNotEligible,
    PacketNotStarted,
    PacketPaused,
    PacketSoldOut,
    PacketTooLarge,
    PacketTooSmall,
    WindowOver,
)
from coupons.models import Claim, ClaimEntry, Coupon, RedPacket, RedPacketShare
from coupons.selectors.red_packets import paid_by_shoppers, share_held
from coupons.services.publishing import coupon_end
from coupons.services.stock import stock_open
from coupons.splitting import split_by_luck, split_equally, split_in_proportion
from users.models import User

MAXIMUM_SHARES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketPlan:
    """What a marketer asks of a red packet.

    Attributes:
        total: the sum, in minor units.
        share_count: into how many shares; by purchase at most so many, for those who paid the most, None for all.
        opens_at, ends_at: when shares can be grabbed, `[opens_at, ends_at)`.
        usable_days: how long a share can be used, from the moment it was grabbed.
        is_partly_usable: whether what an order does not use of a share stays in the wallet.
        bought_since, bought_until: by purchase only: which payments count, `[bought_since, bought_until)`.
    """

    title_en: str
    title_zh: str = ""
    split: RedPacketSplit
    total: int
    share_count: int | None
    opens_at: datetime
    ends_at: datetime
    usable_days: int
    is_partly_usable: bool = True
    bought_since: datetime | None = None
    bought_until: datetime | None = None


def red_packet_create(
    *, plan: PacketPlan, actor: User | None, now: datetime, rng: random.Random | None = None
) -> RedPacket:
    """Makes a red packet with its cash coupon and all of its shares, ready to open at `opens_at`.

    The cut is final: the shares add up to the sum, and which of them a shopper gets is decided by who comes first.

    Args:
        rng: what luck is made of; without one the system's own randomness.

    Raises:
        WindowOver: it would end before it opens, or has ended.
        PacketTooSmall, PacketTooLarge: the sum does not go round, or there are more shares than a packet can have.
        NobodyBought: by purchase, and nobody paid anything in that time.
    """
    if plan.ends_at <= max(plan.opens_at, now):
        raise WindowOver
    with busy_when_locked(), transaction.atomic():
        owners = _owners(plan)
        amounts = _cut(plan, owners, rng or secrets.SystemRandom())
        packet = RedPacket.objects.create(
            coupon=_make_coupon(plan, actor, now),
            title_zh=plan.title_zh,
            title_en=plan.title_en,
            split=plan.split,
            total=plan.total,
            share_count=len(amounts),
            opens_at=plan.opens_at,
            ends_at=plan.ends_at,
            created_by=actor,
            created_at=now,
        )
        reserved = [shopper for shopper, _paid in owners] if owners else [None] * len(amounts)
        copy_rows(
            RedPacketShare,
            ("packet_id", "number", "amount", "reserved_for_id"),
            ((packet.pk, number, *share) for number, share in enumerate(zip(amounts, reserved, strict=True), start=1)),
        )
    return packet


def red_packet_grab(*, packet: RedPacket, shopper: User, now: datetime) -> RedPacketShare:
    """Gives a shopper one free share of a packet, as a claim of its cash coupon; who has one gets the same again.

    One short transaction; after its commit the share survives any crash. Faces wrap it in
    `config.kernel.idempotency.run_once`.

    Args:
        packet: which one; its state is read anew inside the transaction.
        now: the database's time.

    Raises:
        PacketNotStarted, PacketEnded, PacketPaused: the packet is not open.
        PacketNotEligible: the account is closed, or no share is reserved for this shopper.
        PacketSoldOut: all shares were taken, at an instant during this call.
        Busy: the database could not give a lock in time; nothing was changed.
    """
    with busy_when_locked(), transaction.atomic():
        held = share_held(packet=packet, shopper=shopper)
        if held is not None:
            return held
        try:
            return _grab_unheld(packet.pk, shopper, now) or _grab_after_waiting(packet.pk, shopper, now)
        except (DomainError, IntegrityError):
            held = share_held(packet=packet, shopper=shopper)
            if held is None:
                raise
            return held


def red_packet_close(*, packet: RedPacket, actor: User, now: datetime) -> RedPacket:
    """Closes a packet before its time and returns what nobody grabbed; shares already grabbed stay usable.

    Raises:
        PacketClosed: it is closed already.
    """
    with busy_when_locked(), transaction.atomic():
        packet = RedPacket.objects.select_for_update().get(pk=packet.pk)
        if packet.state != RedPacketState.OPEN:
            raise PacketClosed
        _close(packet, now)
        # After the shares: whoever holds one may be waiting for the coupon.
        coupon = Coupon.objects.get(pk=packet.coupon_id)
        if coupon.status in (CouponStatus.PUBLISHED, CouponStatus.PAUSED):
            coupon_end(coupon=coupon, actor=actor, now=now)
    return packet


def close_red_packets(*, now: datetime, progressed: Callable[[int], object] = lambda _packets: None) -> int:
    """Closes the packets whose time is over and returns what nobody grabbed, each exactly once; returns how many.

    Args:
        progressed: called with 1 after each packet that was looked at.
    """
    closed = 0
    for packet_id in RedPacket.objects.past_end(now).order_by("ends_at", "pk").values_list("pk", flat=True):
        with busy_when_locked(), transaction.atomic():
            # Passed over when somebody is closing it at this moment, or has.
            packet = RedPacket.objects.past_end(now).select_for_update(skip_locked=True).filter(pk=packet_id).first()
            if packet is not None:
                _close(packet, now)
                closed += 1
        progressed(1)
    return closed


# Making


def _owners(plan: PacketPlan) -> list[tuple[int, int]]:
    """Returns for whom the shares are and what each paid; nothing when the shares are anybody's."""
    if plan.split != RedPacketSplit.BY_PURCHASE:
        return []
    if plan.bought_since is None or plan.bought_until is None:
        raise ValueError("a packet by purchase needs to know which payments count")
    # One more than there can be tells that there are too many.
    owners = paid_by_shoppers(
        since=plan.bought_since, until=plan.bought_until, limit=plan.share_count or MAXIMUM_SHARES + 1
    )
    if not owners:
        raise NobodyBought
    return owners


def _cut(plan: PacketPlan, owners: list[tuple[int, int]], rng: random.Random) -> list[int]:
    count = len(owners) or plan.share_count or 0
    if count > MAXIMUM_SHARES:
        raise PacketTooLarge(limit=MAXIMUM_SHARES)
    if count < 1 or plan.total < count:
        raise PacketTooSmall(shares=count)
    match plan.split:
        case RedPacketSplit.EQUAL:
            return split_equally(total=plan.total, count=count)
        case RedPacketSplit.RANDOM:
            return split_by_luck(total=plan.total, count=count, rng=rng)
        case RedPacketSplit.BY_PURCHASE:
            return split_in_proportion(total=plan.total, weights=[paid for _shopper, paid in owners])


def _make_coupon(plan: PacketPlan, actor: User | None, now: datetime) -> Coupon:
    coupon = Coupon(
        title_zh=plan.title_zh,
        title_en=plan.title_en,
        status=CouponStatus.PUBLISHED,
        benefit_type=BenefitType.CASH,
        is_partly_usable=plan.is_partly_usable,
        handout=Handout.RED_PACKET,
        # A packet gives each shopper one share; handing shares on would gather them in one hand.
        is_giftable=False,
        claim_starts_at=plan.opens_at,
        claim_ends_at=plan.ends_at,
        usable_days=plan.usable_days,
        published_at=now,
        created_at=now,
    )
    set_history(coupon, actor=actor, reason="red packet")
    coupon.save()
    # How many there are is for the shares to say.
    stock_open(coupon=coupon, released=None, actor=actor, now=now, reason="red packet")
    return coupon


# Grabbing


# Picks and locks a share, or returns None when none is to be had this way.
Pick = Callable[[RedPacket, User], RedPacketShare | None]


def _grab_unheld(packet_id: int, shopper: User, now: datetime) -> RedPacketShare | None:
    try:
        # PostgreSQL also locks shares that it finds to be taken by then, in no order. None of that may be held by
        # somebody who then waits: two of them would wait for each other.
        with transaction.atomic():
            return _grab(packet_id, shopper, now, pick=_pick_unheld)
    except _NoneFree:
        return None


def _grab_after_waiting(packet_id: int, shopper: User, now: datetime) -> RedPacketShare:
    try:
        # What this attempt holds goes with it when another attempt of the same shopper was quicker.
        with transaction.atomic():
            return _grab(packet_id, shopper, now, pick=_pick_after_waiting)
    except _NoneFree as error:
        raise PacketSoldOut from error


class _NoneFree(Exception):
    """No share is to be had in one of the two ways."""


def _grab(packet_id: int, shopper: User, now: datetime, *, pick: Pick) -> RedPacketShare:
    packet = RedPacket.objects.select_related("coupon").get(pk=packet_id)
    _refuse_unless_open(packet, now)
    if not shopper.is_active:
        raise PacketNotEligible(reason="account_closed")
    share = pick(packet, shopper)
    if share is None:
        raise _NoneFree
    # Asked again with the share in hand: closing waits for every share that is held, and from then on none is taken.
    if not RedPacket.objects.filter(pk=packet_id, state=RedPacketState.OPEN).exists():
        raise PacketEnded
    share.packet = packet
    share.shopper = shopper
    share.taken_at = now
    share.claim = _write_claim(packet.coupon, share, shopper, now)
    share.save(update_fields=["shopper", "taken_at", "claim"])
    return share


def _refuse_unless_open(packet: RedPacket, now: datetime) -> None:
    if packet.state != RedPacketState.OPEN or now >= packet.ends_at:
        raise PacketEnded
    if now < packet.opens_at:
        raise PacketNotStarted(starts_at=packet.opens_at)
    # The coupon of a packet can be stopped like any other.
    if packet.coupon.status == CouponStatus.PAUSED:
        raise PacketPaused
    if packet.coupon.status != CouponStatus.PUBLISHED:
        raise PacketEnded


def _pick_unheld(packet: RedPacket, shopper: User) -> RedPacketShare | None:
    if packet.split == RedPacketSplit.BY_PURCHASE:
        return _pick_reserved(packet, shopper)
    # In no order, so that the first share nobody else is holding ends the search; luck was had when they were cut.
    return _first(_free_for_all(packet).order_by().select_for_update(skip_locked=True))


def _pick_reserved(packet: RedPacket, shopper: User) -> RedPacketShare:
    share = RedPacketShare.objects.free().filter(packet=packet, reserved_for=shopper).select_for_update().first()
    if share is None:
        raise PacketNotEligible(reason="reserved")
    return share


def _pick_after_waiting(packet: RedPacket, _shopper: User) -> RedPacketShare | None:
    free = _free_for_all(packet)
    if not free.exists():
        return None
    # Others hold all that is left, and may let go. Waiting for each in turn, in the one order that all use.
    return _first(free.order_by("pk").select_for_update())


def _free_for_all(packet: RedPacket) -> QuerySet[RedPacketShare]:
    return RedPacketShare.objects.free().filter(packet=packet, reserved_for=None)


def _first(shares: QuerySet[RedPacketShare]) -> RedPacketShare | None:
    return next(iter(shares[:1]), None)


def _write_claim(coupon: Coupon, share: RedPacketShare, shopper: User, now: datetime) -> Claim:
    usable_from, expires_at = coupon.usable_window(now)
    if expires_at <= max(usable_from, now):
        raise PacketEnded
    claim = Claim.objects.create(
        coupon=coupon,
        shopper=shopper,
        channel=ClaimChannel.RED_PACKET,
        amount_off=share.amount,
        claimed_at=now,
        usable_from=usable_from,
        expires_at=expires_at,
    )
    ClaimEntry.objects.create(claim=claim, to_state=ClaimState.AVAILABLE, reason="grabbed", created_at=now)
    return claim


# Closing


def _close(packet: RedPacket, now: datetime) -> None:
    free = RedPacketShare.objects.free().filter(packet=packet)
    # Waits for whoever is about to take one; a share that was taken meanwhile is no longer among them.
    left: Iterable[int] = free.order_by("pk").select_for_update().values_list("amount", flat=True)
    packet.state = RedPacketState.CLOSED
    packet.returned = sum(left)
    packet.closed_at = now
    packet.save(update_fields=["state", "returned", "closed_at"])
