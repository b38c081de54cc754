"""What a cart and its shopper must meet (docs/pricing.md, 22)."""

from datetime import UTC, datetime, timedelta

import pytest

from coupons.pricing import (
    EVERYTHING,
    Audience,
    Buyer,
    Cart,
    Channel,
    Condition,
    Contains,
    ContainsNone,
    ContainsWorth,
    MinimumQuantity,
    NewShopper,
    OrderNumber,
    Phase,
    Refused,
    Region,
    Scope,
    WeekdayAndHour,
)
from tests.coupons.pricing.builders import NOW, amount_off, applied_ids, cart, line, offer, only, only_category, quote

MICROSECOND = timedelta(microseconds=1)
TEA_AND_MUG = cart(line("tea", 400, 3, category="drinks"), line("mug", 1000))


def verdict(
    condition: Condition, priced_cart: Cart = TEA_AND_MUG, now: datetime = NOW, scope: Scope | None = None
) -> tuple[str, dict[str, object]] | None:
    """None when met, otherwise the code and its data."""
    coupon = offer("c", amount_off(100), conditions=(condition,), scope=scope or Scope())
    (outcome,) = quote(priced_cart, coupon, now=now).outcomes
    return (str(outcome.code), dict(outcome.data)) if isinstance(outcome, Refused) else None


class TestQuantity:
    def test_counts_eligible_units(self) -> None:
        """22.1"""
        assert verdict(MinimumQuantity(4)) is None
        assert verdict(MinimumQuantity(5)) == (
            "quantity_not_met",
            {"required_quantity": 5, "eligible_quantity": 4, "missing_quantity": 1},
        )
        assert verdict(MinimumQuantity(4), scope=only("tea")) == (
            "quantity_not_met",
            {"required_quantity": 4, "eligible_quantity": 3, "missing_quantity": 1},
        )

    def test_counts_different_products(self) -> None:
        """22.2"""
        assert verdict(MinimumQuantity(2, is_distinct=True)) is None
        assert verdict(MinimumQuantity(3, is_distinct=True)) == (
            "too_few_products",
            {"required_quantity": 3, "eligible_quantity": 2, "missing_quantity": 1},
        )


class TestProducts:
    def test_required_ones_need_not_be_in_scope(self) -> None:
        """22.3"""
        assert verdict(Contains(only("mug")), scope=only("tea")) is None
        assert verdict(Contains(only_category("drinks"), quantity=3)) is None
        assert verdict(Contains(only("mug"), quantity=3)) == (
            "required_product_missing",
            {"required_quantity": 3, "missing_quantity": 2},
        )

    def test_required_ones_may_have_to_be_worth_something(self) -> None:
        """22.16: at list prices, so that a coupon on tea can ask for an order of 22.00."""
        earlier = offer("sale", amount_off(1000), phase=Phase.ITEM_PRICE)
        tea = offer("tea", amount_off(100), conditions=(ContainsWorth(EVERYTHING, 2200),), scope=only("tea"))

        assert applied_ids(quote(TEA_AND_MUG, earlier, tea)) == {"sale", "tea"}
        assert verdict(ContainsWorth(only("mug"), 1001), scope=only("tea")) == (
            "required_spend_missing",
            {"required_amount": 1001, "eligible_amount": 1000, "missing_amount": 1},
        )

    def test_forbidden_ones_are_named(self) -> None:
        """22.4"""
        assert verdict(ContainsNone(only("wine"))) is None
        assert verdict(ContainsNone(only("mug", "tea")), scope=only("tea")) == (
            "forbidden_product_present",
            {"sku": "mug"},
        )


def bought_by(**facts: object) -> Cart:
    return cart(line("mug", 1000), buyer=Buyer(**facts))  # type: ignore[arg-type]


