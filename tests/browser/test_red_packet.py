"""A red packet on a real screen: the strip, the wait, the moment it opens, who got what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from config.kernel.clock import database_now
from coupons.enums import RedPacketSplit
from coupons.models import RedPacket
from coupons.services.red_packets import red_packet_grab
from tests import factories
from tests.browser.conftest import LANGUAGES, WIDTHS, Visitor
from tests.browser.test_pages import assert_fits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[[str, int], Visitor]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_from_the_showcase_to_the_luckiest(visit: Visit, language: str, width: int) -> None:
    packet = lucky_packet(share_count=12)
    for name in ("王小明", "Ann", "李雷", "Bo", "", "Chen", "赵敏", "Dora", "钱多多"):
        somebody_grabs(packet, name)
    visitor = visit(language, width)
    page = visitor.open(reverse("coupons:showcase"))
    visitor.wait_until_ready(page.locator(".packet-card"))
    visitor.photograph("red-packet-strip")
    page.locator(".packet-card").click()
    assert_fits(page, "a stranger's red packet", language)
    page.locator("a.packet-open").click()
    sign_in(page, language)
    visitor.wait_until_ready(page.locator("button.packet-open"))
    assert_fits(page, "an open red packet", language)
    visitor.photograph("red-packet-open")
    page.locator("button.packet-open").click()
    expect(page.locator(".packet-amount")).to_be_visible()
    expect(page.locator(".packet-row.is-mine")).to_have_count(1)
    assert_fits(page, "a red packet with a share", language)
    visitor.photograph("red-packet-mine")
    for name in ("孙悟空", "Eve"):
        somebody_grabs(packet, name)
    # The list grows by itself.
    expect(page.locator(".packet-luckiest")).to_have_count(1)
    visitor.photograph("red-packet-all-taken")


def test_the_button_appears_when_the_time_has_come(visit: Visit) -> None:
    packet = lucky_packet(opens_at=database_now() + timedelta(seconds=8))
    visitor = visit("en", 390)
    page = visitor.open(packet.get_absolute_url())
    expect(page.locator(".packet-wait")).to_contain_text("00:00:0")
    visitor.photograph("red-packet-wait")
    expect(page.locator(".packet-open")).to_be_visible()


def test_who_comes_too_late_is_told_without_a_new_page(visit: Visit) -> None:
    packet = lucky_packet(share_count=1)
    visitor = visit("zh-hans", 390)
    page = visitor.open(f"{reverse('users:sign_in')}?next={packet.get_absolute_url()}")
    sign_in(page, "zh-hans")
    visitor.wait_until_ready(page.locator("button.packet-open"))
    somebody_grabs(packet, "Ann")
    page.locator("button.packet-open").click()
    expect(page.locator(".packet.is-all_taken [role=alert]")).to_be_visible()
    visitor.photograph("red-packet-too-late")
    # The browser reports the refusal, 409, as an error of its own.
    visitor.complaints = [complaint for complaint in visitor.complaints if "409" not in complaint]


def lucky_packet(**changes: object) -> RedPacket:
    titles = {"title_en": "Weekend red packet", "title_zh": "周末红包"}
    return factories.make_red_packet(split=RedPacketSplit.RANDOM, total=66_00, **titles, **changes)


def somebody_grabs(packet: RedPacket, name: str) -> None:
    red_packet_grab(packet=packet, shopper=factories.make_shopper(name=name), now=database_now())


def sign_in(page: Page, language: str) -> None:
    shopper = factories.make_shopper(language=language, password=factories.PASSWORD, name="Mei")
    page.locator("input[name=username]").fill(shopper.username)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
