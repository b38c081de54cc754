"""What red packets add to other pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template

from coupons.models import RedPacket
from coupons.selectors.red_packets import open_red_packets

register = template.Library()

# A strip, not a list: those that end first.
SHOWN = 3


@register.simple_tag
def red_packets_for(visitor: Any, now: datetime) -> list[RedPacket]:
    """Returns the first few packets from which a visitor can still get a share."""
    shopper = visitor if getattr(visitor, "is_authenticated", False) else None
    return list(open_red_packets(now=now, shopper=shopper)[:SHOWN])
