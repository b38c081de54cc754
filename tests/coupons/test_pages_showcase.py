"""The showcase as strangers and shoppers see it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from coupons.enums import BenefitType, CouponState
from coupons.models import Coupon, ScopeEntry
from coupons.templatetags.coupon_words import benefit_headline, headline_parts, threshold
from coupons.web.tickets import coupon_ticket
from tests import factories
from tests.factories import LONG_FROM_NOW, NOW
from users.models import User

HTMX = {"HX-Request": "true", "HX-Target": "results"}


def page_of(client: Client, headers: dict[str, str] | None = None, **asked: str) -> str:
    answer = client.get(reverse("coupons:showcase"), asked, headers=headers or {})
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
class TestWhatIsShown:
    def test_live_and_scheduled_coupons_and_no_others(self, client: Client) -> None:
        for state in CouponState:
            factories.make_coupon(state=state, title_en=f"In state {state}")
        factories.make_coupon(handout="code", title_en="Secret")
        page = page_of(client)
        shown = {state for state in CouponState if f"In state {state}" in page}
        assert shown == {CouponState.LIVE, CouponState.SCHEDULED}
        assert "Secret" not in page

    def test_what_a_marketer_typed_is_text_and_nothing_else(self, client: Client) -> None:
        factories.make_coupon(title_en="<script>alert(1)</script>")
        page = page_of(client)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page

    def test_pages_are_whole_without_scripts_and_styles_inside(self, client: Client, coupon: Coupon) -> None:
        page = page_of(client)
        assert " style=" not in page
        assert " onclick=" not in page
        assert "<script>" not in page
        assert '<html lang="en">' in page

    def test_an_empty_shop_says_so(self, client: Client) -> None:
        assert "No coupons at the moment" in page_of(client)

    def test_a_stranger_is_led_to_sign_in_and_back(self, client: Client, coupon: Coupon) -> None:
        assert f"{reverse('users:sign_in')}?next={coupon.get_absolute_url()}" in page_of(client)


@pytest.mark.django_db
class TestLooking:
    def test_filters_by_category_and_benefit(self, client: Client) -> None:
        fruit = factories.make_category(key="fruit", name_en="Fruit")
        ScopeEntry.objects.create(coupon=factories.make_coupon(title_en="On fruit"), category=fruit)
        bread = factories.make_category(key="bread")
        ScopeEntry.objects.create(coupon=factories.make_coupon(title_en="On bread"), category=bread)
        factories.make_coupon(title_en="On all", benefit_type=BenefitType.PERCENT_OFF)
        page = page_of(client, category="fruit")
        assert ("On fruit" in page, "On bread" in page, "On all" in page) == (True, False, True)
        page = page_of(client, benefit="percent_off")
        assert ("On fruit" in page, "On all" in page) == (False, True)

    def test_searches_and_says_when_nothing_fits(self, client: Client) -> None:
        factories.make_coupon(title_en="Apple week", title_zh="苹果周")
        assert "Apple week" in page_of(client, q="apple")
        assert "Apple week" in page_of(client, q="苹果")
        assert "No coupon fits" in page_of(client, q="pear")

    @pytest.mark.parametrize(
        "asked",
        [
            {"q": "\0", "category": "\0", "benefit": "\0", "sort": "\0", "page": "\0"},
            {"page": "-1"},
            {"page": "99999999999999999999"},
            {"page": "١"},
            {"q": "%" * 5000, "category": "' OR 1=1"},
        ],
    )
    def test_an_unreadable_address_is_no_error(self, client: Client, coupon: Coupon, asked: dict[str, str]) -> None:
        page_of(client, **asked)

    def test_htmx_gets_the_list_and_the_shortest_address(self, client: Client, coupon: Coupon) -> None:
        answer = client.get(
            reverse("coupons:showcase"), {"q": "", "benefit": "amount_off", "sort": "recommended"}, headers=HTMX
        )
        assert "<html" not in answer.content.decode()
        assert answer["HX-Push-Url"] == "/?benefit=amount_off"
        assert "HX-Request" in answer["Vary"]

    def test_typing_makes_no_history(self, client: Client, coupon: Coupon) -> None:
        answer = client.get(reverse("coupons:showcase"), {"q": "co"}, headers={**HTMX, "HX-Trigger-Name": "q"})
        assert answer["HX-Replace-Url"] == "/?q=co"

    def test_history_gets_the_whole_page(self, client: Client) -> None:
        assert "<html" in page_of(client, headers={**HTMX, "HX-History-Restore-Request": "true"})

    def test_goes_on_where_the_page_ended(self, client: Client) -> None:
        for _number in range(15):
            factories.make_coupon()
        first, second = page_of(client), page_of(client, headers={**HTMX, "HX-Target": "more"}, page="2")
        assert first.count("<article") == 12
        assert second.count("<article") == 3
        assert 'href="/?page=2"' in first
        assert 'id="more"' not in second


@pytest.mark.django_db
class TestEffort:
    def queries(self, client: Client) -> int:
        with CaptureQueriesContext(connection) as captured:
            page_of(client)
        return len(captured)

    @pytest.mark.parametrize("is_signed_in", [False, True])
    def test_queries_do_not_grow_with_coupons(self, client: Client, shopper: User, is_signed_in: bool) -> None:
        if is_signed_in:
            client.force_login(shopper, backend="users.backends.IdentifierBackend")
        factories.make_coupon()
        page_of(client)
        few = self.queries(client)
        for _number in range(11):
            coupon = factories.make_coupon()
            factories.make_claim(coupon=coupon, shopper=shopper)
        assert self.queries(client) == few

    def test_a_stranger_costs_no_look_at_messages_or_sessions(self, client: Client, coupon: Coupon) -> None:
        with CaptureQueriesContext(connection) as captured:
            page_of(client)
        asked = " ".join(query["sql"] for query in captured)
        assert "campaigns_message" not in asked
        assert "django_session" not in asked


@pytest.mark.django_db
class TestTickets:
    def ticket(self, remaining: int | None = 5, claimed: int = 0, not_for: str = "", **fields):
        coupon = factories.make_coupon(stock=fields.pop("stock", 10), **fields)
        coupon.remaining, coupon.claimed_by_shopper = remaining, claimed
        coupon.is_waited_for_by_shopper, coupon.not_for_shopper = False, not_for
        return coupon_ticket(coupon, now=NOW)

    @pytest.mark.parametrize(
        ("standing", "facts"),
        [
            ("open", {}),
            ("open", {"claimed": 1, "limit_per_shopper": 2}),
            ("claimed", {"claimed": 1}),
            ("claimed", {"claimed": 1, "remaining": 0}),
            ("sold_out", {"remaining": 0}),
            ("code", {"handout": "code"}),
            ("not_eligible", {"not_for": "not_selected"}),
            ("not_eligible", {"not_for": "not_selected", "remaining": 0}),
            ("not_eligible", {"not_for": "tag_needed", "handout": "code"}),
            ("not_eligible", {"not_for": "tag_needed", "state": "scheduled"}),
            ("claimed", {"not_for": "new_shoppers_only", "claimed": 1}),
            ("ended", {"not_for": "not_selected", "state": "ended"}),
            ("scheduled", {"state": "scheduled"}),
            ("paused", {"state": "paused"}),
            ("ended", {"state": "ended"}),
        ],
    )
    def test_stand_where_the_coupon_stands(self, standing: str, facts: dict) -> None:
        assert self.ticket(**facts).standing == standing

    @pytest.mark.parametrize(
        ("stock", "remaining", "percent"),
        [(10, 10, 0), (1000, 999, 1), (1000, 1, 99), (10, 0, 100), (None, None, None)],
    )
    def test_never_round_to_none_or_all(self, stock: int | None, remaining: int | None, percent: int | None) -> None:
        assert self.ticket(stock=stock, remaining=remaining).percent_claimed == percent

    def test_count_down_the_last_three_days(self) -> None:
        assert self.ticket(claim_ends_at=NOW + timedelta(days=3)).ends_soon
        assert not self.ticket(claim_ends_at=NOW + timedelta(days=3, seconds=1)).ends_soon
        assert not self.ticket(claim_ends_at=LONG_FROM_NOW).ends_soon

    def test_every_ticket_is_an_attempt_of_its_own(self) -> None:
        assert self.ticket().key != self.ticket().key


class TestWords:
    def coupon(self, **fields) -> Coupon:
        return Coupon(benefit_type=BenefitType.PERCENT_OFF if "percent_off" in fields else "amount_off", **fields)

    @pytest.mark.parametrize(
        ("fields", "number", "is_long"),
        [
            ({"amount_off": 20_00}, "20", False),
            ({"amount_off": 3_50}, "3.50", True),
            ({"amount_off": 1_200_00}, "1,200", True),
            ({"percent_off": Decimal("15.00")}, "15", False),
            ({"percent_off": Decimal("12.50")}, "12.5", True),
        ],
    )
    def test_a_stub_prints_the_number_large(self, fields: dict, number: str, is_long: bool) -> None:
        parts = headline_parts(self.coupon(**fields))
        assert (parts.number, parts.is_long) == (number, is_long)

    @pytest.mark.parametrize(("percent", "paid"), [("15", "8.5"), ("20", "8"), ("12.50", "8.75"), ("50", "5")])
    def test_chinese_names_the_tenths_that_are_paid(self, percent: str, paid: str) -> None:
        coupon = self.coupon(percent_off=Decimal(percent))
        with translation.override("zh-hans"):
            assert benefit_headline(coupon).startswith(paid)
            assert headline_parts(coupon).number == paid

    def test_words_and_signs_stand_apart_from_the_number(self) -> None:
        parts = headline_parts(self.coupon(amount_off=12_000_00))
        assert (parts.lead, parts.before, parts.number, parts.sign, parts.after) == ("", "¥", "12,000", "", "off")
        assert parts.is_longest
        parts = headline_parts(self.coupon(percent_off=Decimal(15)))
        assert (parts.before, parts.number, parts.sign, parts.after) == ("", "15", "%", "off")

    def test_a_threshold_is_short(self) -> None:
        assert threshold(self.coupon(amount_off=100, minimum_spend=5_000_00)) == "from ¥5,000"
        assert threshold(self.coupon(amount_off=100, minimum_spend=49_90)) == "from ¥49.90"
