"""The pages of figures in a browser: they fit, and lead from a number to what is behind it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from analytics.selectors.metrics.cut import Cut
from analytics.selectors.metrics.expiry import expiry_reasons
from campaigns.models import Campaign, CampaignCoupon
from config.kernel.clock import database_now
from coupons.enums import ClaimState
from coupons.models import Claim
from tests import factories
from tests.analytics.builders import make_claim_at, make_order
from tests.analytics.metrics.makers import JUNE, buy, in_june, use_coupon
from tests.browser.conftest import LANGUAGES, WIDTHS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

JUNE_ASKED = "first=2026-06-01&last=2026-06-30"
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


def make_june() -> Campaign:
    coupon = factories.make_coupon(stock=None, title_en="Ten off", title_zh="立减十元")
    campaign = Campaign.objects.create(
        key="june", title_en="June", title_zh="六月", starts_at=JUNE.start, ends_at=JUNE.end
    )
    CampaignCoupon.objects.create(campaign=campaign, coupon=coupon)
    use_coupon(factories.make_shopper(), coupon, in_june(2))
    make_order(factories.make_shopper(), in_june(3))
    for _ in range(3):
        forgot = factories.make_shopper()
        claim = make_claim_at(forgot, coupon, in_june(5), state=ClaimState.EXPIRED)
        Claim.objects.filter(pk=claim.pk).update(expires_at=in_june(12))
        buy(forgot, in_june(6), price=500_00)
    return campaign


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_number_leads_to_what_is_behind_it(visit: Callable[[str, int], Visitor], language: str, width: int) -> None:
    campaign = make_june()
    boss = factories.make_marketer(language=language, password=factories.PASSWORD)
    visitor = visit(language, width)
    page = visitor.open("/admin/")
    page.locator("input[name=username]").fill(boss.username)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    expect(page.locator("#figures-heading")).to_be_visible()

    for path in (
        f"/admin/?{JUNE_ASKED}",
        f"{reverse('figures:fairness')}?{JUNE_ASKED}",
        reverse("figures:report", args=[campaign.pk]),
        f"{reverse('figures:expiry')}?{JUNE_ASKED}",
    ):
        visitor.open(path)
        expect(page.locator("h1.figures-title")).to_have_count(1)
        assert page.evaluate(OVERFLOW) <= 0, path
        visitor.photograph(path.strip("/").partition("?")[0].replace("/", "-"))
    (found,) = expiry_reasons(Cut(JUNE), now=database_now())
    row = page.locator(".share-table tbody tr")
    expect(row.locator("td").first).to_have_text(str(found.claims))
    row.locator("a").click()
    expect(page.locator("#claims tbody tr")).to_have_count(found.claims)
