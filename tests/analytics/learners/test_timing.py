"""Trigger scores, hours and channels, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.learners.timing import (
    FIRST_HOUR,
    LAST_HOUR,
    active_hours,
    best_hours,
    channel_scores,
    fires,
    smoothed_rates,
    trigger_scores,
)


class TestTheTrigger:
    def test_is_seven_days_against_the_reference_and_never_above_one(self) -> None:
        days = np.array([[0.5, 0, 0, 2.0, 0, 0, 3.0, 9.0], [50.0, 0, 0, 0, 0, 0, 0, 0]])
        today, yesterday = trigger_scores(days, 10.0)

        assert today.tolist() == [0.55, 1.0]
        assert yesterday.tolist() == [1.0, 0.0]

    def test_without_any_behaviour_nobody_scores(self) -> None:
        today, yesterday = trigger_scores(np.ones((2, 8)), 0.0)

        assert (today.tolist(), yesterday.tolist()) == ([0, 0], [0, 0])

    @pytest.mark.parametrize(
        ("today", "yesterday", "live", "expected"),
        [(0.9, 0.9, True, True), (0.9, 0.8, True, False), (0.8, 0.9, True, False), (0.9, 0.9, False, False)],
    )
    def test_fires_after_two_days_above_while_a_campaign_runs(
        self, today: float, yesterday: float, live: bool, expected: bool
    ) -> None:
        assert fires(np.array([today]), np.array([yesterday]), np.array([live])).tolist() == [expected]


class TestHours:
    def test_who_did_nothing_has_everybodys_habit(self) -> None:
        population = np.zeros(24)
        population[19] = 100
        shares = active_hours(np.zeros((1, 24)), population)

        assert shares[0, 19] == pytest.approx(0.5)
        assert shares[0, 18] == shares[0, 20] == pytest.approx(0.25)
        assert shares.sum() == pytest.approx(1)

    def test_a_habit_of_ones_own_wins_when_it_is_long_enough(self) -> None:
        population = np.zeros(24)
        population[19] = 1000
        counts = np.zeros((2, 24))
        counts[0, 9], counts[1, 9] = 2, 40

        assert best_hours(active_hours(counts, population)).tolist() == [19, 9]

    def test_an_empty_shop_has_an_even_day(self) -> None:
        assert active_hours(np.zeros((1, 24)), np.zeros(24))[0].tolist() == [pytest.approx(1 / 24)] * 24

    def test_midnight_has_two_neighbours(self) -> None:
        counts = np.zeros((1, 24))
        counts[0, 0] = 1000
        shares = active_hours(counts, np.ones(24))

        assert shares[0, 23] == shares[0, 1] > shares[0, 2]

    def test_nobody_is_woken(self) -> None:
        counts = np.zeros((1, 24))
        counts[0, 3] = 500

        assert FIRST_HOUR <= best_hours(active_hours(counts, np.ones(24)))[0] < LAST_HOUR


class TestChannels:
    def test_rates_are_drawn_to_everybodys(self) -> None:
        rates = smoothed_rates(np.array([[0.0, 20.0]]), np.array([[0.0, 20.0]]), np.array([0.1, 0.1]))

        assert rates[0].tolist() == pytest.approx([0.1, 0.55])

    def test_a_message_costs_and_tires(self) -> None:
        cost = np.array([2.0, 1.0])
        fresh = channel_scores(np.array([[0.2, 0.08]]), np.zeros((1, 2)), cost)
        tired = channel_scores(np.array([[0.2, 0.08]]), np.array([[2.0, 0.0]]), cost)

        assert fresh[0].tolist() == pytest.approx([0.1, 0.08])
        assert tired[0, 0] == pytest.approx(0.1 * np.exp(-0.7))
        assert (fresh[0].argmax(), tired[0].argmax()) == (0, 1)
