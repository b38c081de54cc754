"""The main job from end to end: a marketer publishes a coupon; a shopper claims it, uses it and gets it back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from coupons.enums import CouponState, CouponStatus
from coupons.models import Coupon, Product
from tests import factories
from tests.browser.conftest import LANGUAGES, WIDTHS, Visitor
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[[str, int], Visitor]

ADMIN_SHOWS_BUTTONS_FROM = 1024  # pixels; below, they are in a menu


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_from_publishing_to_a_refund(visit: Visit, language: str, width: int) -> None:
    marketer = factories.make_marketer(language=language, password=factories.PASSWORD)
    coupon = factories.make_coupon(
        state=CouponState.DRAFT, stock=5, title_en="Autumn tea festival", title_zh="秋茶节优惠券"
    )
    factories.make_coupon(title_en="Winter boots", title_zh="冬靴优惠券")
    product = factories.make_product(name_en="Oolong tea", name_zh="乌龙茶", price=100_00)

    publish(visit(language, width), marketer, coupon)
    shopper = visit(language, width)
    sign_up(shopper)
    claim(shopper, coupon)
    put_into_cart(shopper, product)
    order(shopper)
    pay_and_return(shopper)
    find_usable_again(shopper, coupon)


def publish(visitor: Visitor, marketer: User, coupon: Coupon) -> None:
    page = visitor.open(reverse("admin:coupons_coupon_change", args=[coupon.pk]))
    page.locator("input[name=username]").fill(marketer.username)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    visitor.wait_until_ready(page.locator("#coupon_form"))
    if visitor.width < ADMIN_SHOWS_BUTTONS_FROM:
        page.locator("[x-on\\:click*='showActions']").locator("visible=true").first.click()
    page.locator("[href*='/publish'], [hx-get*='/publish']").locator("visible=true").first.click()
    page.locator("form[hx-post*='/publish'], form[action*='/publish']").locator("button[type=submit]").click()
    expect(page.locator("[href*='/pause'], [hx-get*='/pause']").first).to_be_attached()
    coupon.refresh_from_db()
    assert coupon.status == CouponStatus.PUBLISHED


def sign_up(visitor: Visitor) -> None:
    page = visitor.open(reverse("users:sign_up"))
    page.locator("input[name=name]").fill("Mei")
    page.locator("input[name=identifier]").fill("mei@example.com")
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    # In the header of a wide screen, in the bar at the foot of a narrow one.
    expect(page.locator(f"a[href='{reverse('users:account')}']").locator("visible=true")).to_have_count(1)


def claim(visitor: Visitor, coupon: Coupon) -> None:
    page, title = visitor.page, title_of(coupon, visitor)
    visitor.wait_until_ready(page.locator("#tickets > li:nth-child(2)"))
    visitor.photograph("showcase")
    page.locator("#q").press_sequentially(title[:3])
    expect(page.locator("#tickets > li")).to_have_count(1)
    page.get_by_role("link", name=title).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.locator(f"form[action='{reverse('coupons:claim', args=[coupon.public_id])}'] button").click()
    expect(page.locator(".ticket .stamp-good")).to_be_visible()
    page.locator(f".ticket a[href='{reverse('coupons:wallet')}']").click()
    expect(page.locator("#wallet .ticket")).to_have_count(1)
    expect(page.locator("#wallet .ticket")).to_contain_text(title)


def put_into_cart(visitor: Visitor, product: Product) -> None:
    page, name = visitor.page, product.name_zh if visitor.language == "zh-hans" else product.name_en
    page.locator(f"#wallet .ticket a[href^='{reverse('coupons:cart')}']").click()
    visitor.wait_until_ready(page.locator("#product-query"))
    page.locator("#product-query").fill(name)
    page.locator("#products .product", has_text=name).locator(".product-add").click()
    expect(page.locator("#lines .line")).to_have_count(1)
    expect(page.locator("#coupons .is-applied")).to_have_count(1)
    expect(page.locator("#subtotal")).to_contain_text("100.00")
    expect(page.locator("#discount")).to_contain_text("10.00")
    # With delivery for 6.00.
    expect(page.locator("#payable")).to_contain_text("96.00")
    expect(page.locator("#lines .line-saving")).to_contain_text("10.00")


def order(visitor: Visitor) -> None:
    page = visitor.page
    page.locator("#place-order").click()
    expect(page).to_have_url(re.compile(r"/orders/"))
    visitor.wait_until_ready(page.locator(".state-locked"))
    expect(page.locator(".totals .payable")).to_contain_text("96.00")


def pay_and_return(visitor: Visitor) -> None:
    page = visitor.page
    page.locator("[data-action=redeem]").click()
    visitor.wait_until_ready(page.locator(".state-redeemed"))
    page.locator("[data-action=refund]").click()
    expect(page.locator(".state-refunded")).to_be_visible()
    expect(page.locator("[data-action]")).to_have_count(0)


def find_usable_again(visitor: Visitor, coupon: Coupon) -> None:
    page = visitor.open(reverse("coupons:wallet"))
    expect(page.locator("#tab-usable .tab-count")).to_have_text("1")
    expect(page.locator("#wallet .ticket")).to_contain_text(title_of(coupon, visitor))
    expect(page.locator(f"#wallet .ticket a[href^='{reverse('coupons:cart')}']")).to_be_visible()


def title_of(coupon: Coupon, visitor: Visitor) -> str:
    return coupon.title_zh if visitor.language == "zh-hans" else coupon.title_en
