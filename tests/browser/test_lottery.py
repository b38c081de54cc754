"""A lottery on a real screen: the strip, the entry, the result, the proof."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from config.kernel.clock import database_now
from coupons.models import Lottery
from coupons.services.lotteries import lottery_draw, lottery_enter
from tests import factories
from tests.browser.conftest import LANGUAGES, WIDTHS, Visitor
from tests.browser.test_pages import assert_fits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[[str, int], Visitor]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_from_the_showcase_to_the_proof(visit: Visit, language: str, width: int) -> None:
    lottery = weekend_lottery(winner_count=5)
    for _ in range(4):
        lottery_enter(lottery=lottery, shopper=factories.make_shopper(), now=database_now())
    visitor = visit(language, width)
    page = visitor.open(reverse("coupons:showcase"))
    visitor.wait_until_ready(page.locator(".lottery-card"))
    visitor.photograph("lottery-strip")
    page.locator(".lottery-card").click()
    assert_fits(page, "a stranger's lottery", language)
    page.locator("a.lottery-enter").click()
    sign_in(page, language)
    visitor.wait_until_ready(page.locator("button.lottery-enter"))
    assert_fits(page, "an open lottery", language)
    visitor.photograph("lottery-open")
    page.locator("button.lottery-enter").click()
    expect(page.locator(".lottery-ticket")).to_be_visible()
    assert_fits(page, "a lottery that was entered", language)
    visitor.photograph("lottery-entered")
    draw_at_once(lottery)
    page.reload()
    expect(page.locator(".lottery.is-won")).to_be_visible()
    page.locator(".lottery-proof summary").click()
    assert_fits(page, "a lottery that was won", language)
    visitor.photograph("lottery-won")
    with page.expect_download() as download:
        page.locator(".lottery-downloads a").first.click()
    assert download.value.suggested_filename == f"lottery-{lottery.public_id}.json"
    page.locator("#lottery-proof").scroll_into_view_if_needed()
    visitor.photograph("lottery-proof")


def test_the_page_changes_by_itself_when_the_entries_close(visit: Visit) -> None:
    lottery = weekend_lottery(closes_at=database_now() + timedelta(seconds=8))
    visitor = visit("zh-hans", 390)
    page = visitor.open(lottery.get_absolute_url())
    expect(page.locator(".lottery.is-open")).to_be_visible()
    expect(page.locator(".lottery.is-closed")).to_be_visible()
    visitor.photograph("lottery-closed")


def weekend_lottery(**changes: Any) -> Lottery:
    return factories.make_lottery(
        title_en="Weekend lottery", title_zh="周末抽奖", weight_tag="vip", weight=3, **changes
    )


def draw_at_once(lottery: Lottery) -> None:
    now = database_now()
    Lottery.objects.filter(pk=lottery.pk).update(closes_at=now)
    lottery_draw(lottery=lottery, now=now)


def sign_in(page: Page, language: str) -> None:
    shopper = factories.make_shopper(language=language, password=factories.PASSWORD, name="Mei")
    page.locator("input[name=username]").fill(shopper.username)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
