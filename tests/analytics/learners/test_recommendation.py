"""Recommending product types: hand-computed figures, formulas against their definitions, and no look ahead."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.learners.item_models import learn_items
from analytics.learners.logistic import OneOutcome, fit_logistic, logistic_from
from analytics.learners.months import Known, items_before, known_before, measure_month, teach_month
from analytics.learners.purchases import HALF_LIVES, Purchases, habits_of, purchases_of
from analytics.learners.ranking import ndcg_at
from analytics.learners.shortlist import (
    BREADTH_COST,
    Relevance,
    groups_of,
    relevance_of,
    strongest_companion,
    varied_order,
)

KINDS = 12


def bought(rows: list[tuple[int, int, int, float]], *, shoppers: int = 3, kinds: int = 4) -> Purchases:
    """Rows of (shopper, order, kind, day)."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return purchases_of(
        shopper_ids=np.arange(shoppers) * 10,
        buyer=columns[:, 0].astype(np.int64) * 10,
        order=columns[:, 1].astype(np.int64),
        kind=columns[:, 2].astype(np.int64),
        day=columns[:, 3],
        kinds=kinds,
    )


def simulated(*, shoppers: int = 200, days: int = 180, seed: int = 4) -> Purchases:
    """Shoppers of two tastes, each with a favourite that comes back every week and others that come by chance."""
    random = np.random.default_rng(seed)
    rows = []
    order = 0
    for shopper in range(shoppers):
        taste = shopper % 2
        favourite = taste * 6 + int(random.integers(3))
        for day in range(int(random.integers(7)), days, 7):
            order += 1
            rows.append((shopper, order, favourite, float(day)))
            if random.random() < 0.4:
                rows.append((shopper, order, taste * 6 + int(random.integers(6)), float(day)))
    return bought(rows, shoppers=shoppers, kinds=KINDS)


class TestNdcg:
    def test_by_hand(self) -> None:
        scores = np.array([[3.0, 2.0, 1.0, 0.0]])
        relevant = np.array([[False, True, False, True]])
        hit = 1 / np.log2(3)
        ideal = 1 + 1 / np.log2(3)
        assert ndcg_at(scores, relevant, k=2)[0] == pytest.approx(hit / ideal)
        assert ndcg_at(scores, relevant, k=10)[0] == pytest.approx((hit + 1 / np.log2(5)) / ideal)

    def test_the_best_list_is_one_and_a_wrong_one_nothing(self) -> None:
        relevant = np.array([[True, False, False], [False, False, True]])
        assert ndcg_at(np.array([[3.0, 2.0, 1.0]] * 2), relevant, k=1).tolist() == [1.0, 0.0]

    def test_what_may_not_be_recommended_is_no_hit(self) -> None:
        scores = np.array([[1.0, -np.inf]])
        assert ndcg_at(scores, np.array([[False, True]]))[0] == 0

    def test_nothing_relevant_is_no_figure(self) -> None:
        assert np.isnan(ndcg_at(np.zeros((1, 3)), np.zeros((1, 3), dtype=bool))[0])

    def test_ties_go_to_the_earlier_column_whatever_k_cuts(self) -> None:
        scores = np.zeros((1, 30))
        relevant = np.zeros((1, 30), dtype=bool)
        relevant[0, 10] = True
        assert ndcg_at(scores, relevant)[0] == 0
        relevant[0, [10, 0]] = False, True
        assert ndcg_at(scores, relevant)[0] == 1


class TestHabits:
    def test_by_hand(self) -> None:
        purchases = bought([(0, 1, 2, 0.0), (0, 2, 2, 40.0), (0, 2, 3, 40.0), (1, 3, 2, 95.0), (0, 4, 2, 100.0)])
        habits = habits_of(purchases, at=100.0)
        row = habits.pair_rows[0, 2]
        assert habits.counts[row] == 2
        assert (habits.recency[row], habits.gap[row]) == (60, 40)
        assert (habits.month[row], habits.quarter[row]) == (0, 1)
        forty = HALF_LIVES.index(40.0)
        assert habits.decayed[row, forty] == pytest.approx(0.5 ** (60 / 40) + 0.5 ** (100 / 40))
        assert habits.orders.tolist() == [2, 1, 0]
        assert habits.variety.tolist() == [2, 1, 0]
        assert np.isnan(habits.gap[habits.pair_rows[1, 2]])
        assert habits.spread(habits.counts).tolist() == [[0, 0, 2, 1], [0, 0, 1, 0], [0, 0, 0, 0]]

    def test_a_type_on_three_lines_of_an_order_was_bought_once(self) -> None:
        assert habits_of(bought([(0, 1, 2, 5.0)] * 3), at=9.0).counts.tolist() == [1]

    def test_nobody_bought_anything(self) -> None:
        habits = habits_of(bought([]), at=9.0)
        assert not habits.seen.any()
        assert habits.spread(habits.counts).sum() == 0


