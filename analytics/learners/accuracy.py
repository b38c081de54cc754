"""How good a ranking and a forecast are: AUC with its interval, recall and NDCG of a shopper's first few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from analytics.learners.calibration import SMALLEST, Flags, Vector
from analytics.learners.ranking import ndcg_at

RESAMPLES = 1000


def auc(scores: Vector, answers: Flags) -> float:
    """Returns the chance that one who answered scores above one who did not, ties counted half; NaN without both."""
    positives = int(answers.sum())
    negatives = len(answers) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[answers].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def auc_interval(scores: Vector, answers: Flags, *, seed: int) -> tuple[float, float]:
    """Returns the 95 % interval of the AUC by the bootstrap over rows."""
    draws = np.random.default_rng([seed, 11])
    found = []
    for _ in range(RESAMPLES):
        rows = draws.integers(0, len(answers), len(answers))
        found.append(auc(scores[rows], answers[rows]))
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)


def log_loss(probability: Vector, answers: Flags) -> float:
    """Returns the mean negative log likelihood."""
    return float(np.mean(log_losses(probability, answers)))


def log_losses(probability: Vector, answers: Flags) -> Vector:
    """Returns the negative log likelihood of each answer."""
    clipped = np.clip(probability, SMALLEST, 1 - SMALLEST)
    losses: Vector = -np.where(answers, np.log(clipped), np.log1p(-clipped))
    return losses


def ranked_well(scores: NDArray[np.float64], answers: NDArray[np.bool_], *, first: int = 10) -> tuple[float, float]:
    """Returns recall and NDCG of each row's first few, as means over the rows with at least one answer.

    Args:
        scores, answers: shoppers × coupons.
    """
    rows = np.flatnonzero(answers.any(axis=1))
    if not len(rows):
        return float("nan"), float("nan")
    first = min(first, scores.shape[1])
    order = np.argsort(-scores[rows], axis=1, kind="stable")[:, :first]
    hits = np.take_along_axis(answers[rows], order, axis=1)
    recall = hits.sum(axis=1) / answers[rows].sum(axis=1)
    return float(recall.mean()), float(ndcg_at(scores[rows], answers[rows], k=first).mean())
