"""A coupon goes from one wallet to another, and a printed code into a wallet, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from coupons.links import code_link
from coupons.models import Claim
from tests import factories
from tests.browser.conftest import LANGUAGES, Visitor
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[[str, int], Visitor]


def sign_in(visitor: Visitor, shopper: User) -> None:
    """Signs in on the page that is shown."""
    page = visitor.page
    page.locator("input[name=username]").fill(shopper.username)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()


@pytest.mark.reliability(57)
@pytest.mark.parametrize(("language", "width"), [("zh-hans", 390), ("en", 1280)])
def test_a_gift_goes_from_wallet_to_wallet(visit: Visit, language: str, width: int) -> None:
    giver = factories.make_shopper(name="Mei", password=factories.PASSWORD, language=language)
    friend = factories.make_shopper(password=factories.PASSWORD, language=language)
    claim = factories.make_claim(shopper=giver, title_en="20 off", title_zh="满减券")
    visitor = visit(language, width)
    page = visitor.open(reverse("coupons:wallet"))
    sign_in(visitor, giver)
    visitor.photograph("gift-wallet")
    page.locator(f"a[href='{reverse('coupons:gift_offer', args=[claim.public_id])}']").click()
    page.locator("input[name=message]").fill("生日快乐! Happy birthday")
    visitor.photograph("gift-offer")
    page.locator("form:has(input[name=message]) button[type=submit]").click()
    link = page.locator("#gift-link").input_value()
    visitor.photograph("gift-link")
    visitor.open(reverse("coupons:gifts"))
    visitor.photograph("gifts")

    receiver = visit(language, width)
    path, secret = link.removeprefix("http://").partition("/")[2].split("#gift=")
    seen = receiver.open(f"/{path}#gift={secret}")
    expect(seen.locator(".gift-words")).to_contain_text("Happy birthday")
    assert secret not in seen.url
    receiver.photograph("gift-received")
    seen.locator(f"a.button[href^='{reverse('users:sign_in')}']").click()
    sign_in(receiver, friend)
    # Back on the page of the gift, which the tab remembers.
    receiver.wait_until_ready(seen.locator("#gift-accept"))
    receiver.photograph("gift-to-accept")
    seen.locator("#gift-accept button").click()
    expect(seen).to_have_url(re.compile(reverse("coupons:wallet")))
    receiver.photograph("gift-accepted")
    assert Claim.objects.get(shopper=friend).source == claim
    # The link is used up, and the tab has forgotten it.
    receiver.open(reverse("coupons:gift"))
    expect(seen.locator("#gift-token")).to_have_value("")


@pytest.mark.reliability(57)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_printed_code_fills_itself_in_and_outlasts_signing_in(visit: Visit, language: str) -> None:
    shopper = factories.make_shopper(password=factories.PASSWORD, language=language)
    code = factories.make_code(text="WELCOME-2026")
    visitor = visit(language, 390)
    page = visitor.open("/" + code_link(code.text).removeprefix("http://").partition("/")[2])
    expect(page.locator("#code-text")).to_have_value("WELCOME-2026")
    assert "WELCOME" not in page.url
    visitor.photograph("code")
    page.locator(f"a.button[href^='{reverse('users:sign_in')}']").click()
    sign_in(visitor, shopper)
    expect(page.locator("#code-text")).to_have_value("WELCOME-2026")
    page.locator("#code-form button[type=submit]").click()
    expect(page).to_have_url(re.compile(reverse("coupons:wallet")))
    assert Claim.objects.get().shopper == shopper
