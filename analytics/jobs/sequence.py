"""The sequence model of next behaviour, an optional extra: compared with the simple ways, in use only if it wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from analytics.enums import Job, RunReason, RunState
from analytics.errors import TorchMissing
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.histories import (
    Histories,
    Lessons,
    days_of_lessons,
    histories_of,
    lessons_joined,
    lessons_on,
)
from analytics.learners.incumbents import beats, quality_of, simple_scores
from analytics.learners.months import Quality
from analytics.learners.purchases import Ints, Purchases
from analytics.models import Run
from analytics.selectors.purchases import SECONDS_A_DAY, Kinds, buyers_of, kinds_of
from analytics.selectors.sequences import orders_with_coupon, purchases_of_shoppers
from analytics.selectors.windows import Window, learning_window
from analytics.services.registry import Learned, is_held_by_hand, model_promote, model_save
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted

if TYPE_CHECKING:
    from analytics.learners.sequence import SequenceModel, Taught

DEFAULT_SEED = 7
FEWEST_BUYERS = 50
# What a few minutes on one thread allow. More shoppers teach it little; fewer would teach it less.
LEARNED_BUYERS = 5000
MONTH = timedelta(days=30)
# Lessons are cut so many days apart, and none within the first: there is too little before it.
LESSON_STEP, FIRST_LESSON = 10.0, 90.0

logger = structlog.get_logger(__name__)
Tell = Callable[[str], None]


def silently(text: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Material:
    """What shoppers bought in a window, in the forms that the learners take."""

    purchases: Purchases
    histories: Histories
    first_day: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A model taught without the last month, and how it did in that month beside the simple ways."""

    taught: Taught
    ours: Quality
    simple: dict[str, Quality]

    @property
    def wins(self) -> bool:
        """Whether it is better than all of them beyond chance."""
        return beats(self.ours, self.simple)


def learner() -> ModuleType:
    """Returns the module of the sequence model, which needs PyTorch.

    Raises:
        TorchMissing: PyTorch is not installed.
    """
    try:
        from analytics.learners import sequence
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise TorchMissing from error
    return sequence


def run_sequence(
    *, now: datetime, as_of: datetime | None = None, seed: int = DEFAULT_SEED, tell: Tell = silently
) -> Run:
    """Teaches a sequence model by the last year, keeps it in the registry, and puts it into use only if it wins.

    Args:
        as_of: nothing that shoppers did then or later is looked at; None for now, see `learning_window`.
        seed: of the network, and of whom to learn from in a shop of more than `LEARNED_BUYERS` buyers.

    Returns:
        the run: published if the model was promoted, else skipped with its reason.

    Raises:
        TorchMissing: PyTorch is not installed; nothing was started.
        RunInProgress: another one has not finished.
    """
    learner()
    with exclusively(Job.SEQUENCE):
        watch = Stopwatch(now)
        runs_mark_interrupted(job=Job.SEQUENCE, now=now)
        window = learning_window(now=now, as_of=as_of, fewest_shoppers=FEWEST_BUYERS)
        run = run_start(job=Job.SEQUENCE, window=window, seed=seed, parameters={}, now=now)
        try:
            _learn_and_keep(run, window, watch, tell)
        except Exception as error:
            run_finish(run=run, state=RunState.FAILED, reason=f"{type(error).__name__}: {error}", now=watch.now())
            raise
        logger.info("sequence finished", run=run.pk, state=run.state, reason=run.reason, **_costs(watch))
        return run


def _learn_and_keep(run: Run, window: Window, watch: Stopwatch, tell: Tell) -> None:
    buyers = buyers_of(window)
    metrics: dict[str, Any] = {"shoppers": len(buyers)}
    kinds = kinds_of(window)
    verdict = None
    if len(buyers) >= FEWEST_BUYERS:
        tell(f"reading {len(buyers)} shoppers, {len(kinds)} product types")
        material = material_of(window, kinds, _sample(buyers, run.seed))
        verdict = compare(material, end=day_of(window.end), seed=run.seed, tell=tell)
    if verdict is None:
        metrics |= _costs(watch)
        run_finish(run=run, state=RunState.SKIPPED, reason=RunReason.TOO_FEW, metrics=metrics, now=watch.now())
        return
    kept_back = why_kept_back(wins=verdict.wins, now=watch.started_at)
    metrics |= {"learned_from": len(material.purchases.shopper_ids), "kinds": len(kinds)}
    metrics |= {"promoted": not kept_back, **_figures(verdict)}
    version = model_save(
        run=run,
        arrays={**verdict.taught.model.arrays(), "kind_keys": np.array([kind.key for kind in kinds.kinds])},
        metrics=metrics,
        description={"settings": asdict(verdict.taught.model.settings)},
        now=watch.now(),
    )
    if not kept_back:
        rivals = ", ".join(f"{name} {quality.mean:.4f}" for name, quality in verdict.simple.items())
        model_promote(version=version, reason=f"NDCG@10 {verdict.ours.mean:.4f}; {rivals}", now=watch.now())
    run_finish(
        run=run,
        state=RunState.SKIPPED if kept_back else RunState.PUBLISHED,
        reason=kept_back,
        metrics={**metrics, **_costs(watch)},
        now=watch.now(),
    )


