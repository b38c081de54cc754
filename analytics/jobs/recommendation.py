"""The nightly recommendation: which coupons suit whom, by the product types that shoppers are likely to buy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from analytics.enums import Job, RunReason, RunState
from analytics.jobs.drift import shopping_drift_note
from analytics.jobs.exclusive import exclusively
from analytics.jobs.listing import AffinityLister
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.candidates import FEATURES
from analytics.learners.incumbents import beats
from analytics.learners.item_models import ItemModel
from analytics.learners.logistic import OneOutcome
from analytics.learners.months import Read, items_before, known_before, measure_month, teach_month
from analytics.learners.purchases import Purchases
from analytics.learners.recommendation import Taught, blend_chances, taught_from
from analytics.models import Run
from analytics.selectors.coverage import barred_from, coverage_of
from analytics.selectors.purchases import (
    SECONDS_A_DAY,
    Kinds,
    buyers_of,
    chunk_length,
    kinds_of,
    purchase_chunks,
)
from analytics.selectors.segment_tags import segments_of, tagged_shoppers
from analytics.selectors.windows import Window, learning_window
from analytics.services.registry import champion, is_held_by_hand, model_promote, model_save
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted
from coupons.services.affinities import AffinityDraft, affinities_replace

DEFAULT_SEED = 7
FEWEST_BUYERS = 50
# Enough to learn from what goes with what; more would only take longer.
LEARNED_BUYERS = 20_000
# Of these, the ones whose candidates teach and are measured: some 170 rows each, held in memory together.
TAUGHT_BUYERS = 4_000
MONTH = timedelta(days=30)

logger = structlog.get_logger(__name__)


class Progress(Protocol):
    """Shows how far a loop has come, such as `config.kernel.progress.progress`."""

    def __call__(self, items: Iterable[Purchases], *, label: str, total: int | None) -> Iterable[Purchases]: ...


def silently(items: Iterable[Purchases], *, label: str, total: int | None) -> Iterable[Purchases]:
    """Shows nothing."""
    return items


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of comparing: the model that decides (None: the simple blend) and the figures."""

    model: Taught | None
    metrics: dict[str, Any]


def run_recommendation(
    *, now: datetime, as_of: datetime | None = None, seed: int = DEFAULT_SEED, progress: Progress = silently
) -> Run:
    """Learns from the last year, compares with the model in use, and publishes a list of coupons for everybody.

    A model is taught by the month before the last and measured on the last one, like the model in use and the
    simple blend; it is kept in the registry, and takes over only if it is better than both beyond chance, and nobody
    rolled back lately. Whatever decides then, the lists are made from everything up to the end of the window.

    Args:
        as_of: nothing that shoppers did then or later is looked at; None for now, see `learning_window`.
        seed: chooses whom to learn from in a shop of more than `LEARNED_BUYERS` buyers.

    Returns:
        the run, published or skipped.

    Raises:
        RunInProgress: another one has not finished.
    """
    with exclusively(Job.RECOMMENDATION):
        watch = Stopwatch(now)
        runs_mark_interrupted(job=Job.RECOMMENDATION, now=now)
        window = learning_window(now=now, as_of=as_of, fewest_shoppers=FEWEST_BUYERS)
        run = run_start(job=Job.RECOMMENDATION, window=window, seed=seed, parameters={}, now=now)
        try:
            buyers = buyers_of(window)
            if len(buyers) < FEWEST_BUYERS:
                metrics = {"shoppers": len(buyers), **_costs(watch)}
                run_finish(run=run, state=RunState.SKIPPED, reason=RunReason.TOO_FEW, metrics=metrics, now=watch.now())
            else:
                _learn_and_publish(run, window, buyers, watch, progress)
        except Exception as error:
            run_finish(run=run, state=RunState.FAILED, reason=f"{type(error).__name__}: {error}", now=watch.now())
            raise
        logger.info("recommendation finished", run=run.pk, state=run.state, reason=run.reason, **_costs(watch))
        return run


