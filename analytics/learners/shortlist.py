"""From how likely a shopper buys each product type to a varied list of coupons, with a reason for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float32]

# A coupon is as good as the few things on it that the shopper most likely buys; a long tail adds nothing.
COUNTED_KINDS = 3
# A coupon for the whole shop keeps half of its relevance: it suits everybody, and so nobody in particular.
BREADTH_COST = 0.5
# What each coupon before it with the same leading type takes off.
REPETITION = 0.5
# A type on a coupon leads only if the coupon counts a fair part of it.
LEADING_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Relevance:
    """Shoppers × coupons: the score, and the type that speaks most for the coupon."""

    score: Table
    leading_kind: NDArray[np.int64]


def relevance_of(chances: Table, shares: Table, shop_share: Table) -> Relevance:
    """Returns how likely each shopper buys something that a coupon counts, less for a coupon that counts everything.

    Over the three likeliest types on the coupon: 1 - Π(1 - chance × share of the type that the coupon counts),
    times 1 - ½ × the share of the shop's sales that it counts.

    Args:
        chances: shoppers × types, each between 0 and 1.
        shares: coupons × types, likewise.
        shop_share: of each coupon.
    """
    shoppers, coupons = len(chances), len(shares)
    score = np.zeros((shoppers, coupons), dtype=np.float32)
    leading = np.zeros((shoppers, coupons), dtype=np.int64)
    for coupon in range(coupons):
        # Only the types on the coupon: most name a handful.
        kinds = np.flatnonzero(shares[coupon] > 0)
        if not len(kinds):
            continue
        likely = chances[:, kinds] * shares[coupon, kinds]
        count = min(COUNTED_KINDS, len(kinds))
        best = np.partition(likely, len(kinds) - count, axis=1)[:, -count:]
        score[:, coupon] = (1.0 - np.prod(1.0 - best, axis=1)) * (1.0 - BREADTH_COST * shop_share[coupon])
        leading[:, coupon] = kinds[np.argmax(np.where(shares[coupon, kinds] >= LEADING_SHARE, likely, -1.0), axis=1)]
    return Relevance(score=score, leading_kind=leading)


def varied_order(relevance: Relevance, group: NDArray[np.int64], *, length: int) -> NDArray[np.int64]:
    """Returns the best coupons of each shopper in order: shoppers × length, -1 where nothing is relevant any more.

    Greedy: the next is always the one with the highest score × ½ to the power of how many before it have its leading
    type, or its group. So ten coupons of one kind never stand in a row, and one that is far better still comes first.

    Args:
        group: of each coupon; coupons that count the same things share one. Negative for a coupon on its own.
    """
    shoppers, coupons = relevance.score.shape
    length = min(length, coupons)
    order = np.full((shoppers, length), -1, dtype=np.int64)
    left = relevance.score.copy()
    everybody = np.arange(shoppers)
    for place in range(length):
        chosen = np.argmax(left, axis=1)
        is_relevant = left[everybody, chosen] > 0
        order[is_relevant, place] = chosen[is_relevant]
        kind = relevance.leading_kind[everybody, chosen]
        alike = relevance.leading_kind == kind[:, None]
        alike |= (group[chosen][:, None] == group[None, :]) & (group[chosen][:, None] >= 0)
        left = np.where(alike & is_relevant[:, None], left * REPETITION, left)
        left[everybody, chosen] = 0.0
    return order


def groups_of(shares: Table) -> NDArray[np.int64]:
    """Returns a number for each coupon: the same for coupons that count the very same products' types."""
    _, group = np.unique(np.round(shares, 4), axis=0, return_inverse=True)
    numbers: NDArray[np.int64] = group.reshape(-1).astype(np.int64)
    return numbers


def strongest_companion(has: NDArray[np.bool_], weights: Table, kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns what each shopper has that speaks most for a type, by the weights of EASE; -1 for nothing that does.

    Args:
        has: rows × types.
        weights: types × types.
        kinds: the type in question of each row.
    """
    support = np.where(has, weights.T[kinds], 0.0)
    best = np.argmax(support, axis=1)
    companions: NDArray[np.int64] = np.where(support[np.arange(len(best)), best] > 0, best, -1)
    return companions
