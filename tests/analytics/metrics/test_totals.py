"""Every figure is the one that a person gets with pencil and paper."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from analytics.selectors.metrics.cut import Cut
from analytics.selectors.metrics.totals import Column, Orders, columns, coupon_rows, totals
from analytics.selectors.periods import Period, days_with_data, last_days, years_with_claims
from campaigns.models import Campaign, CampaignCoupon
from coupons.enums import ClaimState
from coupons.models import Coupon, Order, OrderLine, OrderLineDiscount
from tests import factories
from tests.analytics.builders import make_claim_at, make_order, make_redemption
from users.models import User

pytestmark = pytest.mark.django_db

JUNE = Period(date(2026, 6, 1), date(2026, 6, 30))


def in_june(day: int, hour: int = 12) -> datetime:
    """An hour of a day of June as the shop in Shanghai counts it."""
    return datetime(2026, 6, 1, tzinfo=UTC) + timedelta(days=day - 1, hours=hour - 8)


def use(coupon: Coupon, shopper: User, *, claimed: datetime, used: datetime, subtotal: int, discount: int) -> Order:
    """A claim used on an order with one line, as the order's service writes it."""
    order = make_order(shopper, used, subtotal=subtotal, discount=discount)
    claim = make_claim_at(shopper, coupon, claimed, order=order)
    make_redemption(claim, order, amount=discount)
    line = OrderLine.objects.create(
        order=order,
        number=1,
        product=factories.make_product(),
        unit_price=subtotal,
        quantity=1,
        discount=discount,
        payable=subtotal - discount,
    )
    OrderLineDiscount.objects.create(line=line, coupon=coupon, claim=claim, amount=discount)
    return order


@pytest.fixture
def ten_off() -> Coupon:
    return factories.make_coupon(stock=None, title_en="Ten off")


@pytest.fixture
def five_off() -> Coupon:
    return factories.make_coupon(stock=None, title_en="Five off")


@pytest.fixture
def campaign(ten_off: Coupon) -> Campaign:
    campaign = Campaign.objects.create(key="june", title_en="June", starts_at=JUNE.start, ends_at=JUNE.end)
    CampaignCoupon.objects.create(campaign=campaign, coupon=ten_off)
    return campaign


@pytest.fixture
def june(ten_off: Coupon, five_off: Coupon, shopper: User, outsider: User) -> None:
    """Four claims of June: two used in June, one expired, one open. One of May used in June; refunds and others."""
    use(ten_off, shopper, claimed=in_june(2), used=in_june(3), subtotal=100_00, discount=10_00)
    use(ten_off, outsider, claimed=in_june(2), used=in_june(10), subtotal=60_00, discount=10_00)
    use(five_off, shopper, claimed=in_june(-3), used=in_june(10), subtotal=30_00, discount=5_00)
    make_claim_at(shopper, ten_off, in_june(20), state=ClaimState.EXPIRED)
    make_claim_at(outsider, five_off, in_june(20))
    # Two orders without a coupon, one of them with shipping, which is no goods.
    make_order(shopper, in_june(11), subtotal=40_00)
    make_order(outsider, in_june(12), subtotal=20_00, shipping=8_00)
    # None of these counts: refunded, and outside of June by an instant.
    refunded = make_order(shopper, in_june(15), subtotal=500_00, discount=10_00, refunded_at=in_june(16))
    make_redemption(make_claim_at(shopper, ten_off, in_june(-5)), refunded, amount=10_00, refunded=10_00)
    make_order(shopper, JUNE.end, subtotal=900_00)
    make_order(shopper, JUNE.start - timedelta(microseconds=1), subtotal=900_00)
    make_claim_at(shopper, ten_off, JUNE.end)


def test_totals(june: None) -> None:
    found = totals(Cut(JUNE))

    assert (found.claims, found.redeemed, found.conversion) == (4, 2, 50)
    assert (found.redemptions, found.discount) == (3, 25_00)
    # (90 + 50 + 25) / 3 and (40 + 20) / 2
    assert found.with_coupon == Orders(count=3, value=165_00)
    assert found.with_coupon.mean_value == 55_00
    assert found.without_coupon.mean_value == 30_00


def test_totals_of_a_campaign(june: None, campaign: Campaign) -> None:
    found = totals(Cut(JUNE, campaign_id=campaign.pk))

    assert (found.claims, found.redeemed, found.redemptions, found.discount) == (3, 2, 2, 20_00)
    assert found.with_coupon == Orders(count=2, value=140_00)
    # Orders with another campaign's coupon are neither with nor without.
    assert found.without_coupon == Orders(count=2, value=60_00)


def test_a_partial_refund_lessens_the_discount(ten_off: Coupon, shopper: User) -> None:
    order = use(ten_off, shopper, claimed=in_june(2), used=in_june(3), subtotal=100_00, discount=10_00)
    order.redemptions.update(refunded=4_00)

    assert totals(Cut(JUNE)).discount == 6_00


def test_a_redemption_that_took_nothing_off_still_had_a_coupon(ten_off: Coupon, shopper: User) -> None:
    order = make_order(shopper, in_june(3))
    make_redemption(make_claim_at(shopper, ten_off, in_june(2), order=order), order, amount=0)
    found = totals(Cut(JUNE))

    assert (found.with_coupon.count, found.without_coupon.count) == (1, 0)
    assert coupon_rows(Cut(JUNE))[0].orders.count == 1


