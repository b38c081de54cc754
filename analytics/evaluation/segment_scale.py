"""Millions of synthetic shoppers segmented in a process of their own, by the learner or by bare scikit-learn.

`python -m analytics.evaluation.segment_scale learner 5000000 7` prints CPU seconds and peak memory as JSON. It is a
process of its own, since the peak of one that has done other things says nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from analytics.jobs.measuring import peak_memory
from analytics.learners.scaling import Matrix, Moments
from analytics.learners.segmentation import (
    FEWEST_CLUSTERS,
    FITTED_SHOPPERS,
    JUDGED_SHOPPERS,
    MOST_CLUSTERS,
    RESAMPLED_SHARE,
    RESAMPLES,
    SILHOUETTE_SHOPPERS,
    fit_clusters,
    label_points,
)

CHUNK_ROWS = 20_000
LEARNER, BARE = "learner", "bare"
# Days since the last purchase, purchases, money, weeks, coupon share, redemptions: five habits of shopping.
HABITS = np.log1p(
    [
        [4, 105, 280_000, 48, 4, 0.1],
        [22, 30, 99_000, 22, 11, 0.1],
        [22, 24, 61_000, 20, 0.1, 0.1],
        [4, 110, 410_000, 48, 17, 6.7],
        [106, 5, 11_000, 4, 3, 0.1],
    ]
)
SPREADS = np.array([0.5, 0.4, 0.5, 0.35, 0.6, 0.4])


class Clock:
    """CPU seconds of what is measured, without the making of the shoppers."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def __enter__(self) -> None:
        self._since = time.process_time()

    def __exit__(self, *_error: object) -> None:
        self.seconds += time.process_time() - self._since


def shoppers(count: int, seed: int) -> Iterator[Matrix]:
    """Yields raw features in chunks; the same arguments give the same shoppers every time."""
    for number in range(-(-count // CHUNK_ROWS)):
        random = np.random.default_rng([seed, number])
        rows = min(CHUNK_ROWS, count - number * CHUNK_ROWS)
        habits = random.choice(len(HABITS), size=rows, p=[0.36, 0.215, 0.215, 0.115, 0.095])
        yield np.expm1(np.maximum(HABITS[habits] + SPREADS * random.standard_normal((rows, len(SPREADS))), 0.0))


def by_learner(count: int, seed: int, clock: Clock) -> int:
    """Segments as the nightly job does, two passes in chunks; returns how many segments."""
    moments = Moments(HABITS.shape[1])
    kept: list[Matrix] = []
    every = max(1, count // FITTED_SHOPPERS)
    for chunk in shoppers(count, seed):
        with clock:
            moments.add(chunk)
            kept.append(chunk[::every].copy())
    with clock:
        scaler = moments.scaler()
        clusters = fit_clusters(scaler.transform(np.concatenate(kept)[:FITTED_SHOPPERS]), seed=seed)
    sizes = np.zeros(len(clusters.centres), dtype=np.int64)
    for chunk in shoppers(count, seed):
        with clock:
            sizes += np.bincount(label_points(scaler.transform(chunk), clusters.centres), minlength=len(sizes))
    return int(np.count_nonzero(sizes))


def by_bare_calls(count: int, seed: int, clock: Clock) -> int:
    """Does the same with scikit-learn alone and everything in memory; returns how many segments."""
    whole = np.concatenate(list(shoppers(count, seed)))
    with clock:
        points = StandardScaler().fit_transform(np.log1p(whole))
        sample = points[:: max(1, count // FITTED_SHOPPERS)][:FITTED_SHOPPERS]
        judged = sample[:JUDGED_SHOPPERS]
        best = (-1.0, FEWEST_CLUSTERS)
        for k in range(FEWEST_CLUSTERS, MOST_CLUSTERS + 1):
            labels = KMeans(k, n_init=10, random_state=seed).fit_predict(judged)
            score = silhouette_score(judged, labels, sample_size=SILHOUETTE_SHOPPERS, random_state=seed)
            for resample in range(RESAMPLES):
                rows = np.random.default_rng([seed, resample]).permutation(len(judged))
                part = KMeans(k, n_init=5, random_state=seed).fit(judged[rows[: int(RESAMPLED_SHARE * len(judged))]])
                adjusted_rand_score(labels, part.predict(judged))
            best = max(best, (float(score), k))
        model = KMeans(best[1], n_init=10, random_state=seed).fit(sample)
        sizes = np.bincount(model.predict(points))
    return int(np.count_nonzero(sizes))


def _own_peak() -> float:
    """Returns the most memory of this program, in MiB.

    What Linux counts for a process begins with the parent that started it; the mark in /proc begins with the program.
    """
    status = Path("/proc/self/status")
    if status.exists():
        marks = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(marks["VmHWM"].split()[0]) / 1024
    return peak_memory()


def main(arguments: list[str]) -> None:
    """Measures one of the two ways and prints what it cost."""
    way, count, seed = arguments[0], int(arguments[1]), int(arguments[2])
    clock = Clock()
    # One thread for both: sums in any order would not be the same twice, and other threads' time is not comparable.
    with threadpool_limits(limits=1):
        segments = {LEARNER: by_learner, BARE: by_bare_calls}[way](count, seed, clock)
    report = {"seconds": clock.seconds, "peak_memory_mib": _own_peak(), "segments": segments}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