class TestEase:
    def test_is_ridge_regression_of_each_type_on_the_others(self) -> None:
        purchases = simulated(shoppers=60)
        habits = habits_of(purchases, at=90.0)
        penalty = 7.0
        items = learn_items([habits], kinds=KINDS, penalty=penalty)
        seen = habits.seen.astype(np.float64)
        for kind in range(KINDS):
            others = np.delete(np.arange(KINDS), kind)
            rest = seen[:, others]
            expected = np.linalg.solve(rest.T @ rest + penalty * np.eye(KINDS - 1), rest.T @ seen[:, kind])
            np.testing.assert_allclose(items.ease[others, kind], expected, atol=1e-5)
            assert items.ease[kind, kind] == 0

    def test_chunks_make_no_difference(self) -> None:
        purchases = simulated(shoppers=60)
        halves = [purchases.only(np.arange(30)), purchases.only(np.arange(30, 60))]
        whole = items_before(lambda: [purchases], kinds=KINDS, day=90.0)
        parts = items_before(lambda: halves, kinds=KINDS, day=90.0)
        np.testing.assert_allclose(whole.ease, parts.ease, atol=1e-6)
        np.testing.assert_allclose(whole.repeat_rate, parts.repeat_rate)


class TestLogistic:
    def test_finds_the_direction_and_survives_storing(self) -> None:
        random = np.random.default_rng(1)
        features = random.normal(size=(4000, 3)) * [1.0, 50.0, 0.0] + [0.0, 9.0, 4.0]
        labels = random.random(4000) < 1 / (1 + np.exp(-(features[:, 0] - (features[:, 1] - 9) / 50)))
        model = fit_logistic(features, labels, names=("a", "b", "same"))
        assert model.weights[0] > 0 > model.weights[1]
        assert model.weights[2] == 0
        assert abs(model.probability(features).mean() - labels.mean()) < 0.01
        again = logistic_from(model.arrays(), names=model.names)
        np.testing.assert_array_equal(again.log_odds(features), model.log_odds(features))

    @pytest.mark.parametrize("label", [True, False])
    def test_one_outcome_teaches_nothing(self, label: bool) -> None:
        with pytest.raises(OneOutcome):
            fit_logistic(np.ones((5, 1)), np.full(5, label), names=("a",))


class TestTeaching:
    def test_beats_popularity_and_looks_into_no_future(self) -> None:
        purchases = simulated()
        read = lambda: [purchases]  # noqa: E731 - as short as what it stands for
        model = teach_month(read, items_before(read, kinds=KINDS, day=100.0), first=100.0, end=130.0)
        items = items_before(read, kinds=KINDS, day=130.0)

        def popularity(known: Known) -> np.ndarray:
            return np.tile(known.items.shoppers, (len(known.blend), 1))

        found = measure_month(
            read,
            items,
            first=130.0,
            end=160.0,
            recommenders={"taught": lambda known: known.taught(model), "popular": popularity},
        )
        assert found["taught"].mean > found["popular"].mean + 0.2
        past = purchases.before(130.0)
        np.testing.assert_array_equal(
            known_before(past, items_before(lambda: [past], kinds=KINDS, day=130.0), day=130.0).taught(model),
            known_before(purchases, items, day=130.0).taught(model),
        )


class TestShortlist:
    def test_relevance_by_hand(self) -> None:
        chances = np.array([[0.5, 0.2, 0.0]], dtype=np.float32)
        shares = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]], dtype=np.float32)
        found = relevance_of(chances, shares, np.array([0.0, 0.4, 0.0], dtype=np.float32))
        assert found.score[0].tolist() == pytest.approx(
            [0.5, (1 - (1 - 0.25) * (1 - 0.1)) * (1 - 0.4 * BREADTH_COST), 0.0]
        )
        assert found.leading_kind[0].tolist() == [0, 0, 0]

    def test_the_same_leading_type_loses_its_turn(self) -> None:
        relevance = Relevance(
            score=np.array([[0.9, 0.8, 0.7, 0.5]], dtype=np.float32), leading_kind=np.array([[1, 1, 1, 2]])
        )
        order = varied_order(relevance, np.arange(4), length=4)
        assert order[0].tolist() == [0, 3, 1, 2]

    def test_nothing_relevant_is_not_listed(self) -> None:
        relevance = Relevance(score=np.array([[0.0, 0.3]], dtype=np.float32), leading_kind=np.array([[0, 1]]))
        assert varied_order(relevance, np.arange(2), length=5)[0].tolist() == [1, -1]

    def test_coupons_that_count_the_same_are_one_group(self) -> None:
        shares = np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32)
        group = groups_of(shares)
        assert group[0] == group[2] != group[1]

    def test_the_companion_is_what_speaks_most_for_it(self) -> None:
        weights = np.array([[0.0, 0.1], [0.3, 0.0], [0.0, 0.2]], dtype=np.float32)
        weights = np.pad(weights, ((0, 0), (0, 1)))
        # The first shopper has types 0 and 2, the second one none.
        owned, starts = np.array([0, 2]), np.array([0, 2, 2])
        asked = strongest_companion(np.array([0, 1]), np.array([1, 1]), owned=owned, starts=starts, weights=weights)
        assert asked.tolist() == [2, -1]
