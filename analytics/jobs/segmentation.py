"""The nightly segmentation: who shops alike, under names that stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
import structlog
from django.db import transaction

from analytics.enums import Job, RunReason, RunState
from analytics.jobs.drift import drift_note
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.jobs.tally import Tally
from analytics.learners.matching import match_centres
from analytics.learners.naming import NAMED_FEATURES, name_centres
from analytics.learners.scaling import Matrix, Moments, Scaler
from analytics.learners.segmentation import (
    FEWEST_SHOPPERS,
    FITTED_SHOPPERS,
    Clusters,
    Degenerate,
    fit_clusters,
    label_points,
)
from analytics.models import Run, Segment
from analytics.selectors.features import CHUNK_ROWS, FEATURES, Chunk, buyer_features, feature_chunks
from analytics.selectors.runs import active_segments, last_published
from analytics.selectors.windows import WINDOW_LASTS, learning_window
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted
from analytics.services.segments import SegmentDraft, segments_publish

DEFAULT_SEED = 7
# A segmentation that has not been renewed for a week says nothing any more.
TAGS_LAST = timedelta(days=7)
# Half of the shoppers do not vanish in a night; half of the events may, when a feed breaks.
SMALLEST_SHARE_OF_LAST_NIGHT = 0.5

logger = structlog.get_logger(__name__)


class Progress(Protocol):
    """Shows how far a loop has come, such as `config.kernel.progress.progress`."""

    def __call__(self, items: Iterable[Chunk], *, label: str, total: int | None) -> Iterable[Chunk]: ...


def silently(items: Iterable[Chunk], *, label: str, total: int | None) -> Iterable[Chunk]:
    """Shows nothing."""
    return items


def run_segmentation(
    *, now: datetime, as_of: datetime | None = None, seed: int = DEFAULT_SEED, progress: Progress = silently
) -> Run:
    """Learns the segments of all shoppers who bought something in the last year, and publishes them as tags.

    Running it again on the same data changes nothing but the run's own row. When the result would be degenerate,
    the run is skipped with its reason and last night's segments and tags stay as they are.

    Args:
        as_of: nothing that happened then or later is looked at; None for now, see `learning_window`.
        seed: the same data and seed give the same segments.

    Returns:
        the run, published or skipped.

    Raises:
        RunInProgress: another one has not finished.
    """
    with exclusively(Job.SEGMENTATION):
        watch = Stopwatch(now)
        runs_mark_interrupted(job=Job.SEGMENTATION, now=now)
        window = learning_window(now=now, as_of=as_of, fewest_shoppers=FEWEST_SHOPPERS)
        parameters = {"features": list(FEATURES), "window_days": WINDOW_LASTS.days}
        run = run_start(job=Job.SEGMENTATION, window=window, seed=seed, parameters=parameters, now=now)
        try:
            with buyer_features(window) as shoppers:
                _learn_and_publish(run, shoppers, watch, progress)
        except Degenerate as degenerate:
            metrics = {**degenerate.metrics, **_costs(watch)}
            run_finish(run=run, state=RunState.SKIPPED, reason=degenerate.code, metrics=metrics, now=watch.now())
        except Exception as error:
            run_finish(run=run, state=RunState.FAILED, reason=f"{type(error).__name__}: {error}", now=watch.now())
            raise
        logger.info("segmentation finished", run=run.pk, state=run.state, reason=run.reason, **_costs(watch))
        return run


def _learn_and_publish(run: Run, shoppers: int, watch: Stopwatch, progress: Progress) -> None:
    _refuse_shrunk(shoppers)
    scaler, sample = _scale_and_sample(shoppers, run.seed, progress)
    earlier = active_segments(features=FEATURES)
    clusters = fit_clusters(scaler.transform(sample), seed=run.seed, earlier_k=len(earlier) or None)
    drafts = _name_clusters(clusters, scaler, earlier)
    drift = drift_note(run, features=FEATURES, values=sample)
    tally = Tally(tags=[draft.tag_name for draft in drafts])
    with transaction.atomic():
        tagged = segments_publish(
            run=run,
            drafts=drafts,
            assignments=_label_all(clusters, scaler, drafts, tally, shoppers, progress),
            figures=tally.figures,
            expires_at=watch.started_at + TAGS_LAST,
            now=watch.started_at,
        )
        run_finish(
            run=run,
            state=RunState.PUBLISHED,
            metrics={
                "shoppers": shoppers,
                "tagged": tagged,
                "fitted": len(sample),
                **_quality(clusters),
                "sizes": {draft.key: figure.size for draft, figure in zip(drafts, tally.figures(), strict=True)},
                "agreement_with_last_night": _rounded(tally.agreement_with_earlier()),
                **drift,
                **_costs(watch),
            },
            artefact={
                "mean": scaler.mean.tolist(),
                "scale": scaler.scale.tolist(),
                "centroids": {draft.key: draft.centroid for draft in drafts},
                **run.artefact,
            },
            now=watch.now(),
        )


def _refuse_shrunk(shoppers: int) -> None:
    last = last_published(Job.SEGMENTATION)
    before = last.metrics.get("shoppers", 0) if last else 0
    if FEWEST_SHOPPERS <= shoppers < SMALLEST_SHARE_OF_LAST_NIGHT * before:
        raise Degenerate(RunReason.SHRUNK, shoppers=shoppers, shoppers_last_night=before)


def _scale_and_sample(shoppers: int, seed: int, progress: Progress) -> tuple[Scaler, Matrix]:
    """Reads everybody once: learns the scale from all, keeps at most `FITTED_SHOPPERS` to fit on."""
    moments = Moments(len(FEATURES))
    kept: list[Matrix] = []
    wanted = _sampled_rows(shoppers, seed)
    position = 0
    for chunk in progress(feature_chunks(), label="Reading features", total=_chunk_count(shoppers)):
        moments.add(chunk.features)
        first, last = np.searchsorted(wanted, [position, position + len(chunk.features)])
        kept.append(chunk.features[wanted[first:last] - position])
        position += len(chunk.features)
    return moments.scaler(), np.concatenate(kept) if kept else np.zeros((0, len(FEATURES)))


def _sampled_rows(shoppers: int, seed: int) -> Any:
    if shoppers <= FITTED_SHOPPERS:
        return np.arange(shoppers)
    return np.sort(np.random.default_rng([seed, 0]).choice(shoppers, FITTED_SHOPPERS, replace=False))


def _name_clusters(clusters: Clusters, scaler: Scaler, earlier: Sequence[Segment]) -> list[SegmentDraft]:
    """Gives each cluster the key of the one that it continues, or else of the rule that describes it best."""
    matches = match_centres(clusters.centres, _centres_of(earlier, scaler))
    kept = {number: earlier[match] for number, match in enumerate(matches) if match is not None}
    new = [number for number in range(len(clusters.centres)) if number not in kept]
    columns = [FEATURES.index(name) for name in NAMED_FEATURES]
    rules = name_centres(clusters.centres[new][:, columns], taken={segment.key for segment in kept.values()})
    named = dict(zip(new, rules, strict=True))
    drafts = []
    for number, centroid in enumerate(scaler.restore(clusters.centres).tolist()):
        source = kept.get(number) or named[number]
        drafts.append(SegmentDraft(key=source.key, name_en=source.name_en, name_zh=source.name_zh, centroid=centroid))
    return drafts


def _centres_of(segments: Sequence[Segment], scaler: Scaler) -> Matrix:
    if not segments:
        return np.zeros((0, len(FEATURES)))
    return scaler.standardise(np.array([segment.centroid for segment in segments], dtype=np.float64))


def _label_all(
    clusters: Clusters,
    scaler: Scaler,
    drafts: Sequence[SegmentDraft],
    tally: Tally,
    shoppers: int,
    progress: Progress,
) -> Iterator[tuple[int, str]]:
    tags = [draft.tag_name for draft in drafts]
    for chunk in progress(feature_chunks(), label="Tagging shoppers", total=_chunk_count(shoppers)):
        labels = label_points(scaler.transform(chunk.features), clusters.centres)
        tally.add(chunk, labels)
        yield from zip(chunk.shopper_ids.tolist(), (tags[label] for label in labels.tolist()), strict=True)


def _chunk_count(shoppers: int) -> int:
    return -(-shoppers // CHUNK_ROWS)


def _quality(clusters: Clusters) -> dict[str, Any]:
    return {
        "k": clusters.chosen.k,
        "silhouette": _rounded(clusters.chosen.silhouette),
        "stability": _rounded(clusters.chosen.stability),
        "inertia": _rounded(clusters.inertia),
        "candidates": clusters.measured,
    }


def _costs(watch: Stopwatch) -> dict[str, float]:
    return {"seconds": round(watch.seconds(), 3), "peak_memory_mib": round(peak_memory(), 1)}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)
