"""The sequence model learns what only the order tells, the same way every time; kept and rounded it says the same."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.learners.histories import Histories, Lessons, days_of_lessons, histories_of, lessons_joined, lessons_on
from analytics.learners.incumbents import DECAYED, POPULARITY, beats, quality_of, simple_scores
from analytics.learners.purchases import Purchases
from tests.analytics.learners.baskets import rotating

pytest.importorskip("torch", reason="requirements-torch.txt is not installed")

from analytics.learners.sequence import PATIENCE, SequenceModel, Settings, Taught, sequence_from, teach_sequence

MONTH, EXAM, END = 30.0, 210.0, 240.0
# Sixty shoppers are two batches a pass: larger steps and more of them than for a real shop.
SETTINGS = Settings(width=8, hidden=16, dropout=0.0, rate=0.02, decay=0.0)
PASSES = 60


@pytest.fixture(scope="module")
def purchases() -> Purchases:
    return rotating()


@pytest.fixture(scope="module")
def histories(purchases: Purchases) -> Histories:
    return histories_of(purchases, np.zeros(0, dtype=np.int64))


@pytest.fixture(scope="module")
def lessons(purchases: Purchases, histories: Histories) -> Lessons:
    days = days_of_lessons(first=60.0, end=EXAM, month=MONTH, step=MONTH)
    return lessons_joined([lessons_on(purchases, histories, day=day, end=day + MONTH) for day in days])


@pytest.fixture(scope="module")
def exam(purchases: Purchases, histories: Histories) -> Lessons:
    return lessons_on(purchases, histories, day=EXAM, end=END)


@pytest.fixture(scope="module")
def taught(histories: Histories, lessons: Lessons) -> Taught:
    return teach(histories, lessons)


def teach(histories: Histories, lessons: Lessons, **changed: object) -> Taught:
    options = {"kinds": 6, "seed": 3, "settings": SETTINGS, "passes": PASSES, **changed}
    return teach_sequence(histories, lessons, **options)  # type: ignore[arg-type]


def test_learns_what_only_the_order_tells(
    taught: Taught, purchases: Purchases, histories: Histories, exam: Lessons
) -> None:
    ways = {"": taught.model.scores(histories, exam), **simple_scores(purchases, exam, day=EXAM)}
    found = {name: quality_of(table, purchases, exam, day=EXAM, end=END) for name, table in ways.items()}

    assert found[""].mean > 0.95
    # The control: counting says the opposite, since the usual type is the one that is over.
    assert found[DECAYED].mean < 0.7
    assert found[POPULARITY].mean < 0.7
    assert beats(found.pop(""), found)


def test_the_same_seed_teaches_the_same_and_another_another(
    taught: Taught, histories: Histories, lessons: Lessons
) -> None:
    short = [teach(histories, lessons, passes=3, seed=seed).model.arrays() for seed in (3, 3, 4)]

    assert all(np.array_equal(short[0][name], short[1][name]) for name in short[0])
    assert not np.array_equal(short[0]["context.weight"], short[2]["context.weight"])


def test_ends_when_nothing_gets_better_and_keeps_the_best(histories: Histories, lessons: Lessons) -> None:
    figures = iter([0.1, 0.3, 0.2, 0.2, 0.2, 0.9])
    kept: list[dict[str, np.ndarray]] = []

    def measure(model: SequenceModel) -> float:
        kept.append(model.arrays())
        return next(figures)

    ended = teach(histories, lessons, passes=6, measure=measure)

    assert (ended.passes, ended.ended_by, len(ended.curve)) == (2, "no_gain", 2 + PATIENCE)
    assert all(np.array_equal(array, kept[1][name]) for name, array in ended.model.arrays().items())


def test_begins_no_pass_when_its_time_is_over(histories: Histories, lessons: Lessons) -> None:
    ended = teach(histories, lessons, seconds=0.0)

    assert (ended.passes, ended.ended_by) == (1, "time")


def test_what_was_kept_says_the_same(taught: Taught, histories: Histories, exam: Lessons) -> None:
    restored = sequence_from(taught.model.arrays(), settings=SETTINGS)

    assert np.array_equal(restored.scores(histories, exam), taught.model.scores(histories, exam))


def test_what_was_kept_must_be_whole(taught: Taught) -> None:
    arrays = taught.model.arrays()

    with pytest.raises(RuntimeError):
        sequence_from(arrays, settings=Settings(width=9, hidden=16))
    del arrays["context.bias"]
    with pytest.raises(KeyError):
        sequence_from(arrays, settings=SETTINGS)


def test_eight_bits_say_nearly_the_same(
    taught: Taught, purchases: Purchases, histories: Histories, exam: Lessons
) -> None:
    smaller = taught.model.quantised()

    scores = smaller.scores(histories, exam)
    assert smaller.is_quantised
    assert not np.array_equal(scores, taught.model.scores(histories, exam))
    assert quality_of(scores, purchases, exam, day=EXAM, end=END).mean > 0.95


def test_the_future_moves_no_score(taught: Taught, purchases: Purchases) -> None:
    def scores(known: Purchases, day: float) -> np.ndarray:
        histories = histories_of(known, np.zeros(0, dtype=np.int64))
        return taught.model.scores(histories, lessons_on(known, histories, day=day, end=None))

    past = purchases.before(EXAM)

    # Padding differs with the longest history in a batch, and so may the last digits.
    assert scores(past, EXAM) == pytest.approx(scores(purchases, EXAM), abs=1e-4)
    # The control: on a later day what followed counts.
    assert scores(past, END) != pytest.approx(scores(purchases, END), abs=1e-4)


def test_nothing_to_learn_from_is_refused(purchases: Purchases, histories: Histories) -> None:
    nothing = lessons_on(purchases, histories, day=EXAM, end=None)

    with pytest.raises(ValueError, match="nothing to learn"):
        teach(histories, nothing)


def test_more_threads_than_one_are_given_back(taught: Taught, histories: Histories, exam: Lessons) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        taught.model.scores(histories, exam)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
