"""A plan that is tried, the demand forecast and a budget that ends, as a marketer sees them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from analytics.jobs.plan_requests import plan_requests_run
from analytics.jobs.stock_forecast import run_stock_forecast
from analytics.models import PlanRequest
from config.kernel.clock import database_now
from coupons.models import OrderLine
from tests import factories
from tests.analytics.builders import make_claim_at, make_order, make_plan, make_population
from tests.browser.conftest import LANGUAGES, WIDTHS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DAY = timedelta(days=1)
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


def sign_in(visitor: Visitor) -> None:
    boss = factories.make_marketer(language=visitor.language, password=factories.PASSWORD)
    page = visitor.open("/admin/")
    page.locator("input[name=username]").fill(boss.username)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    expect(page.locator("#figures-heading")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_plan_is_tried_by_a_worker_and_followed_on_its_page(
    visit: Callable[[str, int], Visitor], language: str, width: int
) -> None:
    now = database_now()
    make_population(now, each=5)
    plan = make_plan(now, budget=30_00)
    visitor = visit(language, width)
    sign_in(visitor)
    change = reverse("admin:analytics_allocationplan_change", args=[plan.pk])
    page = visitor.open(change)
    if width == min(WIDTHS):
        page.locator("[x-on\\:click*='showActions']").locator("visible=true").first.click()
    button = reverse("admin:analytics_allocationplan_try_last_month", args=[plan.pk])
    page.locator(f"[href='{button}'], [hx-get='{button}']").locator("visible=true").first.click()
    page.locator(f"form[hx-post*='{button}'], form[action*='{button}']").locator("button[type=submit]").click()
    expect(page.locator("[hx-get$='/progress/']")).to_be_visible()
    assert PlanRequest.objects.count() == 1
    visitor.photograph("plan-waits")
    # The page asks by itself, and is loaded anew once the worker is done.
    plan_requests_run(clock=database_now)
    link = page.locator(f"a[href='{reverse('admin:analytics_allocationplan_dry_run', args=[plan.pk])}']")
    expect(link).to_be_visible()
    assert page.evaluate(OVERFLOW) <= 0
    visitor.photograph("plan-done")
    link.click()
    expect(page.locator("table.figures caption").first).to_be_visible()
    assert page.evaluate(OVERFLOW) <= 0
    visitor.photograph("plan-dry-run")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_forecasts_fit_empty_and_full(visit: Callable[[str, int], Visitor], language: str, width: int) -> None:
    visitor = visit(language, width)
    sign_in(visitor)
    page = visitor.open(reverse("figures:demand"))
    expect(page.locator(".chart-empty")).to_be_visible()
    visitor.photograph("demand-empty")

    now = database_now()
    products = [factories.make_product() for _number in range(3)]
    shopper = factories.make_shopper()
    for week in range(18):
        for product in products[: 1 + week % 3]:
            order = make_order(shopper, now - (7 * week + 1) * DAY)
            OrderLine.objects.create(order=order, number=1, product=product, unit_price=9_00, quantity=1, payable=9_00)
    coupon = factories.make_coupon(stock=20, limit_per_shopper=1000)
    coupon.budgets.add(factories.make_budget(cap=50_00, spent=50_00))
    for day in range(1, 20):
        make_claim_at(shopper, coupon, now - day * DAY)
    run_stock_forecast(now=now)
    visitor.open(reverse("figures:demand"))
    expect(page.locator("svg.chart-drawing")).to_be_visible()
    expect(page.locator("section > .figures-panel tbody tr").last).to_be_visible()
    assert page.evaluate(OVERFLOW) <= 0
    visitor.photograph("demand-full")
    visitor.open(reverse("admin:coupons_coupon_change", args=[coupon.pk]))
    expect(page.locator("dl.stock-bars").first).to_be_visible()
    visitor.photograph("coupon-budget")
