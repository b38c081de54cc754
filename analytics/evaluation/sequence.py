"""The sequence model on Complete Journey: whether it would be in use on the first of November, and how November went.

The protocol is that of the recommendation: NDCG@10 over the households that bought something in the window and before
it, all bought types; and over those types alone that the household had never bought. What decides is October, of which
neither the model nor the number of its passes has seen anything. November is only looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from analytics.enums import WindowEnd
from analytics.errors import TorchMissing
from analytics.evaluation.errors import DataMissing
from analytics.evaluation.figures import Figure
from analytics.jobs.sequence import Material, compare, day_of, learner, material_of
from analytics.learners.histories import Lessons, lessons_on
from analytics.learners.incumbents import BEYOND_CHANCE, Scores, gain_over, quality_of, simple_scores
from analytics.learners.months import Quality, items_before, known_before, teach_month
from analytics.selectors.purchases import buyers_of, kinds_of
from analytics.selectors.windows import Window
from config.kernel.clock import start_of_shop_day

if TYPE_CHECKING:
    from analytics.learners.sequence import SequenceModel

FIRST_DAY, END = date(2017, 1, 1), date(2017, 12, 1)
# The months before the window: the recommendation is taught by one and the weight beside it chosen on the next.
SEPTEMBER, OCTOBER, NOVEMBER = date(2017, 9, 1), date(2017, 10, 1), date(2017, 11, 1)
FEWEST_BUYERS = 2000
# How much the sequence model's logits may weigh beside the logarithm of the recommendation's chance.
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
SMALL_CHANCE = 1e-6
OURS, EIGHT_BITS = "sequence", "sequence, int8"
TIMES = 3


def evaluate(seed: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """Teaches as the job would on the first of November, and measures November.

    Args:
        seed: of the network.

    Raises:
        DataMissing: the real year is not loaded, or PyTorch is not installed.
    """
    try:
        learner()
    except TorchMissing as missing:
        raise DataMissing(missing.sentence) from missing
    window = Window(start=start_of_shop_day(FIRST_DAY), end=start_of_shop_day(END), ends_with=WindowEnd.GIVEN)
    buyers = buyers_of(window)
    if len(buyers) < FEWEST_BUYERS:
        raise DataMissing("The real year is not there: manage.py load_complete_journey.")
    kinds = kinds_of(window)
    tell(f"reading {len(buyers)} households, {len(kinds)} product types")
    material = material_of(window, kinds, buyers)
    september, october, november, end = (day_of(start_of_shop_day(day)) for day in (SEPTEMBER, OCTOBER, NOVEMBER, END))
    started = time.perf_counter()
    verdict = compare(material, end=november, seed=seed, tell=tell)
    seconds = time.perf_counter() - started
    if verdict is None:
        raise DataMissing("The months before November are not there.")
    figures = [
        *_against("October", verdict.ours, verdict.simple),
        Figure(
            what="in use on November 1",
            measured="yes" if verdict.wins else "no",
            aim="beats the simple ways on October",
            holds=verdict.wins,
            beside=f"{verdict.taught.passes} passes, taught twice and measured in {seconds:.0f} s",
        ),
    ]
    tell("measuring on November")
    model = verdict.taught.model
    lessons = lessons_on(material.purchases, material.histories, day=november, end=end)
    scores, seconds_real = _timed(model, material, lessons)
    smaller, seconds_small = _timed(model.quantised(), material, lessons)
    simple = simple_scores(material.purchases, lessons, day=november)

    def quality(table: Scores) -> Quality:
        return quality_of(table, material.purchases, lessons, day=november, end=end)

    ours, eight_bits = quality(scores), quality(smaller)
    figures += _against("November", ours, {name: quality(table) for name, table in simple.items()})
    figures += [
        Figure(
            what="November, with weights of int8: NDCG@10 all / new-only",
            measured=_pair(eight_bits),
            beside=f"lost {_gain(ours.everything, eight_bits.everything)}",
        ),
        Figure(
            what="scoring a thousand shoppers, seconds",
            measured=f"{seconds_real / len(lessons) * 1000:.2f}, int8 {seconds_small / len(lessons) * 1000:.2f}",
            beside=f"one thread; {seconds_real / seconds_small:.2f} times as fast",
        ),
    ]
    tell("comparing with the recommendation")
    earlier = lessons_on(material.purchases, material.histories, day=october, end=november)
    october_taught = _taught(material, earlier, lesson=september, day=october)
    november_taught = _taught(material, lessons, lesson=october, day=november)
    weight = _best_weight(model, material, earlier, october_taught, day=october, end=november)
    taught, mixed = quality(november_taught), quality(_mixed(november_taught, scores, weight))
    figures += [
        Figure(what="November, the recommendation: NDCG@10 all / new-only", measured=_pair(taught)),
        Figure(
            what="November, the recommendation with this beside it: NDCG@10 all / new-only",
            measured=_pair(mixed),
            beside=f"weight {weight}, chosen on October; "
            f"{_gain(mixed.everything, taught.everything)} / {_gain(mixed.new_only, taught.new_only)}",
        ),
    ]
    return figures


def _against(month: str, ours: Quality, simple: dict[str, Quality]) -> list[Figure]:
    what = "NDCG@10 all / new-only"
    return [
        Figure(what=f"{month}, {OURS}: {what}", measured=_pair(ours)),
        *(
            Figure(
                what=f"{month}, {name}: {what}",
                measured=_pair(quality),
                beside=f"ours {_gain(ours.everything, quality.everything)} / {_gain(ours.new_only, quality.new_only)}",
            )
            for name, quality in simple.items()
        ),
    ]


def _timed(model: SequenceModel, material: Material, lessons: Lessons) -> tuple[Scores, float]:
    """Returns the scores and the seconds of the fastest of a few times."""
    seconds = []
    for _ in range(TIMES):
        started = time.perf_counter()
        scores = model.scores(material.histories, lessons)
        seconds.append(time.perf_counter() - started)
    return scores, min(seconds)


def _taught(material: Material, lessons: Lessons, *, lesson: float, day: float) -> Scores:
    """Returns what the recommendation, taught by the month from `lesson` to `day`, says of lessons of that day."""
    kinds = material.purchases.kinds
    read = [material.purchases]
    model = teach_month(lambda: read, items_before(lambda: read, kinds=kinds, day=lesson), first=lesson, end=day)
    items = items_before(lambda: read, kinds=kinds, day=day)
    return known_before(material.purchases, items, day=day).taught(model)[lessons.shopper]


def _mixed(chances: Scores, logits: Scores, weight: float) -> Scores:
    # A softmax over what the recommendation may choose from: its candidates keep their order at weight 0.
    likely = logits - logits.max(axis=1, keepdims=True)
    return np.log(chances + SMALL_CHANCE) + weight * likely


def _best_weight(
    model: SequenceModel, material: Material, lessons: Lessons, chances: Scores, *, day: float, end: float
) -> float:
    logits = model.scores(material.histories, lessons)
    found = {
        weight: quality_of(_mixed(chances, logits, weight), material.purchases, lessons, day=day, end=end).mean
        for weight in WEIGHTS
    }
    return max(found, key=lambda weight: found[weight])


def _pair(quality: Quality) -> str:
    return f"{quality.mean:.4f} / {quality.mean_new:.4f}"


def _gain(one: np.ndarray, other: np.ndarray) -> str:
    gain, error = gain_over(one, other)
    return f"{gain:+.4f} ± {BEYOND_CHANCE * error:.4f}"
