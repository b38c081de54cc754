"""The cart at work: the best combination, another choice, promotions, hints, a code, delivery, units sent back."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from coupons.models import Claim, Envelope
from tests import factories
from tests.browser.conftest import LANGUAGES, Visitor
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[[str, int], Visitor]


def sign_in(visitor: Visitor, shopper: User) -> Page:
    page = visitor.open(reverse("users:sign_in"))
    page.locator("input[name=username]").fill(shopper.email)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    expect(page.locator(f"a[href='{reverse('users:account')}']").locator("visible=true")).to_have_count(1)
    return page


@pytest.mark.parametrize(("language", "width"), list(zip(LANGUAGES, (390, 1280), strict=True)))
def test_a_cart_is_priced_as_it_changes(visit: Visit, language: str, width: int) -> None:
    shopper = factories.make_shopper(email="mei@example.com", language=language, password=factories.PASSWORD)
    product = factories.make_product(name_en="Oolong tea", name_zh="乌龙茶", price=40_00)
    small = factories.make_claim(shopper=shopper, amount_off=3_00, stacking_group="shop", now=factories.NOW)
    large = factories.make_claim(
        shopper=shopper, amount_off=9_00, minimum_spend=50_00, stacking_group="shop", now=factories.NOW
    )
    factories.make_coupon(handout="automatic", amount_off=2_00)
    factories.make_code(coupon=factories.make_coupon(handout="code", amount_off=1_00), text="WELCOME2026")
    visitor = visit(language, width)
    page = sign_in(visitor, shopper)

    visitor.open(reverse("coupons:cart"))
    visitor.wait_until_ready(page.locator("#product-query"))
    page.locator("#product-query").fill(product.name_zh if language == "zh-hans" else product.name_en)
    page.locator("#products .product-add").click()
    # 40.00 less 2.00 by itself, less 3.00; of the larger one 10.00 are missing, less than are there.
    expect(page.locator("#payable")).to_contain_text("41.00")
    expect(page.locator("#coupons .is-promotion")).to_have_count(1)
    expect(page.locator("#hints .is-spend_more")).to_contain_text("10.00")
    expect(page.locator(f"[data-claim='{large.public_id}'] input")).to_be_disabled()

    page.locator("#lines .quantity-number").fill("2")
    expect(page.locator("#payable")).to_contain_text("75.00")
    expect(page.locator(f"[data-claim='{large.public_id}'] .cart-coupon-best")).to_be_visible()
    expect(page.locator("#best.is-good")).to_be_visible()
    expect(page.locator("#lines .line-discounts li")).to_have_count(2)
    visitor.photograph("cart")

    # Another choice is the shopper's to make; the page says what it costs.
    page.locator(f"[data-claim='{large.public_id}'] input").uncheck()
    expect(page.locator("#payable")).to_contain_text("84.00")
    page.locator(f"[data-claim='{small.public_id}'] input").check()
    expect(page.locator("#payable")).to_contain_text("81.00")
    expect(page.locator("#best")).to_contain_text("6.00")
    page.locator("#choose-for-me").click()
    expect(page.locator("#payable")).to_contain_text("75.00")

    page.locator("#cart-code").fill("welcome 2026")
    page.locator("#code-form button").click()
    expect(page.locator("#payable")).to_contain_text("74.00")
    page.locator("[name=shipping][value='0']").check()
    expect(page.locator("#payable")).to_contain_text("68.00")

    page.locator("#place-order").click()
    visitor.wait_until_ready(page.locator(".state-locked"))
    page.locator("[data-action=redeem]").click()
    visitor.wait_until_ready(page.locator(".state-redeemed"))
    page.locator("[data-line]").fill("1")
    page.locator("#return-some").click()
    expect(page.locator("[data-line][max='1']")).to_be_visible()
    expect(page.locator(".totals")).to_contain_text("34.00")
    visitor.photograph("partly-returned")


@pytest.mark.parametrize(("language", "width"), list(zip(LANGUAGES, (390, 1280), strict=True)))
def test_a_coupon_is_fitted_to_taste(visit: Visit, language: str, width: int) -> None:
    shopper = factories.make_shopper(email="mei@example.com", language=language, password=factories.PASSWORD)
    coupon = factories.make_coupon(amount_off=30_00)
    Envelope.objects.create(
        coupon=coupon,
        amount_minimum=5_00,
        amount_maximum=30_00,
        amount_step=1_00,
        factor_shortest=Decimal(4),
        factor_longest=Decimal(8),
        spend_maximum=300_00,
    )
    visitor = visit(language, width)
    page = sign_in(visitor, shopper)

    visitor.open(coupon.get_absolute_url())
    visitor.wait_until_ready(page.locator("#fit"))
    page.locator("[name=amount_off]").fill("1000")
    page.locator("[name=days]").fill("14")
    expect(page.locator("#fit-spend")).to_contain_text("80.00")
    page.locator("[name=minimum_spend]").fill("5000")
    # Never below the line.
    expect(page.locator("#fit-spend")).to_contain_text("80.00")
    visitor.photograph("fit")
    page.locator("#fit button[type=submit]").click()
    expect(page).to_have_url(re.compile(re.escape(coupon.get_absolute_url())))
    expect(page.locator(".ticket .stamp-good")).to_be_visible()
    made = Claim.objects.get(coupon=coupon)
    assert (made.amount_off, made.minimum_spend) == (10_00, 80_00)