def why_kept_back(*, wins: bool, now: datetime) -> str:
    """Returns why a model that was taught is not put into use; empty if it is.

    Args:
        wins: whether it beat the simple ways beyond chance.
    """
    if not wins:
        return RunReason.NOT_BETTER
    # A figure does not overrule a person the next night.
    return RunReason.HELD if is_held_by_hand(job=Job.SEQUENCE, now=now) else ""


def material_of(window: Window, kinds: Kinds, shopper_ids: Ints) -> Material:
    """Reads what these shoppers bought in the window.

    Args:
        shopper_ids: ascending, at least one.
    """
    purchases = purchases_of_shoppers(window, kinds, shopper_ids)
    first = float(purchases.day.min()) if len(purchases.day) else day_of(window.start)
    return Material(
        purchases=purchases,
        histories=histories_of(purchases, orders_with_coupon(window)),
        first_day=first,
    )


def compare(material: Material, *, end: float, seed: int, tell: Tell = silently) -> Verdict | None:
    """Teaches a model and measures it in the last month before `end`, of which it has seen nothing.

    How many passes are best is told by the month before: a first model is taught without both and measured there. The
    second one is taught by so many passes over everything but the last month.

    Args:
        end: in days since 1970; nothing later is looked at.

    Returns:
        the verdict; None if there are too few months for it.
    """
    month = MONTH.days
    stop, exam = end - 2 * month, end - month
    sequence = learner()
    earlier = _lessons_until(material, stop)
    later = _lessons_until(material, exam)
    watched = lessons_on(material.purchases, material.histories, day=stop, end=exam)
    asked = lessons_on(material.purchases, material.histories, day=exam, end=end)
    if earlier is None or later is None or not len(watched) or not len(asked):
        return None

    def measure(model: SequenceModel) -> float:
        scores = model.scores(material.histories, watched)
        figure = quality_of(scores, material.purchases, watched, day=stop, end=exam).mean
        tell(f"NDCG@10 in the month before the last: {figure:.4f}")
        return figure

    kinds = material.purchases.kinds
    tell(f"teaching by {len(earlier)} lessons")
    first = sequence.teach_sequence(material.histories, earlier, kinds=kinds, seed=seed, measure=measure)
    tell(f"teaching by {len(later)} lessons, {first.passes} passes")
    taught = sequence.teach_sequence(material.histories, later, kinds=kinds, seed=seed, passes=first.passes)
    scores = {
        "": taught.model.scores(material.histories, asked),
        **simple_scores(material.purchases, asked, day=exam),
    }
    found = {name: quality_of(table, material.purchases, asked, day=exam, end=end) for name, table in scores.items()}
    return Verdict(taught=taught, ours=found.pop(""), simple=found)


def model_in_use(learned: Learned) -> tuple[SequenceModel, list[str]]:
    """Returns a kept model, quantised for scoring, and the keys of the product types that its scores are about.

    Raises:
        TorchMissing: PyTorch is not installed.
    """
    sequence = learner()
    settings = sequence.Settings(**learned.description["settings"])
    model: SequenceModel = sequence.sequence_from(learned.arrays, settings=settings).quantised()
    return model, learned.arrays["kind_keys"].tolist()


def day_of(moment: datetime) -> float:
    """Returns a moment in days since 1970."""
    return moment.timestamp() / SECONDS_A_DAY


def _lessons_until(material: Material, end: float) -> Lessons | None:
    """Returns lessons whose months are over at `end`; None if there is none."""
    month = float(MONTH.days)
    days = days_of_lessons(first=material.first_day + FIRST_LESSON, end=end, month=month, step=LESSON_STEP)
    parts = [lessons_on(material.purchases, material.histories, day=day, end=day + month) for day in days]
    lessons = lessons_joined(parts) if parts else None
    return lessons if lessons is not None and len(lessons) else None


def _sample(buyers: Ints, seed: int) -> Ints:
    if len(buyers) <= LEARNED_BUYERS:
        return buyers
    chosen: Ints = np.sort(np.random.default_rng(seed).choice(buyers, LEARNED_BUYERS, replace=False))
    return chosen


def _figures(verdict: Verdict) -> dict[str, Any]:
    found = {"sequence": verdict.ours, **verdict.simple}
    figures: dict[str, Any] = {
        "passes": verdict.taught.passes,
        "ended_by": verdict.taught.ended_by,
    }
    for name, quality in found.items():
        key = name.replace(" ", "_")
        figures[f"ndcg_{key}"], figures[f"ndcg_new_{key}"] = _figure(quality.mean), _figure(quality.mean_new)
    return figures


def _figure(number: float) -> float | None:
    return None if np.isnan(number) else round(number, 4)


def _costs(watch: Stopwatch) -> dict[str, float]:
    return {"seconds": round(watch.seconds(), 3), "peak_memory_mib": round(peak_memory(), 1)}
