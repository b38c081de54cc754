"""A stranger claims by a code, on a phone and on a desk, in both languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from django.urls import reverse
from playwright.sync_api import expect

from coupons.models import Claim
from tests import factories
from tests.browser.conftest import LANGUAGES, WIDTHS, Visitor
from tests.browser.test_pages import assert_fits
from tests.users.codes import MEI, last_digits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[[str, int], Visitor]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_from_the_coupons_page_to_the_wallet_and_pressing_twice_does_no_harm(
    visit: Visit, language: str, width: int
) -> None:
    coupon = factories.make_coupon(title_en="Ten off", title_zh="立减十元")
    visitor = visit(language, width)
    page = visitor.open(coupon.get_absolute_url())
    assert_fits(page, "coupon", language)
    visitor.photograph("quick-claim-coupon")
    page.locator("input[name=address]").fill(MEI)
    page.locator("form:has(input[name=address]) button").dblclick()

    digits = page.locator("input[name=digits]")
    visitor.wait_until_ready(digits)
    assert_fits(page, "code", language)
    visitor.photograph("quick-claim-code")
    assert len(mail.outbox) == 1
    digits.fill(last_digits())
    page.locator("form:has(input[name=digits]) button").dblclick()

    expect(page).to_have_url(visitor.home + reverse("coupons:wallet"))
    expect(page.locator("main")).to_contain_text(coupon.title_zh if language == "zh-hans" else coupon.title_en)
    assert Claim.objects.get().shopper.email == MEI


def test_signing_in_by_a_code_starts_at_the_sign_in_page(visit: Visit) -> None:
    visitor = visit("en", 390)
    page = visitor.open(reverse("users:sign_in"))
    page.get_by_role("link", name="Sign in with a code").click()
    visitor.wait_until_ready(page.locator("input[name=address]"))
    assert_fits(page, "address", "en")
    visitor.photograph("sign-in-by-code")
