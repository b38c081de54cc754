"""Why a claim expired: one claim for each reason, and the order in which reasons are asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from analytics.enums import ExpiryReason
from analytics.selectors.metrics.cut import Cut
from analytics.selectors.metrics.expiry import claims_expired_for, expiry_reasons
from coupons.enums import ClaimState, ScopeMode
from coupons.models import Category, Claim, Coupon, Product, ScopeEntry
from tests import factories
from tests.analytics.builders import make_claim_at, make_order
from tests.analytics.metrics.makers import IN_JUNE, JUNE, buy, in_june, make_event
from users.enums import BehaviourKind
from users.models import User

pytestmark = pytest.mark.django_db

NOW = in_june(60)
CLAIMED = in_june(5)


@pytest.fixture
def fruit() -> Product:
    shelf = Category.objects.create(key="food", name_en="Food")
    return factories.make_product(category=Category.objects.create(key="fruit", name_en="Fruit", parent=shelf))


def expire(shopper: User, coupon: Coupon, *, days: int = 14, **fields: Any) -> Claim:
    """A claim of June 5 that nobody used."""
    claim = make_claim_at(shopper, coupon, CLAIMED, state=ClaimState.EXPIRED, **fields)
    Claim.objects.filter(pk=claim.pk).update(expires_at=CLAIMED + timedelta(days=days))
    return claim


def make_ten_off(**fields: Any) -> Coupon:
    return factories.make_coupon(stock=None, **{"minimum_spend": 100_00, **fields})


def only_on(coupon: Coupon, **thing: Any) -> Coupon:
    ScopeEntry.objects.create(coupon=coupon, **{"mode": ScopeMode.INCLUDE, **thing})
    return coupon


def the_reason() -> ExpiryReason:
    (found,) = expiry_reasons(IN_JUNE, now=NOW)
    assert found.claims == 1
    return found.reason


class TestWithoutAnOrder:
    def test_nobody_came_back(self, shopper: User) -> None:
        expire(shopper, make_ten_off())
        # The claim's own moment and what came later are no visit.
        make_event(shopper, CLAIMED)
        make_event(shopper, CLAIMED + timedelta(days=14))

        assert the_reason() == ExpiryReason.NEVER_BACK

    def test_somebody_came_back(self, shopper: User) -> None:
        expire(shopper, make_ten_off())
        make_event(shopper, in_june(6))

        assert the_reason() == ExpiryReason.LOOKED_ONLY

    @pytest.mark.parametrize(
        ("value", "reason"), [(99_99, ExpiryReason.BELOW_MINIMUM), (100_00, ExpiryReason.LOOKED_ONLY)]
    )
    def test_the_largest_cart_was_too_small(self, shopper: User, value: int, reason: ExpiryReason) -> None:
        expire(shopper, make_ten_off())
        make_event(shopper, in_june(6), BehaviourKind.CART, value=10_00)
        make_event(shopper, in_june(7), BehaviourKind.CART, value=value)

        assert the_reason() == reason

    @pytest.mark.parametrize(("gap", "reason"), [(15, ExpiryReason.WINDOW_SHORT), (14, ExpiryReason.NEVER_BACK)])
    def test_the_window_was_shorter_than_the_usual_gap(self, shopper: User, gap: int, reason: ExpiryReason) -> None:
        expire(shopper, make_ten_off())
        for number in range(1, 4):
            make_order(shopper, CLAIMED - timedelta(days=number * gap))

        assert the_reason() == reason

    def test_one_earlier_order_tells_of_no_gap(self, shopper: User) -> None:
        expire(shopper, make_ten_off(), days=1)
        make_order(shopper, CLAIMED - timedelta(days=90))

        assert the_reason() == ExpiryReason.NEVER_BACK


class TestWithAnOrder:
    def test_of_nothing_that_counts(self, shopper: User, fruit: Product) -> None:
        expire(shopper, only_on(make_ten_off(), product=fruit))
        buy(shopper, in_june(6), price=500_00)

        assert the_reason() == ExpiryReason.OUT_OF_SCOPE

    @pytest.mark.parametrize("shelf", ["food", "fruit"])
    def test_of_a_shelf_that_counts_with_all_under_it(self, shopper: User, fruit: Product, shelf: str) -> None:
        expire(shopper, only_on(make_ten_off(), category=Category.objects.get(key=shelf)))
        buy(shopper, in_june(6), fruit, price=100_00)

        assert the_reason() == ExpiryReason.NOT_USED

    def test_of_what_is_left_out(self, shopper: User, fruit: Product) -> None:
        coupon = only_on(make_ten_off(), category=Category.objects.get(key="food"), mode=ScopeMode.EXCLUDE)
        expire(shopper, coupon)
        buy(shopper, in_june(6), fruit, price=100_00)

        assert the_reason() == ExpiryReason.OUT_OF_SCOPE

    def test_of_what_costs_too_little_to_count(self, shopper: User) -> None:
        expire(shopper, make_ten_off(minimum_unit_price=60_00))
        buy(shopper, in_june(6), price=50_00, quantity=3)

        assert the_reason() == ExpiryReason.OUT_OF_SCOPE

    def test_below_the_minimum_however_many_orders(self, shopper: User) -> None:
        expire(shopper, make_ten_off())
        buy(shopper, in_june(6), price=99_99)
        buy(shopper, in_june(7), price=60_00)

        assert the_reason() == ExpiryReason.BELOW_MINIMUM

    def test_below_the_claims_own_minimum(self, shopper: User) -> None:
        expire(shopper, make_ten_off(minimum_spend=0), minimum_spend=200_00)
        buy(shopper, in_june(6), price=100_00)

        assert the_reason() == ExpiryReason.BELOW_MINIMUM

    def test_with_too_few_units(self, shopper: User) -> None:
        expire(shopper, make_ten_off(minimum_quantity=3))
        buy(shopper, in_june(6), price=100_00, quantity=2)

        assert the_reason() == ExpiryReason.BELOW_MINIMUM

    @pytest.mark.parametrize("further", [{"weekdays": [5]}, {"channels": ["app"]}, {"order_number": 1}])
    def test_that_a_further_condition_may_have_refused(self, shopper: User, further: dict[str, Any]) -> None:
        expire(shopper, make_ten_off(**further))
        buy(shopper, in_june(6), price=100_00)

        assert the_reason() == ExpiryReason.FURTHER_CONDITION

    def test_that_fitted(self, shopper: User) -> None:
        expire(shopper, make_ten_off())
        buy(shopper, in_june(6), price=50_00, quantity=2)

        assert the_reason() == ExpiryReason.NOT_USED

    def test_that_came_too_late_is_none(self, shopper: User) -> None:
        expire(shopper, make_ten_off())
        buy(shopper, CLAIMED + timedelta(days=14), price=100_00)
        buy(shopper, CLAIMED - timedelta(seconds=1), price=100_00)

        assert the_reason() == ExpiryReason.NEVER_BACK


class TestWhichClaims:
    def test_are_those_that_ended_in_the_period(self, shopper: User, outsider: User) -> None:
        coupon = make_ten_off(limit_per_shopper=9)
        expire(shopper, coupon, days=14)
        expire(outsider, coupon, days=40)
        # Past its end, before the sweep; open; used.
        unswept = make_claim_at(factories.make_shopper(), coupon, CLAIMED)
        Claim.objects.filter(pk=unswept.pk).update(expires_at=in_june(8))
        buyer = factories.make_shopper()
        make_claim_at(buyer, coupon, CLAIMED, order=make_order(buyer, in_june(6)))
        (found,) = expiry_reasons(IN_JUNE, now=NOW)

        assert (found.reason, found.claims) == (ExpiryReason.NEVER_BACK, 2)
        assert claims_expired_for(IN_JUNE, found.reason, now=NOW)[0] == unswept
        assert claims_expired_for(IN_JUNE, found.reason, now=NOW, offset=1, limit=1)[0].shopper == shopper
        assert claims_expired_for(IN_JUNE, ExpiryReason.NOT_USED, now=NOW) == []

    def test_are_those_of_the_coupon(self, shopper: User) -> None:
        expire(shopper, make_ten_off())

        assert expiry_reasons(Cut(JUNE, coupon_id=make_ten_off().pk), now=NOW) == []


def test_a_circle_of_categories_comes_to_an_end(shopper: User, fruit: Product) -> None:
    assert fruit.category is not None
    Category.objects.filter(key="food").update(parent=fruit.category)
    other = factories.make_product()
    expire(shopper, only_on(make_ten_off(), category=fruit.category))
    buy(shopper, CLAIMED + timedelta(days=1), other)

    assert the_reason() == ExpiryReason.OUT_OF_SCOPE
