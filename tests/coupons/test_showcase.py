"""What a visitor finds, in which order, at which cost in queries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from coupons.enums import BenefitType, CouponState, ScopeMode
from coupons.models import Category, Coupon, ScopeEntry
from coupons.selectors.showcase import SORTS, showcase_categories, showcase_coupons
from tests import factories
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db


def include(coupon: Coupon, **target: object) -> Coupon:
    ScopeEntry.objects.create(coupon=coupon, mode=ScopeMode.INCLUDE, **target)
    return coupon


def test_shows_live_and_scheduled_coupons_and_nothing_else() -> None:
    made = {state: factories.make_coupon(state=state) for state in CouponState}
    factories.make_coupon(handout="code")
    assert set(showcase_coupons(now=NOW)) == {made[CouponState.LIVE], made[CouponState.SCHEDULED]}


def test_tells_what_is_left_and_what_the_shopper_has(shopper: User, outsider: User) -> None:
    coupon = factories.make_coupon(stock=32, bucket_count=16)
    unlimited = factories.make_coupon(stock=None)
    factories.make_claim(shopper=shopper, coupon=coupon)
    shown = {each: each for each in showcase_coupons(now=NOW, shopper=shopper)}
    assert (shown[coupon].remaining, shown[coupon].claimed_by_shopper) == (31, 1)
    assert (shown[unlimited].remaining, shown[unlimited].claimed_by_shopper) == (None, 0)
    assert {each.claimed_by_shopper for each in showcase_coupons(now=NOW, shopper=outsider)} == {0}


class TestCategories:
    @pytest.fixture
    def shelf(self) -> dict[str, Category]:
        food = factories.make_category(key="food")
        dairy = factories.make_category(key="dairy", parent=food)
        return {"food": food, "dairy": dairy, "toys": factories.make_category(key="toys")}

    def test_a_category_finds_what_counts_it_above_it_under_it_and_everywhere(self, shelf: dict[str, Category]) -> None:
        everywhere = factories.make_coupon()
        food = include(factories.make_coupon(), category=shelf["food"])
        dairy = include(factories.make_coupon(), category=shelf["dairy"])
        milk = include(factories.make_coupon(), product=factories.make_product(category=shelf["dairy"]))
        toys = include(factories.make_coupon(), category=shelf["toys"])
        found = {key: set(showcase_coupons(now=NOW, category_key=key)) for key in shelf}
        assert found == {
            "food": {everywhere, food, dairy, milk},
            "dairy": {everywhere, food, dairy, milk},
            "toys": {everywhere, toys},
        }

    def test_an_exclusion_does_not_hide_a_coupon_from_the_rest(self, shelf: dict[str, Category]) -> None:
        coupon = factories.make_coupon()
        ScopeEntry.objects.create(coupon=coupon, mode=ScopeMode.EXCLUDE, category=shelf["toys"])
        assert coupon in showcase_coupons(now=NOW, category_key="food")

    def test_only_categories_with_something_behind_them_are_offered(self, shelf: dict[str, Category]) -> None:
        include(factories.make_coupon(), category=shelf["dairy"])
        include(factories.make_coupon(state=CouponState.ENDED), category=shelf["toys"])
        assert list(showcase_categories(now=NOW)) == [shelf["dairy"]]


class TestSearch:
    @pytest.mark.parametrize("query", ["milk", "MILK fresh", "鲜奶", "鲜 Milk", "  milk  "])
    def test_finds_all_words_in_either_language(self, query: str) -> None:
        coupon = factories.make_coupon(title_en="Fresh milk", title_zh="鲜奶", description_zh="每天")
        factories.make_coupon(title_en="Fresh bread", title_zh="面包")
        assert list(showcase_coupons(now=NOW, query=query)) == [coupon]

    @pytest.mark.parametrize("query", ["%", "_", "\\", "'; --", "\0", "a" * 10_000, " ".join("abcdefghijklmnop")])
    def test_hostile_words_find_nothing_and_break_nothing(self, query: str) -> None:
        factories.make_coupon(title_en="Milk", title_zh="牛奶")
        assert len(showcase_coupons(now=NOW, query=query)) in {0, 1}


class TestSorting:
    def test_ending_soon_first(self) -> None:
        late = factories.make_coupon(claim_ends_at=NOW + timedelta(days=9))
        soon = factories.make_coupon(claim_ends_at=NOW + timedelta(days=1))
        assert list(showcase_coupons(now=NOW, sort="ending")) == [soon, late]

    def test_biggest_discount_first(self) -> None:
        small = factories.make_coupon(amount_off=5_00)
        capped = factories.make_coupon(benefit_type=BenefitType.PERCENT_OFF, percent_off=50, discount_cap=20_00)
        big = factories.make_coupon(amount_off=30_00)
        assert list(showcase_coupons(now=NOW, sort="discount")) == [big, capped, small]

    def test_what_can_be_had_now_comes_before_what_cannot(self) -> None:
        scheduled = factories.make_coupon(state=CouponState.SCHEDULED)
        gone = factories.make_coupon(stock=1)
        factories.make_claim(coupon=gone)
        open_now = factories.make_coupon()
        assert list(showcase_coupons(now=NOW)) == [open_now, gone, scheduled]

    @pytest.mark.parametrize("sort", [*SORTS, "", "nonsense"])
    def test_every_order_is_total(self, sort: str) -> None:
        for _ in range(5):
            factories.make_coupon()
        first = list(showcase_coupons(now=NOW, sort=sort))
        assert first == list(showcase_coupons(now=NOW, sort=sort))
        assert len(first) == 5


def test_costs_two_queries_however_many_coupons(shopper: User, django_assert_num_queries) -> None:
    for _ in range(20):
        factories.make_coupon()
    with django_assert_num_queries(2):
        for coupon in showcase_coupons(now=NOW, shopper=shopper):
            assert coupon.stock.is_unlimited is False
