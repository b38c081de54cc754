"""Recommendation of product types on Complete Journey: taught by October, measured on November 2017.

NDCG@10 over the households that bought something in the window and before it, all bought types; and over those types
alone that the household had never bought. Everything was chosen on October (taught by September).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np

from analytics.enums import WindowEnd
from analytics.evaluation.errors import DataMissing
from analytics.evaluation.figures import Figure
from analytics.learners.months import Known, Quality, Table, items_before, measure_month, teach_month
from analytics.learners.recommendation import rhythm
from analytics.selectors.purchases import SECONDS_A_DAY, buyers_of, kinds_of, purchase_chunks
from analytics.selectors.windows import Window
from config.kernel.clock import start_of_shop_day

FIRST_DAY, TAUGHT, MEASURED, END = date(2017, 1, 1), date(2017, 10, 1), date(2017, 11, 1), date(2017, 12, 1)
FEWEST_BUYERS = 2000
AIMS = {"everything": 0.565, "new_only": 0.105}
# Measured before anything was built here.
ANCHORS = {
    "popularity": "anchor .370 / .089",
    "personal frequency": "anchor .5485",
    "item-kNN": "anchor .353 / .095",
    "truncated SVD": "anchor .534 / .097",
    "decayed frequency + EASE": "anchor .5564 / .097",
}
RESAMPLES = 1000


def evaluate(seed: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """Reproduces the anchors and measures the taught recommender.

    Args:
        seed: of the intervals; learning itself involves no chance.

    Raises:
        DataMissing: the real year is not loaded.
    """
    window = Window(start=start_of_shop_day(FIRST_DAY), end=start_of_shop_day(END), ends_with=WindowEnd.GIVEN)
    taught, measured, end = (start_of_shop_day(day).timestamp() / SECONDS_A_DAY for day in (TAUGHT, MEASURED, END))
    buyers = buyers_of(window)
    if len(buyers) < FEWEST_BUYERS:
        raise DataMissing("The real year is not there: manage.py load_complete_journey.")
    kinds = kinds_of(window)
    tell(f"reading {len(buyers)} households, {len(kinds)} product types")
    chunks = list(purchase_chunks(window, kinds, buyers))
    tell("teaching by October")
    earlier = items_before(lambda: chunks, kinds=len(kinds), day=taught)
    model = teach_month(lambda: chunks, earlier, first=taught, end=measured)
    tell("measuring on November")
    items = items_before(lambda: chunks, kinds=len(kinds), day=measured)
    recommenders: dict[str, Callable[[Known], Table]] = {
        "popularity": lambda known: np.tile(known.items.shoppers, (len(known.blend), 1)),
        "personal frequency": lambda known: known.habits.spread(known.habits.counts),
        "decayed frequency": lambda known: rhythm(known.habits),
        "item-kNN": lambda known: known.scores.similarity,
        "truncated SVD": lambda known: known.scores.factors,
        "EASE": lambda known: known.scores.ease,
        "decayed frequency + EASE": lambda known: known.blend,
        "ours": lambda known: known.taught(model),
    }
    found = measure_month(lambda: chunks, items, first=measured, end=end, recommenders=recommenders)
    figures = [
        Figure(
            what=f"{name}: NDCG@10 all / new-only",
            measured=f"{quality.mean:.4f} / {quality.mean_new:.4f}",
            beside=ANCHORS.get(name, ""),
        )
        for name, quality in found.items()
        if name != "ours"
    ]
    return [*figures, *_ours(found["ours"], found["decayed frequency + EASE"], seed)]


def _ours(ours: Quality, simple: Quality, seed: int) -> list[Figure]:
    return [
        Figure(
            what=f"ours: NDCG@10, {what}",
            measured=f"{_mean(mine):.4f} {_interval(mine, seed)}",
            aim=f"≥ {aim}",
            holds=_mean(mine) >= aim,
            beside=f"over the simple blend {_mean(mine - theirs):+.4f} {_interval(mine - theirs, seed)}, "
            f"{np.count_nonzero(~np.isnan(mine))} households",
        )
        for what, aim, mine, theirs in (
            ("all", AIMS["everything"], ours.everything, simple.everything),
            ("new-only", AIMS["new_only"], ours.new_only, simple.new_only),
        )
    ]


def _mean(figures: np.ndarray) -> float:
    return float(np.nanmean(figures))


def _interval(figures: np.ndarray, seed: int) -> str:
    """Returns the 95 % interval of the mean over resampled households."""
    known = figures[~np.isnan(figures)]
    random = np.random.default_rng(seed)
    means = [known[random.integers(0, len(known), len(known))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return f"[{low:.4f}, {high:.4f}]"
