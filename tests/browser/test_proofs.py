"""A browser works for a coupon that bots go for: what its script finds is what the server looks for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import pytest
from django.core import mail
from django.urls import reverse
from playwright.sync_api import Page, Route, expect
from pytest_django import Settings

from config.kernel.proof_of_work import challenge_make
from coupons.models import Claim, Coupon
from tests import factories
from tests.browser.conftest import LANGUAGES, WIDTHS, Visitor
from tests.browser.test_pages import assert_fits
from tests.factories import NOW
from tests.proofs import solution
from tests.users.codes import MEI, last_digits
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visit = Callable[[str, int], Visitor]

SOLVE = """challenges => Promise.all(challenges.map((challenge) => new Promise((resolve) => {
  const worker = new Worker("/static/js/proof_worker.js");
  worker.addEventListener("message", ({data}) => { worker.terminate(); resolve(data); });
  worker.postMessage(challenge);
})))"""
CHECKING = {"zh-hans": "正在检查浏览器", "en": "Checking your browser"}


def sign_in(visitor: Visitor, shopper: User) -> Page:
    page = visitor.open(reverse("users:sign_in"))
    page.locator("input[name=username]").fill(shopper.username)
    page.locator("input[name=password]").fill(factories.PASSWORD)
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    visitor.wait_until_ready(page.locator(f"a[href='{reverse('users:account')}']").locator("visible=true"))
    return page


def button(page: Page, coupon: Coupon) -> str:
    return f"form[action='{reverse('coupons:claim', args=[coupon.public_id])}'] button"


@pytest.fixture
def mei(db: None) -> User:
    return factories.make_shopper(password=factories.PASSWORD, name="Mei")


@pytest.fixture
def hot(db: None) -> Coupon:
    return factories.make_coupon(needs_proof_of_work=True, title_en="Midnight drop", title_zh="午夜抢购券")


def test_the_script_finds_what_the_server_has_hidden(visit: Visit) -> None:
    page = visit("en", 390).open(reverse("users:sign_in"))
    challenges = [challenge_make(bound_to="this", maxnumber=2_000, now=NOW) for _number in range(20)]
    numbers = [solution(each)["number"] for each in challenges]
    assert page.evaluate(SOLVE, challenges) == numbers
    # Longer salts are hashed in more than one block, and at every distance from the end of a block.
    for length in range(40, 190, 7):
        salt = "s" * length
        longer = {**challenges[0], "salt": salt, "challenge": sha256(f"{salt}17")}
        assert page.evaluate(SOLVE, [longer]) == [17], length
    # Nothing to find.
    assert page.evaluate(SOLVE, [{**challenges[0], "challenge": "0" * 64}]) == [None]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_claiming_on_the_coupons_page(visit: Visit, mei: User, hot: Coupon, language: str, width: int) -> None:
    mei.language = language
    mei.save(update_fields=["language"])
    visitor = visit(language, width)
    page = sign_in(visitor, mei)
    # The answer that brings the challenge is held back, so that the page can be looked at while it works.
    held: list[Route] = []
    page.route(re.compile("/challenge$"), lambda route: held.append(route))  # noqa: PLW0108  # playwright looks into the function
    visitor.open(hot.get_absolute_url())
    press = page.locator(button(page, hot))
    press.dblclick()
    status = page.locator(".proof-status")
    expect(status).to_contain_text(CHECKING[language])
    expect(press).to_have_attribute("aria-busy", "true")
    assert_fits(page, "coupon", language)
    visitor.photograph("proof-checking")
    assert len(held) == 1
    held[0].continue_()
    expect(page.locator(".ticket .stamp-good")).to_be_visible()
    visitor.photograph("proof-claimed")
    assert Claim.objects.get().shopper == mei


def test_claiming_on_the_showcase_begins_with_the_press(visit: Visit, mei: User, hot: Coupon) -> None:
    visitor = visit("en", 1280)
    asked: list[str] = []
    page = sign_in(visitor, mei)
    page.on("request", lambda request: asked.append(request.url) if "/challenge" in request.url else None)
    visitor.open(reverse("coupons:showcase"))
    visitor.wait_until_ready(page.locator(button(page, hot)))
    assert asked == []
    page.locator(button(page, hot)).click()
    expect(page.locator(".ticket .stamp-good")).to_be_visible()
    assert len(asked) == 1
    assert Claim.objects.count() == 1


def test_each_claim_is_worked_for_and_a_lost_answer_does_no_harm(visit: Visit, mei: User) -> None:
    hot = factories.make_coupon(needs_proof_of_work=True, limit_per_shopper=3)
    visitor = visit("en", 390)
    page = sign_in(visitor, mei)
    visitor.open(hot.get_absolute_url())

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    claim_url = re.compile("/claim/$")
    page.route(claim_url, lose_the_answer, times=1)
    page.locator(button(page, hot)).click()
    expect(page.locator("#toast")).to_contain_text("No connection")
    assert Claim.objects.count() == 1
    # The same attempt, with a fresh proof.
    page.locator(button(page, hot)).click()
    expect(page.locator("#announcer")).to_contain_text("It is yours!")
    assert Claim.objects.count() == 1
    page.locator(button(page, hot)).click()
    expect(page.locator(".ticket-held")).to_contain_text("2 claimed")
    assert Claim.objects.count() == 2
    visitor.complaints[:] = [each for each in visitor.complaints if "ERR_FAILED" not in each and "htmx" not in each]


def test_a_fitted_coupon_is_worked_for(visit: Visit, mei: User, hot: Coupon) -> None:
    factories.make_envelope(coupon=hot)
    visitor = visit("en", 390)
    page = sign_in(visitor, mei)
    visitor.open(hot.get_absolute_url())
    page.locator("#fit button").click()
    expect(page.locator(".messages")).to_contain_text("It is yours!")
    assert Claim.objects.get().amount_off is not None


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stranger_claims_by_a_code_and_may_mistype_it(
    visit: Visit, hot: Coupon, settings: Settings, language: str, width: int
) -> None:
    visitor = visit(language, width)
    page = visitor.open(hot.get_absolute_url())
    page.locator("input[name=address]").fill(MEI)
    page.locator("form:has(input[name=address]) button").click()
    digits = page.locator("input[name=digits]")
    visitor.wait_until_ready(digits)
    right = last_digits()
    digits.fill("000000" if right != "000000" else "111111")
    page.locator("form:has(input[name=digits]) button").click()
    expect(page.locator(".notice-error")).to_be_visible()
    visitor.wait_until_ready(digits)
    assert_fits(page, "code", language)
    visitor.photograph("proof-code")
    digits.fill(right)
    page.locator("form:has(input[name=digits]) button").dblclick()
    expect(page).to_have_url(visitor.home + reverse("coupons:wallet"))
    assert Claim.objects.get().shopper.email == MEI
    assert len(mail.outbox) == 1
    # The console of a browser tells of every answer that refuses.
    visitor.complaints[:] = [each for each in visitor.complaints if "status of 4" not in each]


def test_without_scripts_the_page_says_what_it_needs(
    visit: Visit, mei: User, hot: Coupon, new_context: Callable
) -> None:
    visitor = visit("en", 390)
    sign_in(visitor, mei)
    context = new_context(java_script_enabled=False, storage_state=visitor.page.context.storage_state())
    page = context.new_page()
    page.goto(visitor.home + hot.get_absolute_url())
    # What stands in a noscript element is not shown where scripts are turned off from outside the browser.
    assert "needs JavaScript" in page.content()
    page.locator(button(page, hot)).click()
    expect(page.locator(".messages")).to_contain_text("needs JavaScript")
    assert not Claim.objects.exists()