class TestShopper:
    @pytest.mark.parametrize(
        ("order_count", "expected"),
        [
            pytest.param(0, None, id="a first order"),
            pytest.param(1, ("too_many_orders", {"maximum_order_number": 1, "order_number": 2}), id="a second one"),
        ],
    )
    def test_first_order(self, order_count: int, expected: object) -> None:
        """22.5: the order being placed counts."""
        assert verdict(OrderNumber(maximum=1), bought_by(order_count=order_count)) == expected

    def test_a_later_order(self) -> None:
        """22.6"""
        assert verdict(OrderNumber(5, 5), bought_by(order_count=4)) is None
        assert verdict(OrderNumber(5), bought_by(order_count=2)) == (
            "too_few_orders",
            {"minimum_order_number": 5, "order_number": 3, "missing_orders": 2},
        )

    @pytest.mark.parametrize(
        ("registered_at", "is_met"),
        [
            pytest.param(NOW - timedelta(days=30) + MICROSECOND, True, id="in the last moment"),
            pytest.param(NOW - timedelta(days=30), False, id="at the end"),
            pytest.param(None, False, id="without an account"),
        ],
    )
    def test_new_shopper(self, registered_at: datetime | None, is_met: bool) -> None:
        """22.7: half-open, as every window."""
        expected = None if is_met else ("not_a_new_shopper", {"days": 30})

        assert verdict(NewShopper(30), bought_by(registered_at=registered_at)) == expected

    @pytest.mark.parametrize(
        ("audience", "is_met"),
        [
            pytest.param(Audience(any_of=frozenset({"vip", "staff"})), True, id="one of them"),
            pytest.param(Audience(any_of=frozenset({"staff"})), False, id="none of them"),
            pytest.param(Audience(none_of=frozenset({"staff"})), True, id="nothing forbidden"),
            pytest.param(Audience(frozenset({"vip"}), frozenset({"vip"})), False, id="forbidden outweighs"),
        ],
    )
    def test_audience(self, audience: Audience, is_met: bool) -> None:
        """22.8: the tags stay with the shop."""
        expected = None if is_met else ("not_in_audience", {})

        assert verdict(audience, bought_by(tags=frozenset({"vip"}))) == expected

    def test_an_unknown_visitor_has_no_tags_and_no_orders(self) -> None:
        """22.9"""
        assert verdict(Audience(any_of=frozenset({"vip"}))) == ("not_in_audience", {})
        assert verdict(OrderNumber(maximum=1)) is None


