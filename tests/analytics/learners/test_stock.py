"""Forecasts of single coupons: rates that forget, weekdays, uses by age, and plans of stock by hand."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.learners.stock import (
    claims_ahead,
    days_until_spent,
    leanings_of,
    plan_stock,
    redemptions_ahead,
    use_rates,
    usual_rates,
)

MONDAY, SATURDAY = 0, 5


def ahead_of(claims: np.ndarray, *, counted: np.ndarray | None = None, horizon: int = 14) -> np.ndarray:
    counted = np.ones(claims.shape, dtype=bool) if counted is None else counted
    return claims_ahead(claims.astype(float), counted=counted, first_weekday=MONDAY, horizon=horizon)


class TestClaimsAhead:
    def test_a_steady_coupon_goes_on(self) -> None:
        assert ahead_of(np.full((1, 28), 20)) == pytest.approx(np.full((1, 14), 20.0))

    def test_a_drop_dies_down_towards_its_lasting_rate(self) -> None:
        claims = np.full((1, 28), 10)
        claims[0, -2:] = 200
        ahead = ahead_of(claims)[0]

        assert ahead[0] > 60
        # The same weekdays, a week later.
        assert ahead[7] < 0.8 * ahead[0]
        assert ahead[13] < 0.8 * ahead[6]

    def test_weekdays_come_back(self) -> None:
        week = np.array([10, 10, 10, 10, 10, 30, 10])
        ahead = ahead_of(np.tile(week, 8)[None, :])[0]

        assert ahead[SATURDAY] / ahead[MONDAY] == pytest.approx(3, rel=0.35)
        assert ahead[:7] == pytest.approx(ahead[7:], rel=0.1)

    def test_days_without_stock_do_not_count(self) -> None:
        claims = np.full((1, 28), 20)
        claims[0, -3:] = 0
        counted = np.ones((1, 28), dtype=bool)
        counted[0, -3:] = False

        assert ahead_of(claims, counted=counted) == pytest.approx(np.full((1, 14), 20.0))
        # Control: counted, the last days nearly silence it.
        assert ahead_of(claims)[0, 0] < 10

    def test_a_coupon_of_which_nothing_is_known_is_expected_to_do_nothing(self) -> None:
        counted = np.zeros((2, 28), dtype=bool)
        counted[1] = True

        assert ahead_of(np.full((2, 28), 7), counted=counted)[0] == pytest.approx(np.zeros(14))

    def test_of_no_coupons_is_empty(self) -> None:
        assert ahead_of(np.zeros((0, 28))).shape == (0, 14)

    def test_is_near_the_truth_on_simulated_coupons(self) -> None:
        random = np.random.default_rng(4)
        weekdays = np.array([0.8, 0.8, 0.9, 1.0, 1.2, 1.3, 1.0])
        means = random.uniform(5, 80, 60)[:, None] * np.tile(weekdays, 6)
        claims = random.poisson(means)
        ahead = ahead_of(claims[:, :28])

        error = np.abs(ahead - means[:, 28:]).sum() / means[:, 28:].sum()
        # The rates of a few recent days carry their own noise: a mean of 28 days would have about .1.
        assert error < 0.2


class TestRedemptionsAhead:
    def test_rates_are_held_to_those_of_all(self) -> None:
        redeemed = np.array([[50.0, 0], [0, 0]])
        at_risk = np.array([[100.0, 50], [0, 0]])
        rates = use_rates(redeemed, at_risk, usual=usual_rates(redeemed.sum(axis=0), at_risk.sum(axis=0)))

        assert rates[1].tolist() == [0.5, 0]
        assert rates[0, 0] == 0.5

    def test_a_new_coupon_does_what_is_usual_and_its_holders_say_how_much_more(self) -> None:
        nothing = np.zeros((3, 2))
        rates = use_rates(nothing, nothing, usual=np.array([0.2, 0.1]), leanings=np.array([1.0, 0.5, 9.0]))

        assert rates.tolist() == pytest.approx(np.array([[0.2, 0.1], [0.1, 0.05], [1.0, 0.9]]))

    def test_what_came_of_claims_moves_ages_that_none_has_reached(self) -> None:
        redeemed, at_risk = np.array([[40.0, 0], [0, 0]]), np.array([[100.0, 0], [100.0, 0]])
        rates = use_rates(redeemed, at_risk, usual=np.array([0.2, 0.1]))

        # 40 uses where 20 were due, and none: both held to what is usual by ten.
        assert rates[:, 1].tolist() == pytest.approx([0.1 * 50 / 30, 0.1 * 10 / 30])

    def test_leanings_are_distances_and_no_level(self) -> None:
        scores, claims = np.array([0.3, 0.1, np.nan, 0.9]), np.array([10.0, 30.0, 5.0, 0.0])
        leanings = leanings_of(scores, claims)

        assert leanings.tolist() == pytest.approx([2.0, 2 / 3, 1.0, 1.0])
        assert leanings_of(scores * 5, claims).tolist() == pytest.approx(leanings.tolist())
        assert leanings_of(np.full(2, np.nan), np.ones(2)).tolist() == [1.0, 1.0]
        assert leanings_of(np.zeros(2), np.ones(2)).tolist() == [1.0, 1.0]

    def test_by_hand(self) -> None:
        # Half is used on the day of the claim, of the rest a quarter on the day after, nothing later.
        rates = np.array([[0.5, 0.25, 0.0]])
        used = redemptions_ahead(np.array([[40.0, 0]]), np.array([[100.0, 0, 0]]), rates)

        # Tomorrow: half of 100 new ones, and a quarter of the 40 that are a day old by then.
        assert used.tolist() == [[60.0, 12.5, 0.0]]

    def test_never_more_than_there_are(self) -> None:
        rates = np.full((1, 30), 0.9)
        used = redemptions_ahead(np.full((1, 30), 10.0), np.full((1, 14), 5.0), rates)

        assert used.sum() <= 10 * 30 + 5 * 14


class TestMoney:
    @pytest.mark.parametrize(
        ("left", "days"), [(0, 0.0), (-5, 0.0), (5, 0.5), (10, 1.0), (29.0, 1.95), (30, None), (31, None)]
    )
    def test_lasts_so_many_days(self, left: float, days: float | None) -> None:
        assert days_until_spent(ahead=[10, 20, 0], left=left) == (None if days is None else pytest.approx(days))


class TestPlans:
    def test_a_stock_that_lasts(self) -> None:
        plan = plan_stock(ahead=[5] * 14, left=70, arrivals=[0] * 14, cover=14)

        assert (plan.days_of_cover, plan.top_up, plan.batches) == (None, 0, [])
        assert plan.served == [5] * 14

    def test_a_stock_that_ends_within_a_day(self) -> None:
        plan = plan_stock(ahead=[4] * 14, left=10, arrivals=[0] * 14, cover=14)

        assert plan.days_of_cover == 2.5
        assert plan.top_up == 46
        assert plan.batches == [(2, 26), (9, 20)]
        assert sum(plan.served) == 10

    def test_batches_that_open_by_themselves_count(self) -> None:
        arrivals = [0, 0, 0, 100, *[0] * 10]
        plan = plan_stock(ahead=[4] * 14, left=10, arrivals=arrivals, cover=14)

        # Out on the third day, and well again from the fourth on.
        assert (plan.days_of_cover, plan.top_up, plan.batches) == (2.5, 2, [(2, 2)])

    def test_only_the_days_to_cover_are_asked_for(self) -> None:
        plan = plan_stock(ahead=[4] * 14, left=10, arrivals=[0] * 14, cover=4)

        assert (plan.days_of_cover, plan.top_up) == (2.5, 6)

    def test_batches_sum_to_the_top_up(self) -> None:
        for seed in range(30):
            random = np.random.default_rng(seed)
            ahead = random.exponential(3, 28).tolist()
            plan = plan_stock(ahead=ahead, left=int(random.integers(0, 40)), arrivals=[0] * 28, cover=28)
            assert sum(quantity for _day, quantity in plan.batches) == plan.top_up

    def test_nothing_left_and_nothing_wanted(self) -> None:
        assert plan_stock(ahead=[0] * 14, left=0, arrivals=[0] * 14, cover=14).days_of_cover is None
        assert plan_stock(ahead=[1] * 14, left=0, arrivals=[0] * 14, cover=14).days_of_cover == 0