def _learn_and_publish(
    run: Run, window: Window, buyers: NDArray[np.int64], watch: Stopwatch, progress: Progress
) -> None:
    kinds = kinds_of(window)
    learned = _sample(buyers, LEARNED_BUYERS, run.seed)
    taught = _sample(learned, TAUGHT_BUYERS, run.seed)

    def read(shopper_ids: NDArray[np.int64], label: str) -> Iterable[Purchases]:
        chunks = purchase_chunks(window, kinds, shopper_ids)
        return progress(chunks, label=label, total=-(-len(shopper_ids) // chunk_length(kinds)))

    # Few enough to be held in memory, since they are gone through several times.
    held = list(read(taught, "Reading purchases"))
    read_all = partial(read, learned, "Learning types") if len(learned) > len(taught) else lambda: held
    verdict = _compare(run, window, kinds, read_all=read_all, read_taught=lambda: held, watch=watch)
    items = items_before(read_all, kinds=len(kinds), day=_day(window.end))
    coverage = coverage_of(kinds, now=watch.started_at)
    lister = AffinityLister(kinds=kinds, items=items, coverage=coverage)
    count = affinities_replace(
        drafts=_drafts(lister, window, kinds, items, buyers, verdict.model, watch.started_at, progress),
        now=watch.started_at,
    )
    run_finish(
        run=run,
        state=RunState.PUBLISHED,
        metrics={
            "shoppers": len(buyers),
            "learned_from": len(learned),
            "kinds": len(kinds),
            "coupons": len(coverage.coupon_ids),
            "affinities": count,
            **verdict.metrics,
            **shopping_drift_note(run, held, day=_day(window.end)),
            **_costs(watch),
        },
        now=watch.now(),
    )


def _compare(
    run: Run,
    window: Window,
    kinds: Kinds,
    *,
    read_all: Read,
    read_taught: Read,
    watch: Stopwatch,
) -> Verdict:
    """Teaches a challenger, measures it against what is in use, and promotes it if it is better."""
    lesson, exam, end = _day(window.end - 2 * MONTH), _day(window.end - MONTH), _day(window.end)
    try:
        items = items_before(read_all, kinds=len(kinds), day=lesson)
        challenger = teach_month(read_taught, items, first=lesson, end=exam)
    except OneOutcome:
        challenger = None
    incumbent = _incumbent()
    if challenger is None:
        # Too short a history to teach; what is in use, if anything, goes on.
        return Verdict(model=incumbent, metrics={"taught": False})
    recommenders: dict[str, Any] = {
        "challenger": lambda known: known.taught(challenger),
        "simple": lambda known: known.blend,
        "popularity": lambda known: np.tile(known.items.shoppers, (len(known.blend), 1)),
    }
    if incumbent is not None:
        recommenders["incumbent"] = lambda known: known.taught(incumbent)
    items = items_before(read_all, kinds=len(kinds), day=exam)
    found = measure_month(read_taught, items, first=exam, end=end, recommenders=recommenders)
    rivals = [name for name in ("incumbent", "simple") if name in found]
    is_held = is_held_by_hand(job=Job.RECOMMENDATION, now=watch.started_at)
    wins = beats(found["challenger"], {rival: found[rival] for rival in rivals}) and not is_held
    metrics: dict[str, Any] = {"taught": True, "promoted": wins, "held_by_hand": is_held}
    for name, quality in found.items():
        metrics[f"ndcg_{name}"], metrics[f"ndcg_new_{name}"] = _figure(quality.mean), _figure(quality.mean_new)
    version = model_save(
        run=run,
        arrays=challenger.arrays(),
        metrics=metrics,
        description={"features": list(FEATURES)},
        now=watch.now(),
    )
    if wins:
        rival = rivals[0]
        reason = f"NDCG@10 {found['challenger'].mean:.4f}, {rival} {found[rival].mean:.4f}"
        model_promote(version=version, reason=reason, now=watch.now())
        return Verdict(model=challenger, metrics=metrics)
    return Verdict(model=incumbent, metrics=metrics)


def _incumbent() -> Taught | None:
    """Returns the model in use; None without one, or with one over other features than this code counts."""
    kept = champion(Job.RECOMMENDATION)
    if kept is None or tuple(kept.description.get("features", ())) != FEATURES:
        return None
    return taught_from(kept.arrays, names=FEATURES)


def _drafts(
    lister: AffinityLister,
    window: Window,
    kinds: Kinds,
    items: ItemModel,
    buyers: NDArray[np.int64],
    model: Taught | None,
    now: datetime,
    progress: Progress,
) -> Iterator[AffinityDraft]:
    chunks = purchase_chunks(window, kinds, buyers)
    for purchases in progress(chunks, label="Listing coupons", total=-(-len(buyers) // chunk_length(kinds))):
        known = known_before(purchases, items, day=_day(window.end))
        chances = known.taught(model) if model is not None else blend_chances(known.blend)
        segments = segments_of(purchases.shopper_ids, now=now)
        barred = barred_from(lister.coverage, purchases.shopper_ids, now=now)
        yield from lister.own_lists(purchases.shopper_ids, chances, known.habits, segments, barred)
    # Whoever bought nothing lately, but has a segment, gets what its members like; everybody else what all like.
    for shopper_id, segment in tagged_shoppers(now=now, except_for=buyers):
        yield from lister.segment_list(shopper_id, segment)
    yield from lister.popular_list()


def _sample(buyers: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    if len(buyers) <= most:
        return buyers
    chosen: NDArray[np.int64] = np.sort(np.random.default_rng(seed).choice(buyers, most, replace=False))
    return chosen


def _day(moment: datetime) -> float:
    return moment.timestamp() / SECONDS_A_DAY


def _figure(number: float) -> float | None:
    return None if np.isnan(number) else round(number, 4)


def _costs(watch: Stopwatch) -> dict[str, float]:
    return {"seconds": round(watch.seconds(), 3), "peak_memory_mib": round(peak_memory(), 1)}