def test_a_discount_that_nobody_held_is_an_order_with_coupon(ten_off: Coupon, shopper: User) -> None:
    order = make_order(shopper, in_june(3), subtotal=100_00, discount=10_00)
    line = OrderLine.objects.create(
        order=order,
        number=1,
        product=factories.make_product(),
        unit_price=100_00,
        quantity=1,
        discount=10_00,
        payable=90_00,
    )
    OrderLineDiscount.objects.create(line=line, coupon=ten_off, amount=10_00)

    assert totals(Cut(JUNE)).with_coupon == Orders(count=1, value=90_00)
    assert [(row.coupon, row.redemptions, row.orders.count) for row in coupon_rows(Cut(JUNE))] == [(ten_off, 0, 1)]


def test_of_an_empty_shop() -> None:
    found = totals(Cut(JUNE))

    assert (found.claims, found.conversion, found.discount) == (0, None, 0)
    assert found.with_coupon.mean_value is None
    assert coupon_rows(Cut(JUNE)) == []
    assert columns(Cut(JUNE)) == [Column(first=date(2026, 6, day)) for day in range(1, 31)]


def test_coupon_by_coupon(june: None, ten_off: Coupon, five_off: Coupon) -> None:
    first, second = coupon_rows(Cut(JUNE))

    assert (first.coupon, first.claims, first.redeemed, first.redemptions, first.discount) == (ten_off, 3, 2, 2, 20_00)
    assert first.orders == Orders(count=2, value=140_00)
    assert first.conversion == pytest.approx(66.667, abs=0.001)
    assert (second.coupon, second.claims, second.redeemed, second.redemptions) == (five_off, 1, 0, 1)
    assert second.orders == Orders(count=1, value=25_00)


def test_coupon_by_coupon_of_a_campaign(june: None, campaign: Campaign, ten_off: Coupon) -> None:
    assert [row.coupon for row in coupon_rows(Cut(JUNE, campaign_id=campaign.pk))] == [ten_off]


def test_an_order_counts_once_for_a_coupon_on_two_lines(ten_off: Coupon, shopper: User) -> None:
    order = use(ten_off, shopper, claimed=in_june(2), used=in_june(3), subtotal=100_00, discount=10_00)
    second = OrderLine.objects.create(
        order=order, number=2, product=factories.make_product(), unit_price=1, quantity=1, payable=1
    )
    OrderLineDiscount.objects.create(line=second, coupon=ten_off, amount=1)

    assert coupon_rows(Cut(JUNE))[0].orders == Orders(count=1, value=90_00)


def test_rows_take_the_same_queries_for_any_number_of_coupons(
    june: None, shopper: User, django_assert_num_queries: object
) -> None:
    for _ in range(5):
        coupon = factories.make_coupon(stock=None)
        use(coupon, shopper, claimed=in_june(2), used=in_june(3), subtotal=100_00, discount=10_00)
    with django_assert_num_queries(4):
        coupon_rows(Cut(JUNE))


def test_columns_count_by_the_shops_days(june: None) -> None:
    days = {column.first.day: column for column in columns(Cut(JUNE)) if column.claims or column.redemptions}

    assert days == {
        2: Column(date(2026, 6, 2), claims=2),
        3: Column(date(2026, 6, 3), redemptions=1, discount=10_00),
        10: Column(date(2026, 6, 10), redemptions=2, discount=15_00),
        20: Column(date(2026, 6, 20), claims=2),
    }


def test_midnight_is_the_shops(ten_off: Coupon, shopper: User, outsider: User) -> None:
    make_claim_at(shopper, ten_off, in_june(5, hour=0))
    make_claim_at(outsider, ten_off, in_june(5, hour=0) - timedelta(microseconds=1))

    assert [column.claims for column in columns(Cut(JUNE))][3:5] == [1, 1]


@pytest.mark.parametrize(("days", "each"), [(62, 1), (63, 7), (400, 7), (401, 28)])
def test_long_periods_have_wide_columns(days: int, each: int) -> None:
    period = last_days(date(2026, 6, 30), days)

    assert period.days == days
    assert period.days_a_column == each
    assert len(columns(Cut(period))) == -(-days // each)


def test_columns_add_up_to_the_totals(june: None) -> None:
    year = Period(date(2026, 1, 1), date(2026, 12, 31))

    assert sum(column.claims for column in columns(Cut(year))) == totals(Cut(year)).claims
    assert sum(column.discount for column in columns(Cut(year))) == totals(Cut(year)).discount


class TestDaysWithData:
    def test_reach_from_the_first_to_the_newest(self, june: None) -> None:
        assert days_with_data(now=factories.NOW) == Period(date(2026, 5, 26), date(2026, 7, 1))

    def test_leave_the_future_out(self, june: None) -> None:
        assert days_with_data(now=in_june(12, hour=13)).last == date(2026, 6, 12)

    def test_of_an_empty_shop_are_today(self) -> None:
        assert days_with_data(now=factories.NOW) == Period(date(2026, 11, 21), date(2026, 11, 21))


class TestYearsWithClaims:
    def test_are_counted_as_the_shop_counts_years(self, shopper: User, outsider: User, ten_off: Coupon) -> None:
        make_claim_at(shopper, ten_off, datetime(2017, 12, 31, 16, tzinfo=UTC))
        make_claim_at(outsider, ten_off, in_june(3))

        assert years_with_claims(now=factories.NOW) == [
            Period(date(2018, 1, 1), date(2018, 12, 31)),
            Period(date(2026, 1, 1), date(2026, 12, 31)),
        ]

    def test_leave_the_future_out(self, shopper: User, ten_off: Coupon) -> None:
        make_claim_at(shopper, ten_off, factories.NOW + timedelta(days=1))

        assert years_with_claims(now=factories.NOW) == []
