"""The simple ways, and what it takes to beat them."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.learners.histories import histories_of, lessons_on
from analytics.learners.incumbents import BLEND, DECAYED, POPULARITY, beats, gain_over, quality_of, simple_scores
from analytics.learners.months import Quality
from tests.analytics.learners.baskets import purchases_from


def quality(everything: list[float], new_only: list[float] | None = None) -> Quality:
    """Of so many shoppers that a gain can count: each figure stands twenty times."""
    new_only = new_only or [0.1] * len(everything)
    return Quality(everything=np.tile(everything, 20), new_only=np.tile(new_only, 20))


class TestSimpleWays:
    def test_say_what_is_usual_for_the_shopper_and_for_all(self) -> None:
        baskets = [(0, 1.0, (0,)), (0, 2.0, (0, 1)), (1, 1.0, (2,)), (2, 1.0, (2, 0)), (0, 30.0, (1,)), (1, 30.0, (0,))]
        purchases = purchases_from(baskets, shoppers=3, kinds=3)
        lessons = lessons_on(purchases, histories_of(purchases, np.zeros(0, dtype=np.int64)), day=20.0, end=40.0)

        scores = simple_scores(purchases, lessons, day=20.0)

        assert np.argmax(scores[DECAYED], axis=1).tolist() == [0, 2]
        assert scores[POPULARITY].tolist() == [[2, 1, 2], [2, 1, 2]]
        assert np.argmax(scores[BLEND], axis=1).tolist() == [0, 2]

    def test_are_measured_on_what_followed_and_on_what_was_new(self) -> None:
        purchases = purchases_from([(0, 1.0, (0,)), (0, 30.0, (0, 1))], shoppers=1, kinds=3)
        lessons = lessons_on(purchases, histories_of(purchases, np.zeros(0, dtype=np.int64)), day=20.0, end=40.0)

        right = quality_of(np.array([[2.0, 1.0, 0.0]]), purchases, lessons, day=20.0, end=40.0)
        wrong = quality_of(np.array([[2.0, 0.0, 1.0]]), purchases, lessons, day=20.0, end=40.0)

        assert (right.mean, right.mean_new) == (1.0, 1.0)
        assert wrong.mean < 1.0
        assert wrong.mean_new == pytest.approx(1 / np.log2(3))


class TestBeating:
    def test_a_clear_gain_over_each_wins(self) -> None:
        assert beats(quality([0.5, 0.6, 0.7]), {"a": quality([0.4, 0.5, 0.6]), "b": quality([0.1, 0.2, 0.3])})

    def test_one_that_is_not_beaten_is_enough_to_lose(self) -> None:
        assert not beats(quality([0.5, 0.6, 0.7]), {"a": quality([0.4, 0.5, 0.6]), "b": quality([0.5, 0.6, 0.7])})

    def test_a_gain_within_chance_does_not_win(self) -> None:
        assert not beats(quality([0.9, 0.2, 0.7]), {"a": quality([0.6, 0.55, 0.6])})

    def test_a_clear_loss_on_new_types_loses(self) -> None:
        ours = quality([0.5, 0.6, 0.7], [0.1, 0.1, 0.1])

        assert not beats(ours, {"a": quality([0.4, 0.5, 0.6], [0.2, 0.2, 0.2])})

    def test_whoever_has_no_figure_is_left_out(self) -> None:
        gain, error = gain_over(np.array([0.5, np.nan, 0.7]), np.array([0.4, 0.9, 0.4]))

        assert (gain, error) == pytest.approx((0.2, 0.1))
        assert gain_over(np.array([np.nan]), np.array([1.0])) == (0.0, np.inf)

    def test_one_shopper_says_nothing_of_chance(self) -> None:
        gain, error = gain_over(np.array([0.5]), np.array([0.25]))

        assert (gain, error) == (0.25, np.inf)

    def test_fewer_than_fifty_shoppers_never_win(self) -> None:
        def of(shoppers: int, figure: float) -> Quality:
            return Quality(everything=np.full(shoppers, figure), new_only=np.full(shoppers, 0.1))

        assert not beats(of(49, 0.6), {"a": of(49, 0.5)})
        assert beats(of(50, 0.6), {"a": of(50, 0.5)})
