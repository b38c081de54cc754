"""The demo's red packet: one that is open, half grabbed, with a share left for whoever is at the keyboard."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from config.kernel.clock import end_of_shop_day, shop_date
from config.kernel.money import round_to_minor
from coupons.enums import RedPacketSplit
from coupons.models import RedPacket
from coupons.services.red_packets import PacketPlan, red_packet_create, red_packet_grab
from users.models import User

TOTAL = Decimal(200)
SHARES = 66
GRABBED = 24
OPENED = timedelta(hours=2)
LASTS = timedelta(days=2)
USABLE_DAYS = 7


def ensure_red_packet(*, actor: User, now: datetime) -> RedPacket | None:
    """Makes a red packet unless one is open; returns the new one."""
    if RedPacket.objects.open_at(now).exists():
        return None
    opened_at = now - OPENED
    plan = PacketPlan(
        title_en="Weekend red packet",
        title_zh="周末红包",
        split=RedPacketSplit.RANDOM,
        total=round_to_minor(TOTAL),
        share_count=SHARES,
        opens_at=opened_at,
        ends_at=end_of_shop_day(shop_date(now + LASTS)),
        usable_days=USABLE_DAYS,
    )
    packet = red_packet_create(plan=plan, actor=actor, now=opened_at)
    shoppers = User.objects.shoppers().filter(external_id__isnull=False).order_by("pk")[:GRABBED]
    for number, shopper in enumerate(shoppers, start=1):
        red_packet_grab(packet=packet, shopper=shopper, now=opened_at + OPENED * number / (GRABBED + 1))
    return packet
