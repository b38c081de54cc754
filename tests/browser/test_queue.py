"""The queue on a real screen: the place, the answer that appears by itself, the refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page, expect

from coupons.models import Claim, Coupon
from tests import factories
from tests.browser.conftest import LANGUAGES, WIDTHS, Visitor
from tests.browser.test_lottery import sign_in
from tests.browser.test_pages import assert_fits
from tests.coupons.queues import grant, take

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.REDIS_URL, reason="needs Redis"),
]

Visit = Callable[[str, int], Visitor]


def queue_up(coupon: Coupon, count: int) -> None:
    for _number in range(count):
        take(coupon, factories.make_shopper())


def click_claim(page: Page) -> None:
    page.locator(".ticket form button").click()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_from_the_click_to_the_coupon(visit: Visit, language: str, width: int) -> None:
    coupon = factories.make_coupon(is_queued=True, stock=100, minimum_spend=99_00)
    queue_up(coupon, 11)
    visitor = visit(language, width)
    page = visitor.open(coupon.get_absolute_url())
    page.locator(".ticket-foot a.button").click()
    sign_in(page, language)
    visitor.wait_until_ready(page.locator(".ticket form button"))
    click_claim(page)
    expect(page.locator(".queue-place")).to_contain_text("12")
    assert_fits(page, "a place in the queue", language)
    visitor.photograph("queue-place")

    # Others are served first; the page counts down by itself, and finds the same place when it is loaded again.
    grant(coupon, 7)
    expect(page.locator(".queue-place")).to_contain_text("5")
    page.reload()
    expect(page.locator(".queue-place")).to_contain_text("5")
    page.goto(visitor.home + reverse("coupons:showcase"))
    expect(page.locator(".queue-place")).to_contain_text("5")
    assert_fits(page, "a place in the queue on the showcase", language)
    visitor.photograph("queue-showcase")

    grant(coupon, 500)
    expect(page.locator(f"#coupon-{coupon.public_id} a[href='{reverse('coupons:wallet')}']")).to_be_visible()
    expect(page.locator(".queue-place")).to_have_count(0)
    assert_fits(page, "a coupon that was won in the queue", language)
    visitor.photograph("queue-won")
    assert Claim.objects.count() == 12


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_appears_by_itself(visit: Visit, language: str, width: int) -> None:
    coupon = factories.make_coupon(is_queued=True, stock=3)
    queue_up(coupon, 3)
    visitor = visit(language, width)
    page = visitor.open(coupon.get_absolute_url())
    page.locator(".ticket-foot a.button").click()
    sign_in(page, language)
    visitor.wait_until_ready(page.locator(".ticket form button"))
    click_claim(page)
    expect(page.locator(".queue-place")).to_contain_text("4")
    grant(coupon, 500)
    expect(page.locator(".ticket-refusal")).to_be_visible()
    expect(page.locator(".queue-place")).to_have_count(0)
    assert_fits(page, "a place in the queue that came to nothing", language)
    visitor.photograph("queue-refused")
