"""A coupon's page and its button."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from config.kernel.errors import Busy
from coupons.enums import AudienceKind, ScopeMode
from coupons.models import Claim, Coupon, ScopeEntry
from tests import factories
from tests.factories import LONG_FROM_NOW
from users.models import User

HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client: Client, shopper: User) -> Client:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


def claim(client: Client, coupon: Coupon, *, key: str | None = None, htmx: bool = True, **fields: str):
    data = {"key": key or str(uuid4()), **fields}
    return client.post(reverse("coupons:claim", args=[coupon.public_id]), data, headers=HTMX if htmx else {})


class TestPage:
    def test_says_every_condition(self, client: Client) -> None:
        coupon = factories.make_coupon(
            benefit_type="percent_off",
            percent_off=15,
            discount_cap=30_00,
            minimum_spend=99_00,
            is_exclusive=True,
            audience=AudienceKind.NEW_SHOPPERS,
            limit_per_shopper=3,
            limit_per_shopper_per_day=1,
            limit_per_day=500,
            usable_days=7,
            # Midnight in Shanghai: the last day is the 30th.
            claim_ends_at=datetime(2026, 11, 30, 16, tzinfo=UTC),
            description_en="Thank you.\n\nCome again.",
        )
        fruit, wine = factories.make_category(name_en="Fruit"), factories.make_product(name_en="Wine")
        ScopeEntry.objects.create(coupon=coupon, category=fruit)
        ScopeEntry.objects.create(coupon=coupon, product=wine, mode=ScopeMode.EXCLUDE)
        page = client.get(coupon.get_absolute_url()).content.decode()
        for words in (
            "15% off", "at most ¥30.00", "from ¥99.00", "after earlier discounts", "Fruit", "except Wine",
            "Usable for 7 days after claiming", "until the end of Nov. 30, 2026", "3 for each shopper",
            "1 a day for each shopper", "500 a day in all", "Alone on the order", "Shoppers who have not ordered yet",
            "<p>Come again.</p>", "Asia/Shanghai",
        ):  # fmt: skip
            assert words in page

    def test_names_a_few_of_many_products(self, client: Client) -> None:
        coupon = factories.make_coupon()
        category = factories.make_category()
        products = [factories.make_product(category=category) for _number in range(15)]
        ScopeEntry.objects.bulk_create(ScopeEntry(coupon=coupon, product=product) for product in products)
        page = client.get(coupon.get_absolute_url()).content.decode()
        assert "and 3 more" in page
        assert products[11].name_en in page
        assert products[12].name_en not in page

    @pytest.mark.parametrize(
        ("state", "words"),
        [("live", "Claim"), ("scheduled", "Not open yet"), ("paused", "Paused"), ("ended", "Claiming is over")],
    )
    def test_says_where_the_coupon_stands(self, client: Client, state: str, words: str) -> None:
        page = client.get(factories.make_coupon(state=state).get_absolute_url())
        assert page.status_code == 200
        assert words in page.content.decode()

    def test_a_draft_is_nobodys_to_see(self, client: Client, signed_in: Client) -> None:
        draft = factories.make_coupon(state="draft")
        assert client.get(draft.get_absolute_url()).status_code == 404
        assert claim(signed_in, draft).status_code == 404
        assert client.get(reverse("coupons:coupon", args=[uuid4()])).status_code == 404

    def test_a_coupon_with_a_code_asks_for_it(self, signed_in: Client) -> None:
        page = signed_in.get(factories.make_coupon(handout="code").get_absolute_url()).content.decode()
        assert "Enter a code" in page

    def test_a_scheduled_ticket_looks_again_when_its_time_has_come(self, client: Client) -> None:
        coupon = factories.make_coupon(state="scheduled")
        ticket = client.get(coupon.get_absolute_url(), headers=HTMX).content.decode()
        assert 'hx-trigger="countdown-over"' in ticket
        assert "<html" not in ticket


class TestClaiming:
    def test_one_click_one_claim(self, signed_in: Client, shopper: User, coupon: Coupon) -> None:
        answer = claim(signed_in, coupon)
        assert answer.status_code == 200
        assert "Claimed" in answer.content.decode()
        assert "It is yours!" in answer.content.decode()
        assert Claim.objects.get().shopper == shopper

    def test_a_double_click_is_one_claim(self, signed_in: Client) -> None:
        coupon = factories.make_coupon(limit_per_shopper=5)
        key = str(uuid4())
        answers = [claim(signed_in, coupon, key=key).status_code for _click in range(3)]
        assert answers == [200, 200, 200]
        assert Claim.objects.count() == 1

    def test_another_key_is_another_claim(self, signed_in: Client) -> None:
        coupon = factories.make_coupon(limit_per_shopper=2)
        answers = [claim(signed_in, coupon) for _click in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 409]
        assert Claim.objects.count() == 2

    def test_the_page_carries_a_key_made_by_the_server(self, signed_in: Client, coupon: Coupon) -> None:
        def keys() -> list[str]:
            return re.findall(r'name="key" value="([^"]+)"', signed_in.get(coupon.get_absolute_url()).content.decode())

        assert len(keys()) == 1
        assert keys() != keys()

    def test_without_scripts_it_comes_back_to_the_page(self, signed_in: Client, coupon: Coupon) -> None:
        answer = claim(signed_in, coupon, htmx=False)
        assert answer["Location"] == coupon.get_absolute_url()
        assert "It is yours!" in signed_in.get(answer["Location"]).content.decode()

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"stock": 0}, "All coupons have been claimed."),
            ({"state": "scheduled"}, "cannot be claimed yet"),
            ({"state": "ended"}, "can no longer be claimed"),
            ({"state": "paused"}, "paused for the moment"),
            ({"handout": "code"}, "needs a code"),
            ({"audience": "tagged", "audience_tag": "vip"}, "selected shoppers only"),
        ],
    )
    @pytest.mark.parametrize("htmx", [True, False])
    def test_a_refusal_is_precise(self, signed_in: Client, fields: dict, sentence: str, htmx: bool) -> None:
        stock = fields.get("stock", 10)
        coupon = factories.make_coupon(**{**fields, "stock": stock or 1})
        if not stock:
            factories.make_claim(coupon=coupon)
        before = Claim.objects.count()
        answer = claim(signed_in, coupon, htmx=htmx)
        if not htmx:
            answer = signed_in.get(answer["Location"])
        assert answer.status_code == (409 if htmx else 200)
        assert sentence in answer.content.decode().replace("&#x27;", "'")
        assert Claim.objects.count() == before

    def test_a_stranger_signs_in_and_comes_back(self, client: Client, coupon: Coupon) -> None:
        sign_in = f"{reverse('users:sign_in')}?next={coupon.get_absolute_url()}"
        assert claim(client, coupon, htmx=False)["Location"] == sign_in
        assert claim(client, coupon)["HX-Redirect"] == sign_in
        assert not Claim.objects.exists()

    def test_a_link_cannot_claim(self, signed_in: Client, coupon: Coupon) -> None:
        assert signed_in.get(reverse("coupons:claim", args=[coupon.public_id])).status_code == 405

    def test_needs_the_token_of_the_page(self, shopper: User, coupon: Coupon) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        assert claim(client, coupon).status_code == 403
        assert not Claim.objects.exists()

    @pytest.mark.parametrize("key", ["", "line\nbreak", "x" * 300])
    def test_a_form_without_a_proper_key_claims_nothing(self, signed_in: Client, coupon: Coupon, key: str) -> None:
        answer = signed_in.post(reverse("coupons:claim", args=[coupon.public_id]), {"key": key}, headers=HTMX)
        assert answer.status_code == 409
        assert "too old" in answer.content.decode()
        assert not Claim.objects.exists()

    def test_a_form_for_another_coupon_claims_nothing(self, signed_in: Client, coupon: Coupon) -> None:
        key = str(uuid4())
        claim(signed_in, coupon, key=key)
        other = factories.make_coupon()
        assert "too old" in claim(signed_in, other, key=key).content.decode()
        assert not Claim.objects.filter(coupon=other).exists()

    def test_a_busy_platform_says_when_to_try_again(
        self, signed_in: Client, coupon: Coupon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(**_arguments: object) -> None:
            raise Busy

        monkeypatch.setattr("coupons.web.coupon.claim_once", busy)
        answer = claim(signed_in, coupon)
        assert answer.status_code == 503
        assert answer["Retry-After"] == "1"

    def test_nobody_may_keep_a_page_that_shows_a_shopper(self, signed_in: Client, coupon: Coupon) -> None:
        assert "no-store" in signed_in.get(coupon.get_absolute_url())["Cache-Control"]

    def test_a_claim_until_tomorrow_counts_down(self, client: Client) -> None:
        coupon = factories.make_coupon(claim_ends_at=datetime.now(UTC) + timedelta(days=1), usable_until=LONG_FROM_NOW)
        assert "closes in {time}" in client.get(coupon.get_absolute_url()).content.decode()
