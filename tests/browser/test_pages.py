"""What holds for every page of the shop: it fits the screen, says its language and names everything in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests import factories
from tests.browser.conftest import LANGUAGES, WIDTHS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[[str, int], Visitor]

# Pictures without an alternative text at all, and controls that a screen reader could not name.
NAMELESS = """() => {
  const named = (control) =>
    control.labels?.length || control.ariaLabel || control.getAttribute("aria-labelledby") || control.title;
  const inputs = document.querySelectorAll("input:not([type=hidden]):not([type=submit]), select, textarea");
  const presses = [...document.querySelectorAll("button, a[href]")].filter(
    (each) => !each.textContent.trim() && !each.ariaLabel && !each.querySelector("img[alt]:not([alt=''])"));
  return [
    ...[...document.images].filter((image) => image.getAttribute("alt") === null),
    ...[...inputs].filter((control) => !named(control)),
    ...presses,
  ].map((element) => element.outerHTML.slice(0, 160));
}"""
TOO_WIDE = """() => [...document.body.querySelectorAll("*")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5)
  .map((element) => element.outerHTML.slice(0, 120)).slice(0, 5)"""


def assert_fits(page: Page, path: str, language: str) -> None:
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert page.locator("h1").count() == 1, path
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, (path, overflow, page.evaluate(TOO_WIDE))
    assert page.evaluate(NAMELESS) == [], path


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_fits_and_names_what_it_shows(visit: Visit, language: str, width: int) -> None:
    shopper = factories.make_shopper(language=language, password=factories.PASSWORD, name="Mei", with_profile=True)
    title = {"title_en": "A long title " * 6, "title_zh": "很长的优惠券标题" * 6}
    coupon = factories.make_claim(shopper=shopper, **title).coupon
    factories.make_product(name_en="A product with a long name " * 3, name_zh="名字很长的商品" * 5)
    visitor = visit(language, width)
    for path in (reverse("coupons:showcase"), coupon.get_absolute_url(), reverse("users:sign_up")):
        assert_fits(visitor.open(path), path, language)

    sign_in = reverse("users:sign_in")
    page = visitor.open(sign_in)
    assert_fits(page, sign_in, language)
    page.locator("input[name=username]").fill(shopper.username)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    # In the header of a wide screen, in the bar at the foot of a narrow one.
    expect(page.locator(f"a[href='{reverse('users:account')}']").locator("visible=true")).to_have_count(1)
    for name in ("coupons:showcase", "coupons:wallet", "users:account", "campaigns:inbox"):
        assert_fits(visitor.open(reverse(name)), name, language)

    visitor.open(reverse("coupons:cart"))
    page.locator("#products .product-add").first.click()
    expect(page.locator("#coupons .is-applied")).to_have_count(1)
    assert_fits(page, "coupons:cart", language)


def test_a_visitor_complains_about_what_a_page_may_not_do(visit: Visit) -> None:
    visitor = visit("en", 1280)
    page = visitor.open(reverse("users:sign_in"))
    assert visitor.complaints == []
    with page.expect_event("console"):
        page.evaluate("""() => {
          const script = document.createElement("script");
          script.textContent = "window.wasRun = true";
          document.head.append(script);
        }""")
    assert page.evaluate("window.wasRun") is None
    assert "Content Security Policy" in visitor.complaints.pop()
