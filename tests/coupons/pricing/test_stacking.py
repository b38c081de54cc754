"""Which coupons apply together, and what the refused ones are told (docs/pricing.md)."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from coupons.pricing import Phase, Refused, ThresholdBase, evaluate_each
from tests.coupons.pricing.builders import (
    NOW,
    amount_off,
    applied_ids,
    cart,
    line,
    offer,
    only,
    percent_off,
    quote,
    refusals,
)

HUNDRED = cart(line("mug", 10000))
MICROSECOND = timedelta(microseconds=1)


def refused(outcome: object) -> Refused:
    assert isinstance(outcome, Refused)
    return outcome


class TestThreshold:
    def test_reaching_it_exactly_is_enough(self) -> None:
        """4.1"""
        assert applied_ids(quote(HUNDRED, offer("c", amount_off(1000), over=10000))) == {"c"}

    def test_falling_short_names_what_is_missing(self) -> None:
        """4.2"""
        (outcome,) = quote(HUNDRED, offer("c", amount_off(1000), over=10001)).outcomes

        assert refused(outcome).code == "threshold_not_met"
        assert refused(outcome).data == {
            "required_amount": 10001,
            "eligible_amount": 10000,
            "missing_amount": 1,
        }

    def test_only_eligible_products_count(self) -> None:
        """4.3"""
        priced = quote(
            cart(line("tea", 3000), line("wine", 9000)),
            offer("c", amount_off(500), over=5000, scope=only("tea")),
        )

        assert refused(priced.outcomes[0]).data["missing_amount"] == 2000

    def test_a_coupon_never_defeats_its_own_threshold(self) -> None:
        """4.4"""
        priced = quote(HUNDRED, offer("c", amount_off(9999), over=10000))

        assert priced.payable == 1

    def test_coupons_of_one_phase_do_not_defeat_each_other(self) -> None:
        """4.5"""
        priced = quote(
            HUNDRED,
            offer("first", amount_off(3000), over=10000, priority=1),
            offer("second", amount_off(3000), over=10000),
        )

        assert applied_ids(priced) == {"first", "second"}

    def test_an_earlier_phase_counts_against_it(self) -> None:
        """4.6"""
        priced = quote(
            HUNDRED,
            offer("product", amount_off(100), phase=Phase.PRODUCT),
            offer("order", amount_off(1000), over=10000),
        )

        assert refused(priced.outcomes[1]).data["missing_amount"] == 100

    def test_unless_the_coupon_looks_at_the_initial_amount(self) -> None:
        """4.7"""
        priced = quote(
            HUNDRED,
            offer("product", amount_off(100), phase=Phase.PRODUCT),
            offer("order", amount_off(1000), over=10000, threshold_base=ThresholdBase.INITIAL),
        )

        assert applied_ids(priced) == {"product", "order"}


class TestOrderOfApplication:
    def test_phases_before_priorities(self) -> None:
        """5.1"""
        priced = quote(
            HUNDRED,
            offer("order", percent_off(50), phase=Phase.ORDER, priority=9),
            offer("product", amount_off(2000), phase=Phase.PRODUCT),
        )

        assert priced.payable == 4000

    def test_higher_priority_first(self) -> None:
        """5.2"""
        priced = quote(
            HUNDRED,
            offer("late", amount_off(1000), priority=1),
            offer("early", percent_off(20), priority=4),
        )

        assert priced.payable == 7000

    def test_then_what_expires_earlier_then_the_offer_id(self) -> None:
        """5.3"""
        by_expiry = quote(
            HUNDRED,
            offer("a", amount_off(1000)),
            offer("b", percent_off(20), expires_at=NOW + timedelta(days=1)),
        )
        by_id = quote(HUNDRED, offer("b", amount_off(1000)), offer("a", percent_off(20)))

        assert by_expiry.payable == 7000
        assert by_id.payable == 7000

    def test_a_percentage_is_taken_of_what_is_left(self) -> None:
        """5.4"""
        priced = quote(HUNDRED, offer("a", percent_off(10), priority=1), offer("b", percent_off(20)))

        assert priced.discount_total == 2800

    def test_coupons_larger_than_the_cart_stop_at_nothing(self) -> None:
        """5.5"""
        priced = quote(
            HUNDRED,
            offer("a", amount_off(8000)),
            offer("b", amount_off(8000)),
            offer("c", amount_off(8000)),
        )

        assert [getattr(outcome, "amount", None) for outcome in priced.outcomes] == [
            8000,
            2000,
            None,
        ]
        assert refusals(priced) == {"c": "nothing_to_discount"}
        assert priced.payable == 0


class TestWindow:
    @pytest.mark.parametrize(
        ("now", "code"),
        [
            pytest.param(NOW - MICROSECOND, "not_yet_valid", id="before the start"),
            pytest.param(NOW, None, id="at the start"),
            pytest.param(NOW + timedelta(hours=1) - MICROSECOND, None, id="just before the end"),
            pytest.param(NOW + timedelta(hours=1), "expired", id="at the end"),
        ],
    )
    def test_is_half_open(self, now: datetime, code: str | None) -> None:
        """6.1"""
        coupon = offer("c", amount_off(1000), usable_from=NOW, expires_at=NOW + timedelta(hours=1))

        priced = quote(HUNDRED, coupon, now=now)

        assert refusals(priced).get("c") == code

    def test_refusals_carry_the_moment(self) -> None:
        """6.2"""
        priced = quote(
            HUNDRED,
            offer("old", amount_off(1), expires_at=NOW),
            offer("new", amount_off(1), usable_from=NOW + MICROSECOND),
        )

        assert refused(priced.outcomes[0]).data == {"expired_at": NOW}
        assert refused(priced.outcomes[1]).data == {"usable_from": NOW + MICROSECOND}


class TestStackingGroup:
    def test_the_first_in_order_wins_and_is_named(self) -> None:
        """7.1"""
        priced = quote(
            HUNDRED,
            offer("small", amount_off(100), group="brand"),
            offer("large", amount_off(900), group="brand", priority=1),
            offer("other", amount_off(50), group="bank"),
            offer("free", amount_off(10)),
        )

        assert applied_ids(priced) == {"large", "other", "free"}
        assert refused(priced.outcomes[0]).code == "group_taken"
        assert refused(priced.outcomes[0]).data == {
            "conflicting_offer_id": "large",
            "conflicting_coupon_id": "coupon-large",
            "stacking_group": "brand",
        }

    def test_holds_for_the_whole_order_not_for_a_phase(self) -> None:
        """7.2"""
        priced = quote(
            HUNDRED,
            offer("product", amount_off(100), group="brand", phase=Phase.PRODUCT),
            offer("order", amount_off(900), group="brand", phase=Phase.ORDER),
        )

        assert refusals(priced) == {"order": "group_taken"}

    def test_a_coupon_that_does_not_apply_never_takes_the_group(self) -> None:
        """7.3"""
        priced = quote(
            HUNDRED,
            offer("short", amount_off(900), group="brand", priority=1, over=20000),
            offer("fits", amount_off(100), group="brand"),
        )

        assert applied_ids(priced) == {"fits"}

    def test_its_own_reason_comes_before_the_conflict(self) -> None:
        """7.4: leaving the other coupon out would not help, so the conflict is not the reason."""
        priced = quote(
            HUNDRED,
            offer("wins", amount_off(100), group="brand", priority=1),
            offer("short", amount_off(900), group="brand", over=20000),
        )

        assert refusals(priced) == {"short": "threshold_not_met"}

    def test_what_the_winner_took_is_no_reason_of_its_own(self) -> None:
        """7.5: alone it would apply, so the conflict is the reason and not the threshold."""
        priced = quote(
            HUNDRED,
            offer("product", amount_off(1000), group="brand", phase=Phase.PRODUCT),
            offer("order", amount_off(900), group="brand", over=10000),
        )

        assert refusals(priced) == {"order": "group_taken"}


class TestExclusive:
    def test_takes_the_order_alone_whatever_the_priorities(self) -> None:
        """8.1"""
        priced = quote(
            HUNDRED,
            offer("plain", amount_off(1000), priority=5),
            offer("alone", percent_off(20), priority=1, exclusive=True),
        )

        assert priced.payable == 8000
        assert refused(priced.outcomes[0]).code == "exclusive_conflict"
        assert refused(priced.outcomes[0]).data == {
            "conflicting_offer_id": "alone",
            "conflicting_coupon_id": "coupon-alone",
        }

    def test_of_two_the_first_in_order_wins(self) -> None:
        """8.2"""
        priced = quote(
            HUNDRED,
            offer("a", amount_off(100), exclusive=True),
            offer("b", amount_off(900), exclusive=True, priority=1),
        )

        assert applied_ids(priced) == {"b"}
        assert refusals(priced) == {"a": "exclusive_conflict"}

    def test_one_that_does_not_apply_blocks_nobody(self) -> None:
        """8.3"""
        priced = quote(
            HUNDRED,
            offer("alone", amount_off(900), exclusive=True, over=20000),
            offer("plain", amount_off(100)),
        )

        assert applied_ids(priced) == {"plain"}
        assert refusals(priced) == {"alone": "threshold_not_met"}

    def test_others_keep_their_own_reasons(self) -> None:
        """8.4"""
        priced = quote(
            HUNDRED,
            offer("alone", amount_off(900), exclusive=True, phase=Phase.PRODUCT),
            offer("short", amount_off(100), over=20000),
            offer("fits alone", amount_off(100), over=10000),
            offer("old", amount_off(100), expires_at=NOW),
        )

        assert refusals(priced) == {
            "short": "threshold_not_met",
            "fits alone": "exclusive_conflict",
            "old": "expired",
        }

    @pytest.mark.parametrize("phase", [Phase.ITEM_PRICE, Phase.RED_PACKET, Phase.POINTS])
    def test_prices_and_money_are_no_coupons(self, phase: Phase) -> None:
        """8.5"""
        priced = quote(
            HUNDRED,
            offer("alone", amount_off(900), exclusive=True),
            offer("not a coupon", amount_off(100), phase=phase),
        )

        assert priced.discount_total == 1000


class TestGivenOffers:
    def test_a_duplicate_is_refused_and_the_first_stands(self) -> None:
        """9.1"""
        coupon = offer("c", amount_off(1000))

        priced = quote(HUNDRED, coupon, coupon)

        assert priced.discount_total == 1000
        assert refused(priced.outcomes[1]).code == "duplicate_offer"

    def test_each_offer_by_itself(self) -> None:
        """9.2"""
        outcomes = evaluate_each(
            HUNDRED,
            [
                offer("alone", amount_off(900), exclusive=True),
                offer("plain", amount_off(100)),
                offer("short", amount_off(100), over=20000),
            ],
            NOW,
        )

        assert [getattr(outcome, "amount", None) for outcome in outcomes] == [900, 100, None]
        assert refused(outcomes[2]).code == "threshold_not_met"

    def test_two_claims_of_one_coupon_both_apply_unless_a_group_keeps_them_apart(self) -> None:
        """9.3"""
        first, second = (replace(offer(name, amount_off(100)), coupon_id="tea") for name in ("one", "two"))
        grouped = [replace(claim, stacking_group="tea") for claim in (first, second)]

        assert quote(HUNDRED, first, second).discount_total == 200
        assert quote(HUNDRED, *grouped).discount_total == 100
