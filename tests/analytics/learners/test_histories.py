"""Baskets in their order, lessons cut from them, batches of lessons: nothing of a lesson's day or later is read."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from analytics.learners.batches import batch_of, batches_in_order, batches_shuffled, spans
from analytics.learners.histories import (
    MOST_BASKETS,
    Histories,
    Lessons,
    days_of_lessons,
    histories_of,
    lessons_joined,
    lessons_on,
    log_gap,
)
from analytics.learners.purchases import Purchases, purchases_joined
from tests.analytics.learners.baskets import purchases_from, rotating

NO_COUPONS = np.zeros(0, dtype=np.int64)
TARGETS = {"target_offsets", "target_kind"}


def small() -> Purchases:
    """Two shoppers with baskets, and one between them who bought nothing."""
    baskets = [(0, 10.0, (2, 0)), (2, 5.0, (1,)), (0, 3.0, (1,)), (0, 40.0, (3,)), (2, 41.0, (1, 3))]
    return purchases_from(baskets, shoppers=3, kinds=4)


def lessons_at(purchases: Purchases, day: float, end: float | None = None) -> Lessons:
    return lessons_on(purchases, histories_of(purchases, NO_COUPONS), day=day, end=end)


class TestHistories:
    def test_baskets_stand_in_the_order_of_shopper_and_time(self) -> None:
        histories = histories_of(small(), NO_COUPONS)

        assert histories.starts.tolist() == [0, 3, 3, 5]
        assert histories.day.tolist() == [3.0, 10.0, 40.0, 5.0, 41.0]
        assert [
            histories.kind[first:end].tolist()
            for first, end in zip(histories.offsets, histories.offsets[1:], strict=False)
        ] == [[1], [0, 2], [3], [1], [1, 3]]

    def test_a_basket_knows_its_gap_its_size_and_its_coupon(self) -> None:
        histories = histories_of(small(), np.array([1]))

        gaps = log_gap(np.array([1e9, 7.0, 30.0, 1e9, 36.0]))
        assert histories.figures[:, 0] == pytest.approx(gaps, abs=1e-6)
        assert histories.figures[:, 1] == pytest.approx(np.log1p([1, 2, 1, 1, 2]) / np.log(50), abs=1e-6)
        assert histories.figures[:, 2].tolist() == [0, 1, 0, 0, 0]

    def test_nobody_bought_anything(self) -> None:
        nothing = small().before(0.0)

        histories = histories_of(nothing, NO_COUPONS)

        assert histories.starts.tolist() == [0, 0, 0, 0]
        assert histories.offsets.tolist() == [0]
        assert len(lessons_on(nothing, histories, day=50.0, end=None)) == 0

    def test_groups_of_shoppers_join_to_what_they_were(self) -> None:
        whole = small()

        joined = purchases_joined([whole.only(np.array([0])), whole.only(np.array([1, 2]))])

        assert joined.shopper_ids.tolist() == whole.shopper_ids.tolist()
        one, other = histories_of(joined, NO_COUPONS), histories_of(whole, NO_COUPONS)
        for field in fields(Histories):
            assert np.array_equal(getattr(one, field.name), getattr(other, field.name)), field.name


class TestLessons:
    def test_whoever_came_before_and_in_the_month_has_one(self) -> None:
        lessons = lessons_at(small(), 20.0, 50.0)

        assert lessons.shopper.tolist() == [0, 2]
        assert lessons.baskets.tolist() == [2, 1]
        assert lessons.figures[:, 0] == pytest.approx(log_gap(np.array([10.0, 15.0])), abs=1e-6)
        assert lessons.pair_kind.tolist() == [0, 1, 2, 1]
        assert lessons.pair_offsets.tolist() == [0, 3, 4]
        assert lessons.target_kind.tolist() == [3, 1, 3]
        assert lessons.target_offsets.tolist() == [0, 1, 3]

    def test_the_month_ends_before_its_end(self) -> None:
        lessons = lessons_at(small(), 20.0, 41.0)

        assert lessons.shopper.tolist() == [0]
        assert lessons.target_kind.tolist() == [3]

    def test_without_an_end_everybody_who_ever_came_has_one_and_nobody_a_target(self) -> None:
        lessons = lessons_at(small(), 4.0)

        assert lessons.shopper.tolist() == [0]
        assert lessons.target_offsets.tolist() == [0, 0]

    def test_lately_counts_more_in_the_short_memory(self) -> None:
        purchases = purchases_from([(0, 1.0, (0,)), (0, 99.0, (1,))], shoppers=1, kinds=2)

        figures = lessons_at(purchases, 100.0).pair_figures

        assert figures[1, 0] > figures[0, 0]
        assert (np.diff(figures[0]) > 0).all()

    def test_the_trend_is_what_was_bought_lately_over_what_ever_was(self) -> None:
        purchases = purchases_from([(0, 1.0, (0,)), (1, 2.0, (0,)), (1, 99.0, (1,))], shoppers=2, kinds=2)

        (trend,) = lessons_at(purchases, 100.0).trend

        assert trend == pytest.approx([np.log((1 / 3) / (3 / 5)), np.log((2 / 3) / (2 / 5))], abs=1e-6)

    def test_nothing_of_the_day_or_later_is_read(self) -> None:
        day, before, after = 130.0, rotating(), rotating(seed=2)
        history = before.before(day)
        # All that follows is another's: other shoppers' types on other days.
        changed = replace(
            before,
            shopper=np.append(history.shopper, after.shopper[after.day >= day]),
            order=np.append(history.order, after.order[after.day >= day] + 100_000),
            kind=np.append(history.kind, after.kind[after.day >= day]),
            day=np.append(history.day, after.day[after.day >= day]),
        )

        assert _same(lessons_at(before, day), lessons_at(changed, day))
        assert np.array_equal(_batches(before, day), _batches(changed, day))
        # The control: a later day sees the change, in what was known and in what the network reads.
        assert not _same(lessons_at(before, day + 20), lessons_at(changed, day + 20))
        assert not np.array_equal(_batches(before, day + 20), _batches(changed, day + 20))

    def test_days_go_back_from_the_last_whose_month_is_over(self) -> None:
        assert days_of_lessons(first=20.0, end=100.0, month=30.0, step=20.0) == [30.0, 50.0, 70.0]
        assert days_of_lessons(first=80.0, end=100.0, month=30.0, step=20.0) == []


class TestBatches:
    def test_each_lesson_is_there_once_with_its_last_basket(self) -> None:
        purchases = rotating(shoppers=70)
        histories = histories_of(purchases, NO_COUPONS)
        lessons = lessons_joined(
            [lessons_on(purchases, histories, day=day, end=day + 30) for day in (60.0, 95.0, 200.0)]
        )

        seen = []
        for batch in batches_shuffled(histories, lessons, np.random.default_rng(1)):
            seen += batch.positions.tolist()
            assert (batch.lesson_step == lessons.baskets[batch.positions] - 1).all()
            assert np.array_equal(np.bincount(batch.pair_lesson), np.diff(lessons.pair_offsets)[batch.positions])
            assert np.array_equal(np.bincount(batch.target_lesson), np.diff(lessons.target_offsets)[batch.positions])
            assert np.array_equal(batch.lesson_trend, lessons.trend[lessons.day[batch.positions]])
        assert sorted(seen) == list(range(len(lessons)))

    def test_the_order_is_drawn_from_the_seed(self) -> None:
        purchases = rotating(shoppers=70)
        histories = histories_of(purchases, NO_COUPONS)
        lessons = lessons_on(purchases, histories, day=60.0, end=90.0)

        def drawn(seed: int) -> list[list[int]]:
            batches = batches_shuffled(histories, lessons, np.random.default_rng(seed))
            return [batch.positions.tolist() for batch in batches]

        assert drawn(1) == drawn(1) != drawn(2)

    def test_of_a_long_history_the_newest_baskets_are_read(self) -> None:
        count = MOST_BASKETS + 30
        purchases = purchases_from([(0, float(day), (day % 3,)) for day in range(count)], shoppers=1, kinds=3)
        histories = histories_of(purchases, NO_COUPONS)
        early = lessons_on(purchases, histories, day=20.0, end=50.0)
        late = lessons_on(purchases, histories, day=count - 10.0, end=float(count))

        batch = batch_of(histories, lessons_joined([early, late]), np.array([0]))

        # The early one's baskets were all cut off, and so it is no lesson here.
        assert batch.positions.tolist() == [1]
        assert (batch.steps, batch.lesson_step.tolist()) == (MOST_BASKETS, [MOST_BASKETS - 1])
        assert batch.kind.tolist() == [day % 3 for day in range(count - 10 - MOST_BASKETS, count - 10)]

    def test_spans_may_be_empty(self) -> None:
        numbers, span = spans(np.array([3, 7, 9]), np.array([5, 7, 10]))

        assert (numbers.tolist(), span.tolist()) == ([3, 4, 9], [0, 0, 2])


def _same(one: Lessons, other: Lessons) -> bool:
    names = {field.name for field in fields(Lessons)} - TARGETS
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def _batches(purchases: Purchases, day: float) -> np.ndarray:
    """All that a network reads of the shoppers before a day, one after the other."""
    histories = histories_of(purchases, NO_COUPONS)
    lessons = lessons_on(purchases, histories, day=day, end=None)
    read = ("offsets", "kind", "figures", "row", "step", "lesson_figures", "pair_kind", "pair_figures", "lesson_trend")
    return np.concatenate(
        [np.ravel(getattr(batch, name)) for batch in batches_in_order(histories, lessons) for name in read]
    )
