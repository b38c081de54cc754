"""KMeans with as many clusters as the shoppers really have, or a clear refusal."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, pairwise_distances_argmin, silhouette_score
from threadpoolctl import threadpool_limits

from analytics.learners.scaling import Matrix

Labels = NDArray[np.int64]

FEWEST_CLUSTERS = 3
MOST_CLUSTERS = 8
# Fewer shoppers than this make no segments that anybody should act on.
FEWEST_SHOPPERS = 50
SMALLEST_SHARE = 0.05

# Judging each k reads this many shoppers; the final fit reads up to FITTED_SHOPPERS.
JUDGED_SHOPPERS = 20_000
FITTED_SHOPPERS = 200_000
# The silhouette compares every pair.
SILHOUETTE_SHOPPERS = 5_000
# In MiB; all pairs at once would take 200.
PAIRS_MEMORY = 32

RESAMPLES = 5
RESAMPLED_SHARE = 0.8
# A finer grouping is preferred when it is nearly as well separated as the best one and comes back on resamples.
NEARLY_AS_SEPARATED = 0.85
REPRODUCIBLE = 0.9
# Last night's number of clusters is kept under easier terms, or it would flicker around the limits above.
KEPT_SEPARATED = 0.75
KEPT_REPRODUCIBLE = 0.8
# Below these there are no groups, only slices of one cloud.
WORST_SILHOUETTE = 0.1
WORST_STABILITY = 0.6


class Degenerate(Exception):
    """The shoppers do not fall into groups worth publishing; `code` says why, `metrics` what was measured."""

    def __init__(self, code: str, **metrics: object) -> None:
        super().__init__(code)
        self.code = code
        self.metrics = metrics


@dataclass(frozen=True, slots=True)
class Candidate:
    """How good a grouping into `k` clusters is.

    `silhouette` is in [-1, 1]; `stability` is the mean adjusted Rand index between this grouping and the ones
    fitted on 80 % resamples; `smallest` is the share of the smallest cluster.
    """

    k: int
    silhouette: float
    stability: float
    smallest: float


@dataclass(frozen=True, slots=True)
class Clusters:
    """Centres in standardised units, one row a cluster, and how they were chosen."""

    centres: Matrix
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    inertia: float

    @property
    def measured(self) -> list[dict[str, float]]:
        """What was measured of each candidate, for keeping."""
        return measured_of(self.candidates)


def fit_clusters(points: Matrix, *, seed: int, earlier_k: int | None = None) -> Clusters:
    """Learns the clusters of a sample of standardised points.

    The same arguments give the same centres, bit for bit.

    Args:
        points: at most `FITTED_SHOPPERS` rows, standardised.
        earlier_k: how many clusters there were last night.

    Raises:
        Degenerate: `too_few`, `alike`, `no_groups` or `unstable`.
    """
    if len(points) < FEWEST_SHOPPERS:
        raise Degenerate("too_few", shoppers=len(points))
    judged = _draw(points, JUDGED_SHOPPERS, np.random.default_rng([seed, 1]))
    distinct = len(np.unique(judged.round(6), axis=0))
    if distinct <= FEWEST_CLUSTERS:
        raise Degenerate("alike", distinct=distinct)
    # Sums of several threads come in any order, and their last bits with them.
    with threadpool_limits(limits=1):
        candidates = tuple(
            _judge(judged, k, seed) for k in range(FEWEST_CLUSTERS, min(MOST_CLUSTERS, distinct - 1) + 1)
        )
        chosen = choose(candidates, earlier_k=earlier_k)
        model = _fit(points, chosen.k, seed, starts=10)
    # A fixed order of clusters: by their first coordinate, then the next.
    order = np.lexsort(model.cluster_centers_.T[::-1])
    return Clusters(
        centres=model.cluster_centers_[order].astype(np.float64),
        chosen=chosen,
        candidates=candidates,
        inertia=float(model.inertia_),
    )


def choose(candidates: tuple[Candidate, ...], *, earlier_k: int | None = None) -> Candidate:
    """Returns the candidate to use: the finest of those nearly as well separated as the best, if it is reproducible.

    Last night's number of clusters stays as long as it is not clearly worse.

    Raises:
        Degenerate: every one has too small a cluster, or the best is not separated or not reproducible.
    """
    large_enough = [candidate for candidate in candidates if candidate.smallest >= SMALLEST_SHARE]
    if not large_enough:
        raise Degenerate("no_groups", candidates=measured_of(candidates))
    best = max(large_enough, key=lambda candidate: candidate.silhouette)
    kept = [candidate for candidate in large_enough if candidate.k == earlier_k]
    chosen = next(
        iter(_good_enough(kept, best, KEPT_SEPARATED, KEPT_REPRODUCIBLE)),
        max(
            _good_enough(large_enough, best, NEARLY_AS_SEPARATED, REPRODUCIBLE),
            key=lambda candidate: candidate.k,
            default=best,
        ),
    )
    if chosen.silhouette < WORST_SILHOUETTE or chosen.stability < WORST_STABILITY:
        raise Degenerate("unstable", candidates=measured_of(candidates))
    return chosen


def _good_enough(
    candidates: list[Candidate], best: Candidate, separated: float, reproducible: float
) -> list[Candidate]:
    return [
        candidate
        for candidate in candidates
        if candidate.silhouette >= separated * best.silhouette and candidate.stability >= reproducible
    ]


def measured_of(candidates: tuple[Candidate, ...]) -> list[dict[str, float]]:
    """Returns the candidates as plain figures of four decimals."""
    return [{name: round(number, 4) for name, number in asdict(candidate).items()} for candidate in candidates]


def label_points(points: Matrix, centres: Matrix) -> Labels:
    """Returns the number of the nearest centre of each point."""
    if not len(points):
        return np.zeros(0, dtype=np.int64)
    labels: Labels = pairwise_distances_argmin(points, centres).astype(np.int64)
    return labels


def _judge(points: Matrix, k: int, seed: int) -> Candidate:
    whole = _fit(points, k, seed, starts=10)
    labels = whole.labels_
    sizes = np.bincount(labels, minlength=k)
    agreements = []
    for resample in range(RESAMPLES):
        rows = np.random.default_rng([seed, 2, resample]).permutation(len(points))
        part = _fit(points[rows[: int(RESAMPLED_SHARE * len(points))]], k, seed + resample + 1, starts=5)
        agreements.append(adjusted_rand_score(labels, label_points(points, part.cluster_centers_)))
    return Candidate(
        k=k,
        silhouette=_silhouette(points, labels, seed),
        stability=float(np.mean(agreements)),
        smallest=float(sizes.min() / len(points)),
    )


def _fit(points: Matrix, k: int, seed: int, *, starts: int) -> KMeans:
    with warnings.catch_warnings():
        # Fewer distinct points than clusters shows as an empty cluster, which is refused by its size.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(k, n_init=starts, random_state=seed).fit(points)


def _silhouette(points: Matrix, labels: Labels, seed: int) -> float:
    if len(points) > SILHOUETTE_SHOPPERS:
        rows = np.random.default_rng([seed, 3]).choice(len(points), SILHOUETTE_SHOPPERS, replace=False)
        points, labels = points[rows], labels[rows]
    if not 1 < len(np.unique(labels)) < len(points):
        return -1.0
    with config_context(working_memory=PAIRS_MEMORY):
        return float(silhouette_score(points, labels))


def _draw(points: Matrix, size: int, generator: np.random.Generator) -> Matrix:
    if len(points) <= size:
        return points
    drawn: Matrix = points[np.sort(generator.choice(len(points), size, replace=False))]
    return drawn
