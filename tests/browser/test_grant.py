"""A marketer grants a coupon to an audience: drafted, started, and watched while the page moves by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from campaigns.enums import GrantState
from campaigns.models import Grant
from campaigns.services.grants import grant_run
from config.kernel.clock import database_now
from coupons.enums import AudienceKind
from tests import factories
from tests.browser.conftest import LANGUAGES, WIDTHS, Visitor
from tests.concurrency.test_claims import crowd_of
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADMIN_SHOWS_BUTTONS_FROM = 1024  # pixels; below, they are in a menu


class Interrupted(Exception):
    """The worker stops after a chunk."""


def interrupt(_shoppers: int) -> None:
    raise Interrupted


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_from_the_coupon_to_the_last_shopper(visit: Callable[[str, int], Visitor], language: str, width: int) -> None:
    marketer = factories.make_marketer(language=language, password=factories.PASSWORD)
    coupon = factories.make_coupon(
        stock=50,
        title_en="Thank-you coupon",
        title_zh="答谢券",
        audience=AudienceKind.NEW_SHOPPERS,
    )
    crowd = crowd_of(40)
    factories.make_paid_order(shopper=crowd[0], payable=10_00)
    visitor = visit(language, width)
    draft(visitor, marketer, coupon.pk)
    grant = Grant.objects.get()
    visitor.photograph("grant-draft")

    press(visitor, "start")
    page = visitor.page
    bar = page.locator(".batch-progress progress")
    expect(bar).to_have_attribute("value", "0")
    visitor.photograph("grant-started")
    with pytest.raises(Interrupted):
        grant_run(grant_id=grant.pk, clock=database_now, chunk_size=10, progressed=interrupt)
    # Nobody touches the page.
    expect(bar).to_have_attribute("value", "25")
    visitor.photograph("grant-running")
    grant_run(grant_id=grant.pk, clock=database_now, chunk_size=10)
    expect(bar).to_have_attribute("value", "100")
    expect(page.locator("[hx-get*='/pause'], [href*='/pause']")).to_have_count(0)
    expect(page.locator(".batch-refusals tbody tr")).to_have_count(1)
    visitor.photograph("grant-done")
    grant.refresh_from_db()
    assert (grant.state, grant.granted, grant.refused) == (GrantState.DONE, 39, {"new_shoppers_only": 1})
    page.goto(visitor.home + reverse("admin:campaigns_grant_changelist"))
    visitor.wait_until_ready(page.locator("#result_list"))
    visitor.photograph("grant-list")


def draft(visitor: Visitor, marketer: User, coupon_id: int) -> None:
    page = visitor.open(reverse("admin:coupons_coupon_grant", args=[coupon_id]))
    page.locator("input[name=username]").fill(marketer.username)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    visitor.wait_until_ready(page.locator("#grant_form"))
    visitor.photograph("grant-form")
    page.locator("[name=_save]").locator("visible=true").first.click()
    visitor.wait_until_ready(page.locator(".batch-progress"))


def press(visitor: Visitor, button: str) -> None:
    page = visitor.page
    if visitor.width < ADMIN_SHOWS_BUTTONS_FROM:
        page.locator("[x-on\\:click*='showActions']").locator("visible=true").first.click()
    page.locator(f"[href*='/{button}'], [hx-get*='/{button}']").locator("visible=true").first.click()
    page.locator(f"form[hx-post*='/{button}'], form[action*='/{button}']").locator("button[type=submit]").click()
    visitor.wait_until_ready(page.locator(".batch-progress progress"))
