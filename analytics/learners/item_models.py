"""What is known of product types from everybody: how popular they are, and which go together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from analytics.learners.purchases import MONTH, QUARTER, Habits

Floats = NDArray[np.float64]

# Chosen on October of Complete Journey among 200, 500, 1000, 1500 and 2000; the last four are within .002.
EASE_PENALTY = 1500.0
FACTORS = 24
# A rate over few shoppers is drawn to this many who did not.
PRIOR_SHOPPERS = 10.0


@dataclass(frozen=True, slots=True)
class ItemModel:
    """Figures of product types as of a day; a shopper's scores follow by one product.

    Attributes:
        shoppers: how many shoppers bought each type.
        shoppers_month: of these, in the last 30 days.
        trend: those of the last 30 days over a third of those of the last 90.
        repeat_rate: of those who bought it before the last 30 days, the share that bought it in them.
        novelty_rate: of those who had not, the share that did.
        ease: item-item weights; what a shopper has × these are the scores of EASE: types × types.
        similarity: cosine of the types' buyers, zero on the diagonal: types × types.
        factors: directions in which shoppers differ most, by logarithms of counts: types × factors.
    """

    shoppers: Floats
    shoppers_month: Floats
    trend: Floats
    repeat_rate: Floats
    novelty_rate: Floats
    ease: NDArray[np.float32]
    similarity: NDArray[np.float32]
    factors: NDArray[np.float32]

    @property
    def kinds(self) -> int:
        return len(self.shoppers)


def learn_items(chunks: Iterable[Habits], *, kinds: int, penalty: float = EASE_PENALTY) -> ItemModel:
    """Learns from shoppers chunk by chunk; memory holds one chunk and a few tables of types × types.

    The factors are those of a truncated singular value decomposition of the log counts, from their Gram matrix.
    EASE is ridge regression of each type on all others in closed form (Steck 2019): with the Gram matrix
    G = XᵀX + λI and P = G⁻¹, the weights are -P / diag(P), zero on the diagonal.

    Args:
        chunks: all as of the same day.
        penalty: λ, in shoppers.
    """
    gram, log_gram = np.zeros((kinds, kinds)), np.zeros((kinds, kinds))
    month, quarter, before, again, new = (np.zeros(kinds) for _ in range(5))
    everybody = 0
    for habits in chunks:
        seen = habits.seen.astype(np.float32)
        gram += seen.T @ seen
        logged = habits.spread(np.log1p(habits.counts)).astype(np.float32)
        log_gram += logged.T @ logged
        in_month, earlier = habits.month > 0, habits.counts > habits.month
        kind = habits.pair_kind
        month += np.bincount(kind[in_month], minlength=kinds)
        quarter += np.bincount(kind[habits.quarter > 0], minlength=kinds)
        before += np.bincount(kind[earlier], minlength=kinds)
        again += np.bincount(kind[earlier & in_month], minlength=kinds)
        new += np.bincount(kind[~earlier & in_month], minlength=kinds)
        everybody += habits.shoppers
    shoppers = np.diag(gram).copy()
    norms = np.sqrt(np.maximum(shoppers, 1.0))
    similarity = (gram / norms[:, None] / norms[None, :]).astype(np.float32)
    np.fill_diagonal(similarity, 0.0)
    return ItemModel(
        shoppers=shoppers,
        shoppers_month=month,
        trend=(month + 2.0) / (quarter * MONTH / QUARTER + 2.0),
        repeat_rate=(again + 1.0) / (before + PRIOR_SHOPPERS),
        novelty_rate=(new + 0.1) / (everybody - before + PRIOR_SHOPPERS),
        ease=_ease_weights(gram, penalty),
        similarity=similarity,
        factors=_leading_factors(log_gram),
    )


def log_counts(habits: Habits) -> NDArray[np.float32]:
    """Returns log(1 + orders with the type) of each pair."""
    return np.log1p(habits.counts).astype(np.float32)


def _ease_weights(gram: Floats, penalty: float) -> NDArray[np.float32]:
    ridged = gram.copy()
    ridged[np.diag_indices_from(ridged)] += penalty
    inverse = np.linalg.inv(ridged)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights.astype(np.float32)


def _leading_factors(gram: Floats) -> NDArray[np.float32]:
    count = min(FACTORS, len(gram))
    if not count:
        return np.zeros((0, 0), dtype=np.float32)
    _, vectors = eigh(gram, subset_by_index=[len(gram) - count, len(gram) - 1])
    return vectors.astype(np.float32)