FRIDAY, SATURDAY = 4, 5
SHANGHAI = "Asia/Shanghai"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestHours:
    @pytest.mark.parametrize(
        ("now", "opens_at"),
        [
            pytest.param("2026-11-20T01:59:59", "2026-11-20T02:00:00", id="Friday 9:59:59 in Shanghai"),
            pytest.param("2026-11-20T02:00:00", None, id="at the start"),
            pytest.param("2026-11-20T09:59:59", None, id="just before the end"),
            pytest.param("2026-11-20T10:00:00", "2026-11-21T02:00:00", id="at the end; Saturday is next"),
            pytest.param("2026-11-21T10:00:00", "2026-11-27T02:00:00", id="Saturday's end; Friday is next"),
        ],
    )
    def test_half_open_on_the_shops_clock(self, now: str, opens_at: str | None) -> None:
        """22.10: 10:00 to 18:00 on Fridays and Saturdays."""
        window = WeekdayAndHour(frozenset({FRIDAY, SATURDAY}), 600, 1080, SHANGHAI)

        expected = ("outside_hours", {"opens_at": utc(opens_at)}) if opens_at else None
        assert verdict(window, now=utc(now)) == expected

    @pytest.mark.parametrize(
        ("now", "is_open"),
        [
            pytest.param("2026-11-20T21:59", False, id="Friday before"),
            pytest.param("2026-11-20T22:00", True, id="Friday evening"),
            pytest.param("2026-11-21T01:59", True, id="Saturday morning, of Friday's window"),
            pytest.param("2026-11-21T02:00", False, id="at its end"),
            pytest.param("2026-11-21T22:00", False, id="Saturday evening"),
            pytest.param("2026-11-20T01:00", False, id="Friday morning, of Thursday's"),
        ],
    )
    def test_a_window_may_pass_midnight(self, now: str, is_open: bool) -> None:
        """22.11: Fridays, 22:00 to 2:00; it belongs to the day on which it begins."""
        window = WeekdayAndHour(frozenset({FRIDAY}), 22 * 60, 2 * 60)

        assert (verdict(window, now=utc(now)) is None) == is_open

    def test_end_of_the_year_in_the_shops_zone(self) -> None:
        """22.12: a day ends at 24:00 there, not in UTC and not a minute early."""
        thursday = WeekdayAndHour(frozenset({3}), 0, 1440, SHANGHAI)
        midnight = utc("2026-12-31T16:00")

        assert verdict(thursday, now=midnight - MICROSECOND) is None
        assert verdict(thursday, now=midnight) == ("outside_hours", {"opens_at": utc("2027-01-06T16:00")})

    def test_keeps_the_wall_clock_over_a_change_of_it(self) -> None:
        """22.13: 10:00 in Berlin is 8:00 UTC in summer and 9:00 in winter."""
        sundays = WeekdayAndHour(frozenset({6}), 600, 660, "Europe/Berlin")

        assert verdict(sundays, now=utc("2026-10-19T00:00")) == (
            "outside_hours",
            {"opens_at": utc("2026-10-25T09:00")},
        )
        assert verdict(sundays, now=utc("2026-10-18T08:00")) is None

    @pytest.mark.parametrize(
        ("window", "now", "opens_at"),
        [
            pytest.param((150, 240), "2026-03-28T23:00", "2026-03-29T01:00", id="2:30 is left out: open from 3:00"),
            pytest.param((150, 165), "2026-10-25T00:45", "2026-10-25T01:30", id="2:30 comes twice"),
            pytest.param((150, 165), "2026-10-25T01:45", "2026-11-01T01:30", id="after the second one"),
        ],
    )
    def test_wall_times_that_are_left_out_or_come_twice(self, window: tuple[int, int], now: str, opens_at: str) -> None:
        """22.13"""
        sundays = WeekdayAndHour(frozenset({6}), *window, "Europe/Berlin")

        assert verdict(sundays, now=utc(now)) == ("outside_hours", {"opens_at": utc(opens_at)})

    @pytest.mark.parametrize(
        ("zone", "weekday", "begins"),
        [
            pytest.param("Pacific/Kiritimati", 1, "2028-02-28T10:00", id="UTC+14, 29 February"),
            pytest.param("Etc/GMT+12", 1, "2028-02-29T12:00", id="UTC-12, 29 February"),
        ],
    )
    def test_the_ends_of_the_world(self, zone: str, weekday: int, begins: str) -> None:
        """22.13"""
        tuesday = WeekdayAndHour(frozenset({weekday}), zone=zone)
        start = utc(begins)

        assert verdict(tuesday, now=start - MICROSECOND) == ("outside_hours", {"opens_at": start})
        assert verdict(tuesday, now=start) is None
        assert verdict(tuesday, now=start + timedelta(days=1) - MICROSECOND) is None
        assert verdict(tuesday, now=start + timedelta(days=1)) is not None


class TestPlace:
    def test_channel(self) -> None:
        """22.14"""
        in_app = cart(line("mug", 1000), channel="app")

        assert verdict(Channel(frozenset({"app", "web"})), in_app) is None
        assert verdict(Channel(frozenset({"web", "store"})), in_app) == (
            "channel_not_allowed",
            {"channels": "store, web"},
        )

    def test_region(self) -> None:
        """22.15"""
        assert verdict(Region(frozenset({"Hubei"})), cart(line("mug", 1000), region="Hubei")) is None
        assert verdict(Region(frozenset({"Hubei"}))) == ("region_not_allowed", {"regions": "Hubei"})


def test_the_first_unmet_condition_is_the_reason() -> None:
    """22.17"""
    coupon = offer("c", amount_off(100), over=99999, conditions=(MinimumQuantity(9),))

    assert quote(TEA_AND_MUG, coupon).refused[0].code == "threshold_not_met"


def test_a_price_range_decides_what_counts() -> None:
    """3.9: both ends included, list prices."""
    between = Scope(minimum_unit_price=400, maximum_unit_price=999)

    assert [one.discount for one in quote(TEA_AND_MUG, offer("c", amount_off(5000), scope=between)).lines] == [1200, 0]
    assert verdict(MinimumQuantity(4), scope=between) == (
        "quantity_not_met",
        {"required_quantity": 4, "eligible_quantity": 3, "missing_quantity": 1},
    )
