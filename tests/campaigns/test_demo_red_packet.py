"""The demo's red packet: open whenever the demo is, and made once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.demo.red_packet import ensure_red_packet
from coupons.models import RedPacket
from coupons.selectors.red_packets import open_red_packets
from coupons.services.red_packets import close_red_packets
from tests.factories import NOW, make_shopper
from tests.invariants import assert_red_packet_adds_up
from users.models import User

pytestmark = pytest.mark.django_db


def test_one_is_open_with_shares_left_for_the_shopper(marketer: User, shopper: User) -> None:
    for number in range(30):
        make_shopper(external_id=f"cj-{number}")
    packet = ensure_red_packet(actor=marketer, now=NOW)
    assert packet is not None
    assert packet.shares.taken().count() == 24
    assert list(open_red_packets(now=NOW, shopper=shopper)) == [packet]
    assert_red_packet_adds_up(packet)


def test_it_is_made_again_only_when_it_is_over(marketer: User) -> None:
    ensure_red_packet(actor=marketer, now=NOW)
    assert ensure_red_packet(actor=marketer, now=NOW + timedelta(hours=1)) is None
    assert RedPacket.objects.count() == 1
    later = NOW + timedelta(days=4)
    close_red_packets(now=later)
    assert ensure_red_packet(actor=marketer, now=later) is not None
