"""Learning response: calibrated forward in time, the same twice, and kept as plain arrays without loss."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss as reference_log_loss
from sklearn.metrics import ndcg_score, roc_auc_score

from analytics.learners.accuracy import auc, auc_interval, log_loss, ranked_well
from analytics.learners.calibration import (
    USUAL_SHIFT,
    Forecast,
    Platt,
    calibration_error,
    expit,
    fit_isotonic,
    fit_platt,
    fit_shift,
    logit,
)
from analytics.learners.response import (
    Lesson,
    ResponseModel,
    Settings,
    TooFewAnswers,
    any_answer,
    blended,
    draw_rows,
    fit_response,
)
from analytics.learners.trees import Forest, flatten
from analytics.learners.value import captured_value, expected_value, fit_score, time_factor, value_score

NAMES = ("fond", "busy", "noise")
SETTINGS = Settings(penalty=0.1, tree_weight=0.5, tree_count=20, leaves=4, least_rows=10)


def make_lesson(seed: int, *, started: float, rows: int = 600, base: float = -2.0) -> Lesson:
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, len(NAMES))).astype(np.float32)
    answers = random.random(rows) < expit(base + 1.5 * features[:, 0] + 0.5 * features[:, 1].astype(np.float64))
    return Lesson(features=features, answers=answers, started=started, ended=started + 1)


LESSONS = [make_lesson(seed, started=float(2 * seed)) for seed in range(5)]


class TestLearning:
    def test_finds_what_is_there_and_keeps_its_word(self) -> None:
        model, _ = fit_response(LESSONS, names=NAMES, settings=SETTINGS, seed=7)
        new = make_lesson(99, started=99, rows=5000)
        forecast = model.predict(new.features)

        assert auc(forecast, new.answers) > 0.8
        assert forecast.sum() / new.answers.sum() == pytest.approx(1, abs=0.1)
        assert calibration_error(forecast, new.answers) < 0.05

    def test_twice_is_the_same_bit_for_bit(self) -> None:
        first, second = (fit_response(LESSONS, names=NAMES, settings=SETTINGS, seed=7)[0] for _ in range(2))
        for name, array in first.arrays().items():
            np.testing.assert_array_equal(array, second.arrays()[name])

    def test_survives_being_kept_as_arrays(self) -> None:
        model, _ = fit_response(LESSONS, names=NAMES, settings=SETTINGS, seed=7)
        again = ResponseModel.from_arrays(model.arrays())

        assert again.features == NAMES
        np.testing.assert_array_equal(model.predict(LESSONS[0].features), again.predict(LESSONS[0].features))
        assert all(array.dtype != object for array in model.arrays().values())

    def test_a_forward_forecast_knows_nothing_of_what_came_later(self) -> None:
        changed = [*LESSONS[:3], make_lesson(77, started=6.0, base=2.0), make_lesson(78, started=8.0, base=2.0)]
        _, forward = fit_response(LESSONS, names=NAMES, settings=SETTINGS, seed=7)
        _, of_changed = fit_response(changed, names=NAMES, settings=SETTINGS, seed=7)

        assert [number for number, _ in forward] == [1, 2, 3, 4]
        for (number, one), (_, other) in list(zip(forward, of_changed, strict=True))[:2]:
            assert number < 3
            np.testing.assert_array_equal(one, other)

    def test_campaigns_that_overlap_do_not_teach_each_other(self) -> None:
        together = [Lesson(each.features, each.answers, started=0.0, ended=10.0) for each in LESSONS]
        model, forward = fit_response(together, names=NAMES, settings=SETTINGS, seed=7)

        assert forward == []
        assert model.platt == Platt()

    def test_is_shifted_by_what_its_forward_forecasts_missed(self) -> None:
        model, forward = fit_response(LESSONS, names=NAMES, settings=SETTINGS, seed=7)
        told = [Forecast(forecast, LESSONS[number].answers) for number, forecast in forward]

        assert model.platt == Platt(intercept=fit_shift(told))
        np.testing.assert_allclose(
            logit(model.predict(LESSONS[0].features)), logit(model.raw(LESSONS[0].features)) + model.platt.intercept
        )

    def test_too_few_answers_are_refused(self) -> None:
        silent = Lesson(LESSONS[0].features, np.zeros(600, dtype=np.bool_), started=0, ended=1)
        with pytest.raises(TooFewAnswers):
            fit_response([silent], names=NAMES, settings=SETTINGS, seed=7)

    def test_a_feature_alike_for_everybody_says_nothing_later_either(self) -> None:
        flat = [
            Lesson(
                np.column_stack([each.features[:, :2], np.ones(600)]).astype(np.float32),
                each.answers,
                each.started,
                each.ended,
            )
            for each in LESSONS
        ]
        linear = Settings(penalty=0.1, tree_weight=0.0, tree_count=0, leaves=2, least_rows=1)
        model, _ = fit_response(flat, names=NAMES, settings=linear, seed=7)
        moved = flat[0].features + np.array([0, 0, 1000], dtype=np.float32)

        np.testing.assert_allclose(model.predict(flat[0].features), model.predict(moved))


class TestTogether:
    def test_any_answer_is_worked_out_by_hand(self) -> None:
        pairs = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [1.0, 0.2, 0.3]])

        assert any_answer(pairs) == pytest.approx([0.75, 0, 1])

    def test_blended_lies_between_on_the_log_odds(self) -> None:
        one, other = np.array([0.1, 0.5]), np.array([0.4, 0.5])

        assert blended(one, other, share=0) == pytest.approx(one)
        assert blended(one, other, share=1) == pytest.approx(other)
        assert logit(blended(one, other, share=0.25)) == pytest.approx(0.75 * logit(one) + 0.25 * logit(other))


class TestDrawing:
    def test_keeps_every_answer_and_weighs_the_silent(self) -> None:
        answers = np.arange(1000) % 50 == 0
        rows, weight = draw_rows(answers, most_silent=100, seed=1)

        assert set(np.flatnonzero(answers)) <= set(rows.tolist())
        assert len(rows) == 120
        assert weight[answers[rows]].tolist() == [1.0] * 20
        assert weight.sum() == pytest.approx(1000)

    def test_takes_all_when_there_are_few(self) -> None:
        rows, weight = draw_rows(np.array([True, False, False]), most_silent=10, seed=1)

        assert (rows.tolist(), weight.tolist()) == ([0, 1, 2], [1, 1, 1])


class TestTrees:
    @pytest.mark.parametrize("leaves", [2, 8])
    def test_flattened_predict_as_scikit_learn_does(self, leaves: int) -> None:
        lesson = make_lesson(1, started=0, rows=2000)
        model = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=leaves, random_state=3)
        model.fit(lesson.features, lesson.answers)
        forest = flatten(model)

        expected = model.predict_proba(lesson.features)[:, 1]
        np.testing.assert_allclose(forest.predict(lesson.features), expected, rtol=1e-9)
        np.testing.assert_array_equal(
            Forest.from_arrays(forest.arrays()).predict(lesson.features), forest.predict(lesson.features)
        )


class CampaignsAtRandom:
    """Campaigns whose answers lie off their forecast by a common shift and one of their own, on the log odds."""

    def __init__(self, *, seed: int, common: float, own: float) -> None:
        self.random = np.random.default_rng(seed)
        self.common = common
        self.own = own

    def campaign(self, *, rows: int = 2000) -> Forecast:
        odds = self.random.normal(-2, 1, rows)
        off = self.common + self.own * self.random.normal()
        return Forecast(expit(odds), self.random.random(rows) < expit(odds + off))


class TestCalibration:
    def test_platt_mends_a_forecast_that_promises_too_much(self) -> None:
        random = np.random.default_rng(4)
        truth = expit(random.normal(-2, 1, 20_000))
        answers = random.random(20_000) < truth
        boastful = expit(1.5 * np.log(truth / (1 - truth)) + 1.5)
        mended = fit_platt(boastful, answers).apply(boastful)

        assert boastful.sum() / answers.sum() > 1.3
        assert mended.sum() / answers.sum() == pytest.approx(1, abs=0.03)
        assert log_loss(mended, answers) < log_loss(boastful, answers)

    def test_platt_never_turns_an_order_round(self) -> None:
        forecast = np.linspace(0.01, 0.5, 200)
        assert fit_platt(forecast, forecast < 0.2).slope > 0

    def test_nothing_forecast_shifts_nothing(self) -> None:
        assert fit_shift([]) == 0

    def test_many_campaigns_off_alike_are_believed_and_one_is_not(self) -> None:
        world = CampaignsAtRandom(seed=5, common=0.5, own=0.0)
        many, one = fit_shift([world.campaign() for _ in range(100)]), fit_shift([world.campaign()])

        assert many == pytest.approx(0.5, abs=0.05)
        assert 0 < one < 0.75 * many

    def test_a_campaign_that_nobody_answered_shifts_within_reason(self) -> None:
        few, many = (Forecast(np.full(rows, 0.1), np.zeros(rows, dtype=np.bool_)) for rows in (20, 5000))

        assert -USUAL_SHIFT < fit_shift([few]) < 0
        assert -3 < fit_shift([many]) < fit_shift([few])

    def test_a_shopper_decides_once_and_not_row_by_row(self) -> None:
        forecast, answers = np.full(4000, 0.1), np.zeros(4000, dtype=np.bool_)
        answers[:800] = True
        alone, together = (fit_shift([Forecast(forecast, answers, rows_each=each)]) for each in (1, 400))

        assert 0 < together < 0.7 * alone

    def test_next_campaign_is_forecast_better_than_by_platt_or_by_nothing(self) -> None:
        """Simulated: a handful of campaigns, each off for reasons of its own, and all of them together a little."""
        lost = np.zeros(3)
        for seed in range(60):
            world = CampaignsAtRandom(seed=seed, common=float(np.random.default_rng([seed, 1]).normal(0, 0.3)), own=0.4)
            past, coming = [world.campaign(rows=rows) for rows in (2000, 200, 200, 1500)], world.campaign(rows=4000)
            platt = fit_platt(
                np.concatenate([each.probability for each in past]), np.concatenate([each.answers for each in past])
            )
            for place, way in enumerate((Platt(intercept=fit_shift(past)), platt, Platt())):
                lost[place] += log_loss(way.apply(coming.probability), coming.answers)

        assert lost[0] < lost[1]
        assert lost[0] < lost[2]

    @pytest.mark.parametrize("answer", [True, False])
    def test_answers_of_one_kind_change_nothing(self, answer: bool) -> None:
        assert fit_platt(np.full(10, 0.3), np.full(10, answer)) == Platt()

    def test_isotonic_rises(self) -> None:
        random = np.random.default_rng(4)
        forecast = random.random(500)
        supports, values = fit_isotonic(forecast, random.random(500) < forecast)

        assert (np.diff(values) >= 0).all()
        assert (np.diff(supports) >= 0).all()

    def test_the_error_of_an_honest_forecast_is_small_and_of_a_wrong_one_is_not(self) -> None:
        answers = np.arange(1000) % 10 == 0
        assert calibration_error(np.full(1000, 0.1), answers) == pytest.approx(0)
        assert calibration_error(np.full(1000, 0.4), answers) == pytest.approx(0.3)

    def test_equal_forecasts_are_one_whatever_the_order_of_their_rows(self) -> None:
        answers = np.arange(1000) < 100

        assert calibration_error(np.full(1000, 0.1), answers) == pytest.approx(0)
        assert calibration_error(np.full(1000, 0.1), answers[::-1]) == pytest.approx(0)


class TestMeasuring:
    def test_agrees_with_scikit_learn(self) -> None:
        random = np.random.default_rng(6)
        forecast = random.random(300).round(2).clip(0.01, 0.99)
        answers = random.random(300) < forecast

        assert auc(forecast, answers) == pytest.approx(roc_auc_score(answers, forecast))
        assert log_loss(forecast, answers) == pytest.approx(reference_log_loss(answers, forecast))
        low, high = auc_interval(forecast, answers, seed=1)
        assert low < auc(forecast, answers) < high

    def test_ranking_agrees_with_scikit_learn_and_leaves_silent_shoppers_out(self) -> None:
        random = np.random.default_rng(6)
        scores, answers = random.random((30, 40)), random.random((30, 40)) < 0.1
        answers[:3] = False
        heard = answers.any(axis=1)
        recall, gain = ranked_well(scores, answers)

        assert gain == pytest.approx(ndcg_score(answers[heard], scores[heard], k=10))
        first = np.argsort(-scores, axis=1)[:, :10]
        by_hand = [answers[row][first[row]].sum() / answers[row].sum() for row in np.flatnonzero(heard)]
        assert recall == pytest.approx(np.mean(by_hand))

    def test_nothing_used_is_no_figure(self) -> None:
        assert np.isnan(ranked_well(np.ones((2, 3)), np.zeros((2, 3), dtype=np.bool_))).all()
        assert np.isnan(auc(np.ones(3), np.zeros(3, dtype=np.bool_)))


class TestValue:
    def test_is_worked_out_by_hand(self) -> None:
        # ten off, half a fit, one visit expected in the time left
        factor = time_factor(14.0, np.array([14.0]))
        assert factor[0] == pytest.approx(1 - np.exp(-1))
        value = value_score(np.array([[1000.0]]), np.array([[0.5]]), factor[:, None])
        assert value[0, 0] == pytest.approx(1000 * 0.85 * (1 - np.exp(-1)))
        assert fit_score(np.array([0.0, 1.0])).tolist() == pytest.approx([0, 1 - np.exp(-1)])
        assert expected_value(np.array([[0.02]]), np.array([100.0]))[0, 0] == pytest.approx(2)

    def test_time_that_is_over_is_worth_nothing_and_an_unknown_gap_is_usual(self) -> None:
        assert time_factor(-1.0, np.array([7.0]))[0] == 0
        assert time_factor(14.0, np.array([np.nan]))[0] == pytest.approx(1 - np.exp(-1))

    def test_captured_is_the_share_of_money_among_the_first(self) -> None:
        face = np.array([100.0, 300.0, 50.0])
        used = np.array([[True, True, False]])

        assert captured_value(np.array([[3.0, 1.0, 2.0]]), face, used, first=1) == pytest.approx(0.25)
        assert captured_value(np.array([[3.0, 1.0, 2.0]]), face, used, first=3) == 1
        assert np.isnan(captured_value(np.ones((1, 3)), face, np.zeros((1, 3), dtype=np.bool_)))
