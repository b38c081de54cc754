"""Forecasts: what a method does to series whose future is known."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from analytics.learners.forecast import (
    METHODS,
    Matrix,
    Method,
    backtest,
    choose_method,
    damped_trend,
    forecast,
    month_places,
    moving_average,
    share_of_total,
    smoothing,
    wape,
)

FIRST_MONDAY = date(2017, 1, 2)
MEAN_OF_4 = Method("mean", moving_average(4))


def places_of(weeks: int) -> Matrix:
    return month_places(FIRST_MONDAY + timedelta(days=7 * week) for week in range(weeks))


def monthly_series(*, weeks: int = 60, noise: float = 0.02, seed: int = 3) -> Matrix:
    """Five series that rise by half in the first days of each month."""
    random = np.random.default_rng(seed)
    effect = np.exp(np.log(1.5) * places_of(weeks)[:, 0])
    return np.array([100, 200, 300, 400, 500])[:, None] * effect * random.lognormal(0, noise, (5, weeks))


class TestPlacesInTheMonth:
    def test_count_the_days_of_each_week(self) -> None:
        # January 30 to February 5, and February 6 to 12.
        rows = month_places([date(2017, 1, 30), date(2017, 2, 6)])

        assert rows == pytest.approx(np.array([[5 / 7, 2 / 7], [0, 0]]))

    def test_of_no_weeks_are_no_rows(self) -> None:
        assert month_places([]).shape == (0, 2)


class TestLevels:
    def test_mean_of_the_newest_weeks(self) -> None:
        history = np.array([[9.0, 1, 2, 3, 4], [0, 0, 0, 0, 8]])

        assert moving_average(4)(history, 2).tolist() == [[2.5, 2.5], [2, 2]]

    def test_smoothing_by_hand(self) -> None:
        # Starts with the mean of four, (1+1+1+1)/4, then 0.5·3 + 0.5·1.
        assert smoothing(0.5)(np.array([[1.0, 1, 1, 1, 3]]), 1).tolist() == [[2.0]]

    def test_a_damped_trend_rises_ever_less(self) -> None:
        history = np.exp(np.arange(1, 21) / 10)[None, :] * 100
        ahead = damped_trend(0.5, 0.3, 0.8)(history, 4)[0]

        steps = np.diff(np.log1p(ahead))
        assert (steps > 0).all()
        assert steps[1] / steps[0] == pytest.approx(0.8)

    def test_shares_sum_to_the_total(self) -> None:
        history = np.random.default_rng(1).uniform(10, 20, (4, 30))
        ahead = share_of_total(0.3, 0.3)(history, 3)

        assert ahead.sum(axis=0) == pytest.approx(smoothing(0.3)(history.sum(axis=0, keepdims=True), 3)[0])


class TestTheMonth:
    def test_is_learned_and_put_back_ahead(self) -> None:
        series = monthly_series()
        with_month = Method("month", moving_average(8), by_month=True)
        plain = Method("plain", moving_average(8))

        scores = [
            wape(*backtest(series, places=places_of(60), method=method, origins=range(30, 56), horizon=4))
            for method in (with_month, plain)
        ]
        # What remains is the noise; without the month the rise of a half stays unexplained.
        assert scores[0] < 0.03 < 0.08 < scores[1]

    def test_does_little_harm_where_there_is_none(self) -> None:
        series = np.random.default_rng(5).poisson(200, (20, 60)).astype(float)
        scores = [
            wape(*backtest(series, places=places_of(60), method=method, origins=range(30, 56), horizon=4))
            for method in (Method("month", moving_average(4), by_month=True), MEAN_OF_4)
        ]
        assert scores[0] < scores[1] * 1.05

    def test_is_not_learned_from_a_few_weeks(self) -> None:
        history = monthly_series()[:, :8]
        ahead = forecast(history, places=places_of(12), method=Method("m", moving_average(4), by_month=True), horizon=4)

        assert ahead == pytest.approx(moving_average(4)(history, 4))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
class TestEveryMethod:
    def test_knows_nothing_of_what_comes_after_its_origin(self, method: Method) -> None:
        series = monthly_series()
        changed = series.copy()
        changed[:, 40:] *= 7
        ahead = [forecast(each[:, :40], places=places_of(44), method=method, horizon=4) for each in (series, changed)]
        control = forecast(changed[:, :41], places=places_of(45), method=method, horizon=4)

        assert (ahead[0] == ahead[1]).all()
        assert not np.allclose(ahead[0], control)

    def test_stays_finite_and_not_negative_on_sparse_series(self, method: Method) -> None:
        history = np.zeros((3, 30))
        history[1, ::7] = 1
        history[2, 5] = 1e9

        ahead = forecast(history, places=places_of(34), method=method, horizon=4)
        assert np.isfinite(ahead).all()
        assert (ahead >= 0).all()
        assert ahead[0] == pytest.approx(0)

    def test_takes_a_single_week(self, method: Method) -> None:
        ahead = forecast(np.array([[5.0]]), places=places_of(3), method=method, horizon=2)

        assert ahead == pytest.approx(np.array([[5.0, 5.0]]))

    def test_takes_no_series(self, method: Method) -> None:
        assert forecast(np.zeros((0, 20)), places=places_of(24), method=method, horizon=4).shape == (0, 4)


class TestRefusals:
    @pytest.mark.parametrize("history", [np.zeros((2, 0)), np.array([[1.0, np.nan]]), np.array([[1.0, -1.0]])])
    def test_of_histories_that_are_none(self, history: Matrix) -> None:
        with pytest.raises(ValueError, match="a history needs"):
            forecast(history, places=places_of(9), method=MEAN_OF_4, horizon=1)

    def test_of_missing_places(self) -> None:
        with pytest.raises(ValueError, match="place in the month"):
            forecast(np.ones((1, 5)), places=places_of(5), method=MEAN_OF_4, horizon=1)

    def test_of_an_origin_without_enough_weeks_after_it(self) -> None:
        with pytest.raises(ValueError, match="origin"):
            backtest(np.ones((1, 10)), places=places_of(14), method=MEAN_OF_4, origins=[7], horizon=4)


def test_wape_weighs_by_what_happened() -> None:
    series = np.array([[4.0, 4, 4, 4, 8], [1, 1, 1, 1, 1]])

    errors, actuals = backtest(series, places=places_of(5), method=MEAN_OF_4, origins=[4], horizon=1)
    # One series is off by 4 and the other by 0, of 9 in all.
    assert wape(errors, actuals) == pytest.approx(4 / 9)


def test_the_best_method_on_the_origins_is_chosen() -> None:
    chosen, scores = choose_method(monthly_series(), places=places_of(60), origins=range(20, 40), horizon=4)

    assert chosen.by_month
    assert scores[chosen.name] == min(scores.values())
    assert scores.keys() == {method.name for method in METHODS}
