"""A marketer makes a red packet in one form, watches it and closes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from coupons.enums import RedPacketState
from coupons.models import RedPacket
from coupons.services.red_packets import red_packet_grab
from tests.factories import NOW, make_paid_order, make_red_packet, make_shopper
from tests.invariants import assert_red_packet_adds_up
from users.models import User

ADD = "admin:coupons_redpacket_add"
DIALOG = {"_form_submitted": "on"}


def new_packet(**changes: Any) -> dict[str, Any]:
    """What a browser sends from the form, filled in for 200.00 in 66 shares by luck."""
    return {
        "title_zh": "周末红包",
        "title_en": "Weekend red packet",
        "split": "random",
        "total": "200",
        "share_count": "66",
        "bought_since_0": "",
        "bought_since_1": "",
        "bought_until_0": "",
        "bought_until_1": "",
        "opens_at_0": "2026-11-21",
        "opens_at_1": "20:00",
        "ends_at_0": "2099-11-30",
        "ends_at_1": "",
        "usable_days": "7",
        "is_partly_usable": "on",
        **changes,
    }


BY_PURCHASE = {
    "split": "by_purchase",
    "share_count": "",
    "bought_since_0": "2026-11-01",
    "bought_until_0": "2026-11-30",
}


def test_one_form_makes_packet_coupon_and_shares(marketer_client: Client, plain_marketer: User) -> None:
    response = marketer_client.post(reverse(ADD), new_packet())
    assert response.status_code == 302, response.context["errors"]
    packet = RedPacket.objects.get()
    assert (packet.total, packet.share_count, packet.created_by) == (200_00, 66, plain_marketer)
    assert packet.opens_at == datetime(2026, 11, 21, 12, tzinfo=UTC)
    # The whole of the last day.
    assert packet.ends_at == datetime(2099, 11, 30, 16, tzinfo=UTC)
    assert (packet.coupon.usable_days, packet.coupon.is_partly_usable) == (7, True)
    assert_red_packet_adds_up(packet)


def test_by_purchase_asks_which_payments_count(marketer_client: Client) -> None:
    shopper = make_shopper()
    make_paid_order(shopper=shopper, payable=80_00)
    response = marketer_client.post(reverse(ADD), new_packet(**BY_PURCHASE))
    assert response.status_code == 302, response.context["errors"]
    assert RedPacket.objects.get().shares.get().reserved_for == shopper


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"share_count": ""}, "share_count", "into how many"),
        ({"share_count": "100001"}, "share_count", "100000"),
        ({"total": "0.65"}, "total", "smallest coin"),
        ({"total": "-1"}, "total", ""),
        ({"ends_at_0": "2026-11-20"}, "ends_at", "after it opens"),
        ({"usable_days": "0"}, "usable_days", ""),
        ({**BY_PURCHASE, "bought_since_0": ""}, "bought_since", "payments count"),
        (BY_PURCHASE, "bought_until", "Nobody bought"),
    ],
)
def test_what_does_not_work_is_said_beside_its_field(
    marketer_client: Client, changes: dict[str, str], field: str, words: str
) -> None:
    response = marketer_client.post(reverse(ADD), new_packet(**changes))
    assert response.status_code == 200
    assert words in str(response.context["adminform"].form.errors[field])
    assert not RedPacket.objects.exists()


def test_a_packet_that_is_cut_is_shown_and_never_edited(superuser_client: Client) -> None:
    packet = make_red_packet()
    share = red_packet_grab(packet=packet, shopper=make_shopper(username="lucky-one"), now=NOW)
    path = reverse("admin:coupons_redpacket_change", args=[packet.pk])
    page = superuser_client.get(path).content.decode()
    assert "lucky-one" in page
    assert "1 / 10" in page
    assert superuser_client.post(path, {"total": "999"}).status_code == 403
    assert superuser_client.post(reverse("admin:coupons_redpacket_delete", args=[packet.pk])).status_code == 403
    share.refresh_from_db()
    assert share.amount == 2_00


def test_closing_asks_once_and_returns_the_rest(marketer_client: Client) -> None:
    packet = make_red_packet()
    close = reverse("admin:coupons_redpacket_close", args=[packet.pk])
    assert marketer_client.get(close).status_code == 200
    assert RedPacket.objects.get().state == RedPacketState.OPEN
    marketer_client.post(close, DIALOG)
    packet.refresh_from_db()
    assert (packet.state, packet.returned) == (RedPacketState.CLOSED, 20_00)
    page = marketer_client.get(reverse("admin:coupons_redpacket_change", args=[packet.pk])).content.decode()
    assert close not in page


def test_the_page_of_a_large_packet_shows_its_shares_by_pages(superuser_client: Client) -> None:
    packet = make_red_packet(share_count=1000, total=1000)
    page = superuser_client.get(reverse("admin:coupons_redpacket_change", args=[packet.pk])).content.decode()
    assert page.count('id="shares-') < 60


def test_in_chinese_leaving_the_page_does_not_read_like_ending_the_packet(marketer_client: Client) -> None:
    packet = make_red_packet()
    page = reverse("admin:coupons_redpacket_change", args=[packet.pk])
    shown = marketer_client.get(page, headers={"accept-language": "zh-hans"}).content.decode()
    words = [" ".join(word.split()) for word in re.findall(r">([^<>]+)<", shown)]
    # The theme's button back to the list, and the red one.
    assert words.count("关闭") == 1
    assert "结束红包" in words
    # How it stands, and the column of progress, which is no time.
    assert {"进行中", "已领取", "领取详情"} <= set(words)
