"""The segments: whether they come back on other shoppers, how large they are, and what millions of shoppers cost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from analytics.evaluation.errors import DataMissing
from analytics.evaluation.figures import Figure
from analytics.evaluation.segment_scale import BARE, LEARNER
from analytics.learners.scaling import Matrix, Moments
from analytics.learners.segmentation import FEWEST_SHOPPERS, SMALLEST_SHARE, Clusters, fit_clusters, label_points
from analytics.selectors.features import buyer_features, feature_chunks
from analytics.selectors.windows import learning_window
from config.kernel.clock import start_of_shop_day

PROJECT = Path(__file__).parents[2]
YEAR_ENDS = date(2018, 1, 1)
RESAMPLES = 20
RESAMPLED_SHARE = 0.8
AGREEMENT_AIM = 0.92
MANY, FEWER = 5_000_000, 500_000
RATIO_AIM = 1.5
# Ten times the shoppers may cost so much more memory.
FLAT = 1.1


def evaluate(seed: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """Segments Complete Journey and parts of it, then millions of synthetic shoppers in processes of their own.

    Raises:
        DataMissing: Complete Journey is not loaded.
    """
    tell("Aggregating the year …")
    raw = _features()
    labels, clusters = _segment(raw, seed)
    agreements, counts = [], []
    for resample in range(RESAMPLES):
        tell(f"Resample {resample + 1} of {RESAMPLES} …")
        rows = np.random.default_rng([seed, 20, resample]).permutation(len(raw))[: int(RESAMPLED_SHARE * len(raw))]
        # The whole way anew: own scale, own number of segments.
        own, part = _segment(raw[rows], seed + resample + 1)
        agreements.append(float(adjusted_rand_score(labels[rows], own)))
        counts.append(len(part.centres))
    mean = float(np.mean(agreements))
    smallest = float(np.bincount(labels).min() / len(labels))
    k = len(clusters.centres)
    return [
        Figure(
            what=f"ARI over {RESAMPLES} resamples of 80 %",
            measured=f"{mean:.3f}",
            aim=f"≥ {AGREEMENT_AIM}",
            holds=mean >= AGREEMENT_AIM,
            beside=f"least {min(agreements):.3f}; k = {k}, found again {counts.count(k)} times; anchor .923",
        ),
        Figure(
            what="smallest segment",
            measured=f"{smallest:.1%}",
            aim=f"≥ {SMALLEST_SHARE:.0%}",
            holds=smallest >= SMALLEST_SHARE,
            beside=f"of {len(raw):,} shoppers; silhouette {clusters.chosen.silhouette:.3f}; anchor 7.7 %",
        ),
        *_at_scale(seed, tell),
    ]


def _features() -> Matrix:
    window = learning_window(
        now=start_of_shop_day(YEAR_ENDS), as_of=start_of_shop_day(YEAR_ENDS), fewest_shoppers=FEWEST_SHOPPERS
    )
    with buyer_features(window) as shoppers:
        if shoppers < FEWEST_SHOPPERS:
            raise DataMissing("There are no shoppers of 2017: load them with manage.py load_complete_journey.")
        return np.concatenate([chunk.features for chunk in feature_chunks()])


def _segment(raw: Matrix, seed: int) -> tuple[Any, Clusters]:
    moments = Moments(raw.shape[1])
    moments.add(raw)
    points = moments.scaler().transform(raw)
    clusters = fit_clusters(points, seed=seed)
    return label_points(points, clusters.centres), clusters


def _at_scale(seed: int, tell: Callable[[str], None]) -> list[Figure]:
    tell(f"{MANY:,} synthetic shoppers, by the learner and by bare scikit-learn …")
    ours, bare = _measured(LEARNER, MANY, seed), _measured(BARE, MANY, seed)
    fewer = _measured(LEARNER, FEWER, seed)
    ratio = ours["seconds"] / bare["seconds"]
    growth = ours["peak_memory_mib"] / fewer["peak_memory_mib"]
    return [
        Figure(
            what=f"CPU of {MANY:,} shoppers, ratio to bare scikit-learn",
            measured=f"{ratio:.2f}",
            aim=f"≤ {RATIO_AIM}",
            holds=ratio <= RATIO_AIM,
            beside=f"{ours['seconds']:.1f} s and {bare['seconds']:.1f} s of one core, without making the shoppers",
        ),
        Figure(
            what=f"peak memory, ratio to {FEWER:,} shoppers",
            measured=f"{growth:.2f}",
            aim=f"≤ {FLAT}",
            holds=growth <= FLAT,
            beside=f"{ours['peak_memory_mib']:.0f} and {fewer['peak_memory_mib']:.0f} MiB; bare scikit-learn "
            f"{bare['peak_memory_mib']:.0f} MiB",
        ),
    ]


def _measured(way: str, count: int, seed: int) -> dict[str, float]:
    command = [sys.executable, "-m", "analytics.evaluation.segment_scale", way, str(count), str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=PROJECT)  # noqa: S603 - this very program
    report: dict[str, float] = json.loads(done.stdout)
    return report
